"""What the Python peers share: sizes, inputs, the clock, and the line of JSON that each prints.

`python workload.py DIR --size S --cell rnn` draws the inputs into a folder of raw little-endian files.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

# N captions of at most T steps, F features, D entries of a word's vector, H of the state, V words.
SIZES = {
    "XS": {"N": 4, "T": 64, "F": 16, "D": 16, "H": 16, "V": 32},
    "S": {"N": 50, "T": 16, "F": 512, "D": 256, "H": 512, "V": 1004},
    "L": {"N": 128, "T": 20, "F": 2048, "D": 512, "H": 512, "V": 10_000},
}

# The blocks of H columns of a cell's weights: h; f, g; i, f, o, g.
BLOCKS = {"rnn": 1, "mgu": 2, "lstm": 4}

PARAMETERS = ["W_proj", "b_proj", "W_embed", "Wx", "Wh", "b", "W_vocab", "b_vocab"]

NULL, START, END = 0, 1, 2


def shapes(size, cell):
    """The shape of each parameter."""
    F, D, H, V = (size[name] for name in "FDHV")
    G = BLOCKS[cell]
    return {
        "W_proj": (F, H),
        "b_proj": (H,),
        "W_embed": (V, D),
        "Wx": (D, G * H),
        "Wh": (H, G * H),
        "b": (G * H,),
        "W_vocab": (H, V),
        "b_vocab": (V,),
    }


def flops(size, cell):
    """Floating-point operations of the products of a step, forward and backward, padding included."""
    N, T, F, D, H, V = (size[name] for name in "NTFDHV")
    return 4 * N * F * H + 6 * N * T * (BLOCKS[cell] * (D * H + H * H) + H * V)


def draw(folder, size, cell):
    """Draws parameters as CS231n starts them, features, and captions of T / 2 to T steps."""
    random = np.random.default_rng(231)
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in shapes(size, cell).items():
        if len(shape) == 1:
            # Not zero, so that a bias that is forgotten is found.
            values = 0.1 * random.standard_normal(shape)
        else:
            scale = 100 if name == "W_embed" else np.sqrt(shape[0])
            values = random.standard_normal(shape) / scale
        values.astype("<f4").tofile(folder / f"{name}.f32")
    N, T, F, V = (size[name] for name in "NTFV")
    random.standard_normal((N, F)).astype("<f4").tofile(folder / "features.f32")
    captions = np.full((N, T + 1), NULL, "<i4")
    for caption in captions:
        steps = random.integers(T // 2, T, endpoint=True)
        caption[:steps] = random.integers(4, V, steps)
        caption[0], caption[steps] = START, END
    captions.tofile(folder / "captions.i32")


class Case:
    """What is to be measured, by the arguments that `run` gives each peer."""

    def __init__(self, forms):
        parser = argparse.ArgumentParser()
        parser.add_argument("--inputs", type=Path, required=True)
        parser.add_argument("--size", choices=SIZES, type=str.upper, default="S")
        parser.add_argument("--cell", choices=BLOCKS, default="rnn")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument("--seconds", type=float, default=3.0)
        parser.add_argument("--form", choices=forms, default=forms[0])
        arguments = parser.parse_args()
        self.form, self.cell = arguments.form, arguments.cell
        self.threads, self.seconds = arguments.threads, arguments.seconds
        self.size_name, self.size = arguments.size, SIZES[arguments.size]
        read = lambda name, kind: np.fromfile(arguments.inputs / name, kind)
        self.params = {
            name: read(f"{name}.f32", "<f4").reshape(shape) for name, shape in shapes(self.size, self.cell).items()
        }
        self.features = read("features.f32", "<f4").reshape(self.size["N"], self.size["F"])
        self.captions = read("captions.i32", "<i4").reshape(self.size["N"], self.size["T"] + 1)

    def measure(self, peer, step, named=lambda gradients: gradients):
        """Times `step`, which returns loss and gradients, and prints the line; `named` gives the gradients by name."""
        for _ in range(2):
            loss, gradients = step()
        times, start = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - start < self.seconds:
            begin = time.perf_counter()
            loss, gradients = step()
            times.append(time.perf_counter() - begin)
        norm = lambda values: float(np.linalg.norm(np.asarray(values, np.float64)))
        gradients = named(gradients)
        median = sorted(times)[len(times) // 2]
        line = {
            "peer": peer,
            "size": self.size_name,
            "cell": self.cell,
            "threads": self.threads,
            "med_ms": 1e3 * median,
            "min_ms": 1e3 * min(times),
            "loss": float(loss),
            "grad_norm": {name: norm(gradients[name]) for name in PARAMETERS},
            "gflops": 1e-9 * flops(self.size, self.cell) / median,
            "peak_bytes": peak_bytes(),
        }
        print(json.dumps(line))


def peak_bytes():
    """The most memory that this process has held, where the system tells."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    lines = (line.split() for line in status.splitlines())
    return next((1024 * int(line[1]) for line in lines if line and line[0] == "VmHWM:"), None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, type=str.upper, required=True)
    parser.add_argument("--cell", choices=BLOCKS, required=True)
    arguments = parser.parse_args()
    draw(arguments.folder, SIZES[arguments.size], arguments.cell)
