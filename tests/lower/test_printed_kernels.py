"""What the text of a kernel must tell apart; tests/golden/ holds the texts of whole programs."""

import numpy as np

from graphc.lower import kernel_ir as k
from graphc.lower.printer import format_kernel


def test_loops_that_differ_only_in_their_bounds_have_different_texts():
    """Equal texts share machine code."""
    a, b = (k.Value(i, np.dtype(np.int64), 0) for i in (0, 1))
    head = (k.Constant(a, 1), k.Constant(b, 2))

    def text(**bounds):
        loop = k.Loop(k.Axis("i", 5), "serial", **bounds)
        return format_kernel(k.Kernel("kernel", (), (), (*head, loop)), canonical=True)

    variants = [{}, {"first": a}, {"first": b}, {"end": a}, {"end": b}, {"first": a, "end": b}, {"stop": a}]
    assert len({text(**v) for v in variants}) == len(variants)
