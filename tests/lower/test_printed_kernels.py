"""The kernels of two programs as text, kept in tests/golden/."""

from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.lower import kernel_ir as k
from graphc.lower.printer import format_kernel

GOLDEN = Path(__file__).parents[1] / "golden"


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def loss(x, w, b):
    return np.mean(np.tanh(x @ w + b) ** 2)


PROGRAMS = {
    "softmax": (softmax, ("f32[N, 1024]",)),
    "loss": (loss, ("f32[64, 784]", "f32[784, 10]", "f32[10]")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_kernels_print_as_they_did(name, update_golden):
    function, types = PROGRAMS[name]
    text = str(graphc.compile(function).lower(*types).kernels) + "\n"
    file = GOLDEN / f"{name}.kernels"
    if update_golden:
        file.write_text(text)
    assert text == file.read_text(), "if the change is right: pytest --update-golden"


def test_loops_that_differ_only_in_their_bounds_have_different_texts():
    """Equal texts share machine code."""
    a, b = (k.Value(i, np.dtype(np.int64), 0) for i in (0, 1))
    head = (k.Constant(a, 1), k.Constant(b, 2))

    def text(**bounds):
        loop = k.Loop(k.Axis("i", 5), "serial", **bounds)
        return format_kernel(k.Kernel("kernel", (), (), (*head, loop)), canonical=True)

    variants = [{}, {"first": a}, {"first": b}, {"end": a}, {"end": b}, {"first": a, "end": b}, {"stop": a}]
    assert len({text(**v) for v in variants}) == len(variants)
