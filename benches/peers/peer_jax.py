"""JAX: the cell under `lax.scan`, loss and gradients as one compiled program; padded captions."""

import jax
import jax.numpy as jnp

from workload import NULL, Case


def rnn(p, h, x):
    h = jnp.tanh(x @ p["Wx"] + h @ p["Wh"] + p["b"])
    return h, h


def lstm(p, state, x):
    h, c = state
    i, f, o, g = jnp.split(x @ p["Wx"] + h @ p["Wh"] + p["b"], 4, 1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def mgu(p, h, x):
    Uf, Ug = jnp.split(p["Wh"], 2, 1)
    xf, xg = jnp.split(x @ p["Wx"] + p["b"], 2, 1)
    f = jax.nn.sigmoid(xf + h @ Uf)
    g = jnp.tanh(xg + (f * h) @ Ug)
    h = h + f * (g - h)
    return h, h


CELLS = {"rnn": rnn, "lstm": lstm, "mgu": mgu}


def main():
    case = Case(["scan", "unrolled"])
    cell, unroll = CELLS[case.cell], case.size["T"] if case.form == "unrolled" else 1

    def loss_of(p, features, captions):
        read, predict = captions[:, :-1].T, captions[:, 1:].T
        h0 = features @ p["W_proj"] + p["b_proj"]
        start = (h0, jnp.zeros_like(h0)) if case.cell == "lstm" else h0
        _, states = jax.lax.scan(lambda h, x: cell(p, h, x), start, p["W_embed"][read], unroll=unroll)
        scores = jax.nn.log_softmax(states @ p["W_vocab"] + p["b_vocab"])
        terms = jnp.take_along_axis(scores, predict[..., None], 2)[..., 0]
        return -jnp.sum(terms * (predict != NULL)) / len(features)

    program = jax.jit(jax.value_and_grad(loss_of))
    inputs = jax.device_put(case.params), jnp.asarray(case.features), jnp.asarray(case.captions)
    case.measure(f"jax {case.form}", lambda: jax.block_until_ready(program(*inputs)))


if __name__ == "__main__":
    main()
