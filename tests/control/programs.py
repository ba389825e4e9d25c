"""What tests of branches and loops share: one program on every backend, beside Python's own run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc
from graphc.trace import tree

BACKENDS = ("interpret", "numba", "cpu")


def agrees(function: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> Any:
    """What Python computes for these arguments; every backend returns the same types and values."""
    expected = function(*args)
    leaves, structure = tree.flatten(expected)
    for backend in BACKENDS:
        made, other = tree.flatten(graphc.compile(function, backend=backend)(*args))
        assert other == structure, backend
        for a, e in zip(made, leaves, strict=True):
            assert np.asarray(a).dtype == np.asarray(e).dtype, backend
            assert np.shape(a) == np.shape(e), backend
            np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol, err_msg=backend)
    return expected


def derivative(function: Callable[..., Any], *args: Any, rtol: float = 2e-6) -> Any:
    """The gradient of a scalar function, by every backend; it agrees with central differences."""
    step = 1e-6
    rng = np.random.default_rng(0)
    positions = tuple(range(len(args)))
    for backend in BACKENDS:
        compiled = graphc.compile(graphc.grad(function, argnums=positions), backend=backend)
        gradients = compiled(*args)
        for i, g in enumerate(gradients):
            direction = rng.normal(size=np.shape(args[i]))
            ahead, behind = list(args), list(args)
            ahead[i], behind[i] = args[i] + step * direction, args[i] - step * direction
            slope = (function(*ahead) - function(*behind)) / (2 * step)
            np.testing.assert_allclose(np.sum(g * direction), slope, rtol=rtol, atol=2e-7, err_msg=backend)
    return gradients
