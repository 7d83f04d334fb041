"""numpy after CS231n's functions (`rnn_layers.py`, `classifiers/rnn.py`), step by step, forward and backward by hand.

In float64 it is what the others' losses and gradients are compared with.
"""

import numpy as np

from workload import NULL, PARAMETERS, Case


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(x, state, p):
    (h,) = state
    h = np.tanh(x @ p["Wx"] + h @ p["Wh"] + p["b"])
    return (h,), (x, *state, h)


def rnn_step_backward(dstate, cache, p, add):
    (dh,), (x, prev_h, h) = dstate, cache
    da = dh * (1 - h * h)
    add("Wx", x.T @ da)
    add("Wh", prev_h.T @ da)
    add("b", da.sum(0))
    return da @ p["Wx"].T, (da @ p["Wh"].T,)


def lstm_step(x, state, p):
    h, c = state
    a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
    H = h.shape[1]
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * c + i * g
    tanh_c = np.tanh(next_c)
    return (o * tanh_c, next_c), (x, h, c, i, f, o, g, tanh_c)


def lstm_step_backward(dstate, cache, p, add):
    (dh, dc), (x, prev_h, prev_c, i, f, o, g, tanh_c) = dstate, cache
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    gates = [dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dh * tanh_c * o * (1 - o), dc * i * (1 - g * g)]
    da = np.concatenate(gates, 1)
    add("Wx", x.T @ da)
    add("Wh", prev_h.T @ da)
    add("b", da.sum(0))
    return da @ p["Wx"].T, (da @ p["Wh"].T, dc * f)


def mgu_step(x, state, p):
    (h,) = state
    H = h.shape[1]
    a = x @ p["Wx"] + p["b"]
    f = sigmoid(a[:, :H] + h @ p["Wh"][:, :H])
    g = np.tanh(a[:, H:] + (f * h) @ p["Wh"][:, H:])
    return (h + f * (g - h),), (x, h, f, g)


def mgu_step_backward(dstate, cache, p, add):
    (dh,), (x, prev_h, f, g) = dstate, cache
    H = prev_h.shape[1]
    dag = dh * f * (1 - g * g)
    dkept = dag @ p["Wh"][:, H:].T
    daf = (dh * (g - prev_h) + dkept * prev_h) * f * (1 - f)
    da = np.concatenate([daf, dag], 1)
    add("Wx", x.T @ da)
    add("Wh", np.concatenate([prev_h.T @ daf, (f * prev_h).T @ dag], 1))
    add("b", da.sum(0))
    return da @ p["Wx"].T, (dh * (1 - f) + dkept * f + daf @ p["Wh"][:, :H].T,)


CELLS = {"rnn": (rnn_step, rnn_step_backward), "lstm": (lstm_step, lstm_step_backward), "mgu": (mgu_step, mgu_step_backward)}


def softmax_loss(scores, words):
    """Cross entropy over the words that are not `<NULL>`, a sum over steps and a mean over captions, and its gradient."""
    N, T, V = scores.shape
    flat, words = scores.reshape(N * T, V), words.reshape(N * T)
    mask, rows = words != NULL, np.arange(N * T)
    probs = np.exp(flat - flat.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    loss = -np.sum(mask * np.log(probs[rows, words])) / N
    probs[rows, words] -= 1
    probs /= N
    probs *= mask[:, None]
    return loss, probs.reshape(N, T, V)


def step(case, p, features):
    forward, backward = CELLS[case.cell]
    read, predict = case.captions[:, :-1], case.captions[:, 1:]
    N, T = read.shape
    h0 = features @ p["W_proj"] + p["b_proj"]
    x = p["W_embed"][read]
    state = (h0, np.zeros_like(h0)) if case.cell == "lstm" else (h0,)
    caches, states = [], np.empty((N, T, h0.shape[1]), h0.dtype)
    for t in range(T):
        state, cache = forward(x[:, t], state, p)
        states[:, t] = state[0]
        caches.append(cache)
    flat = states.reshape(N * T, -1)
    scores = (flat @ p["W_vocab"] + p["b_vocab"]).reshape(N, T, -1)
    loss, dscores = softmax_loss(scores, predict)

    grads = {name: np.zeros_like(p[name]) for name in ("W_embed", "Wx", "Wh", "b")}

    def add(name, term):
        grads[name] += term

    dflat = dscores.reshape(N * T, -1)
    dstates = (dflat @ p["W_vocab"].T).reshape(states.shape)
    grads["W_vocab"], grads["b_vocab"] = flat.T @ dflat, dflat.sum(0)
    dx, dstate = np.empty_like(x), tuple(np.zeros_like(part) for part in state)
    for t in reversed(range(T)):
        dstate = (dstate[0] + dstates[:, t], *dstate[1:])
        dx[:, t], dstate = backward(dstate, caches[t], p, add)
    np.add.at(grads["W_embed"], read, dx)
    grads["W_proj"], grads["b_proj"] = features.T @ dstate[0], dstate[0].sum(0)
    return loss, {name: grads[name] for name in PARAMETERS}


def main():
    case = Case(["float32", "float64"])
    p = {name: value.astype(case.form) for name, value in case.params.items()}
    features = case.features.astype(case.form)
    case.measure("numpy" if case.form == "float32" else "numpy float64", lambda: step(case, p, features))


if __name__ == "__main__":
    main()
