"""PyTorch: the built-in recurrence, the cell in a Python loop, and that loop compiled; padded captions."""

import torch
from torch import nn
from torch.nn import functional as F

from workload import NULL, Case

# The blocks of the files, i f o g, in PyTorch's order, i f g o; the exchange is its own inverse.
GATES = {"rnn": [0], "lstm": [0, 1, 3, 2]}


def rnn(x, h, p):
    states = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ p["Wx"] + h @ p["Wh"] + p["b"])
        states.append(h)
    return torch.stack(states, 1)


def lstm(x, h, p):
    states, c = [], torch.zeros_like(h)
    for t in range(x.shape[1]):
        i, f, o, g = (x[:, t] @ p["Wx"] + h @ p["Wh"] + p["b"]).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, 1)


def mgu(x, h, p):
    states = []
    Uf, Ug = p["Wh"].chunk(2, 1)
    for t in range(x.shape[1]):
        xf, xg = (x[:, t] @ p["Wx"] + p["b"]).chunk(2, 1)
        f = torch.sigmoid(xf + h @ Uf)
        g = torch.tanh(xg + (f * h) @ Ug)
        h = h + f * (g - h)
        states.append(h)
    return torch.stack(states, 1)


LOOPS = {"rnn": rnn, "lstm": lstm, "mgu": mgu}


def reordered(weights, cell):
    """Blocks of columns in PyTorch's order, or back."""
    blocks = weights.chunk(len(GATES[cell]), -1)
    return torch.cat([blocks[index] for index in GATES[cell]], -1)


def built_in(case, params):
    """`nn.RNN` or `nn.LSTM` with the weights of the files, and how its gradients are named."""
    D, H = case.size["D"], case.size["H"]
    layer = {"rnn": nn.RNN, "lstm": nn.LSTM}[case.cell](D, H, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(reordered(params["Wx"], case.cell).T)
        layer.weight_hh_l0.copy_(reordered(params["Wh"], case.cell).T)
        layer.bias_ih_l0.copy_(reordered(params["b"], case.cell))
        layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad = False
    trained = {name: param for name, param in params.items() if name not in ("Wx", "Wh", "b")}
    trained |= {"Wx": layer.weight_ih_l0, "Wh": layer.weight_hh_l0, "b": layer.bias_ih_l0}

    def through_time(x, h0, _):
        state = h0[None] if case.cell == "rnn" else (h0[None], torch.zeros_like(h0)[None])
        return layer(x, state)[0]

    def named(gradients):
        own = {name: reordered(gradients[name].T, case.cell) for name in ("Wx", "Wh", "b")}
        return gradients | own

    return through_time, trained, named


def main():
    case = Case(["builtin", "loop", "compiled"])
    torch.set_num_threads(case.threads)
    params = {name: torch.tensor(value, requires_grad=True) for name, value in case.params.items()}
    features = torch.tensor(case.features)
    captions = torch.tensor(case.captions, dtype=torch.long)
    read, predict = captions[:, :-1].contiguous(), captions[:, 1:].contiguous()
    if case.form == "builtin":
        through_time, trained, named = built_in(case, params)
    else:
        through_time, trained, named = LOOPS[case.cell], params, lambda gradients: gradients

    def loss_of(params):
        h0 = features @ params["W_proj"] + params["b_proj"]
        states = through_time(F.embedding(read, params["W_embed"]), h0, params)
        scores = states @ params["W_vocab"] + params["b_vocab"]
        total = F.cross_entropy(scores.flatten(0, 1), predict.flatten(), ignore_index=NULL, reduction="sum")
        return total / len(features)

    forward = torch.compile(loss_of, dynamic=False) if case.form == "compiled" else loss_of

    def step():
        for param in trained.values():
            param.grad = None
        loss = forward(params)
        loss.backward()
        return loss.item(), {name: param.grad for name, param in trained.items()}

    case.measure(f"torch {case.form}", step, named)


if __name__ == "__main__":
    main()
