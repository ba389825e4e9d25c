"""Laws of forward mode, for every op: tangents are directional derivatives, and the adjoint of cotangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ir.types import type_of
from graphc.ir.verify import verify
from graphc.ops.base import apply
from graphc.trace.function import Abstract, call_graph, trace
from tests.laws.test_elementwise import CORNERS, OPS, SMOOTH, operands
from tests.laws.test_structural_ops import CASES, direction, floating, results, smooth

SYMMETRIC = {name for name, case in CASES.items() if case.symmetric}


def structural(name: str) -> tuple[Graph, list[Any], list[int]]:
    case = CASES[name]
    return record(lambda *xs: results(apply(case.op, *xs)), case.args), list(case.args), floating(case)


def elementwise(name: str) -> tuple[Graph, list[Any], list[int]]:
    arrays = operands(OPS[name])
    graph = record(lambda *xs: [apply(OPS[name](), *xs)], arrays)
    return graph, arrays, [i for i, a in enumerate(arrays) if a.dtype == np.float64]


LAWFUL: dict[str, tuple[Callable[[str], tuple[Graph, list[Any], list[int]]], str]] = {
    **{f"op {name}": (elementwise, name) for name in SMOOTH},
    **{name: (structural, name) for name in CASES if smooth(CASES[name])},
}


def record(function: Callable[..., Any], arrays: Any) -> Graph:
    return trace(lambda *xs: list(function(*xs)), [Abstract(type_of(a)) for a in arrays]).graph


def directions(name: str, arrays: list[Any], wrt: list[int]) -> list[Any]:
    if name in SYMMETRIC:
        return [direction(CASES[name], i) for i in wrt]
    rng = np.random.default_rng(3)
    return [rng.normal(size=arrays[i].shape) for i in wrt]


def moved(arrays: list[Any], wrt: list[int], tangents: list[Any], step: float) -> list[Any]:
    new = list(arrays)
    for i, t in zip(wrt, tangents, strict=True):
        new[i] = arrays[i] + step * t
    return new


def floats(values: Any) -> list[Any]:
    return [v for v in values if v.dtype == np.float64]


def assert_is_slope(found: list[Any], function: Callable[[float], list[Any]], step: float = 1e-5) -> None:
    """Central differences with steps h and h/2, extrapolated: the error of order h² cancels."""

    def difference(h: float) -> list[Any]:
        return [(a - b) / (2 * h) for a, b in zip(function(h), function(-h), strict=True)]

    for t, wide, narrow in zip(found, difference(2 * step), difference(step), strict=True):
        np.testing.assert_allclose(t, (4 * narrow - wide) / 3, rtol=1e-6, atol=3e-8)


@pytest.mark.parametrize("name", LAWFUL)
def test_tangents_are_directional_derivatives(name: str) -> None:
    make, key = LAWFUL[name]
    graph, arrays, wrt = make(key)
    tangents = directions(name, arrays, wrt)
    forward = pushforward(graph, wrt)
    verify(forward)
    found = interpret(forward, *arrays, *tangents)
    for y, again in zip(interpret(graph, *arrays), found, strict=False):
        np.testing.assert_array_equal(y, again)
    assert_is_slope(
        found[len(graph.outputs) :],
        lambda h: floats(interpret(graph, *moved(arrays, wrt, tangents, h))),
    )


@pytest.mark.parametrize("name", LAWFUL)
def test_forward_is_the_adjoint_of_reverse(name: str) -> None:
    """<g, J t> = <Jᵀ g, t>, operand by operand, so that each is checked with the others at rest."""
    make, key = LAWFUL[name]
    graph, arrays, wrt = make(key)
    seeded = [i for i, n in enumerate(graph.outputs) if n.array_type.dtype == np.float64]
    rng = np.random.default_rng(5)
    cotangents = [rng.normal(size=graph.outputs[i].array_type.shape) for i in seeded]
    for i, t in zip(wrt, directions(name, arrays, wrt), strict=True):
        moving = interpret(pushforward(graph, [i]), *arrays, t)[len(graph.outputs) :]
        (pulled,) = interpret(pullback(graph, [i], seeded), *arrays, *cotangents)[len(graph.outputs) :]
        forwards = sum(np.sum(g * v) for g, v in zip(cotangents, moving, strict=True))
        size = 1 + sum(np.sum(np.abs(g * v)) for g, v in zip(cotangents, moving, strict=True))
        assert abs(forwards - np.sum(pulled * t)) <= 1e-12 * size


@pytest.mark.parametrize("name", LAWFUL)
def test_forward_over_reverse_is_reverse_over_forward(name: str) -> None:
    """Both are the derivative of the gradient along t, of Σ sin(y): by the other mode, and by differences."""
    make, key = LAWFUL[name]
    graph, arrays, wrt = make(key)
    tangents = directions(name, arrays, wrt)
    head = record(
        lambda *xs: [sum(np.sum(np.sin(y)) for y in call_graph(graph, xs) if y.dtype == np.float64)], arrays
    )
    first = gradient(head, wrt)
    over_reverse = interpret(pushforward(first, wrt), *arrays, *tangents)[-len(wrt) :]

    swapped = pushforward(head, wrt)
    slope = Graph(swapped.inputs, swapped.outputs[-1:])
    over_forward = interpret(gradient(slope, wrt), *arrays, *tangents)[1:]
    scale = 1 + max(np.max(np.abs(h), initial=0) for h in over_reverse)
    for a, b in zip(over_reverse, over_forward, strict=True):
        if name in SYMMETRIC:  # only the symmetric part of the gradient is determined
            a, b = (h + h.swapaxes(-1, -2) for h in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10 * scale)
    assert_is_slope(
        [np.sum(h * t) for h, t in zip(over_reverse, tangents, strict=True)],
        lambda h: [
            np.sum(g * t)
            for g, t in zip(interpret(first, *moved(arrays, wrt, tangents, h))[1:], tangents, strict=True)
        ],
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_what_does_not_move_has_tangent_zero_at_corner_values(name: str) -> None:
    finite = [v for v in CORNERS if np.isfinite(v)]
    arrays = [grid.ravel() for grid in np.meshgrid(*[finite] * OPS[name].arity)]
    if name == "where":
        arrays[0] = arrays[0] > 0
    if name == "ldexp":
        arrays[1] = arrays[1].clip(-9, 9).astype(np.int32)
    graph = record(lambda *xs: [apply(OPS[name](), *xs)], arrays)
    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    (_, tangent) = interpret(pushforward(graph, wrt), *arrays, *(np.zeros_like(arrays[i]) for i in wrt))
    assert not np.any(tangent)


@pytest.mark.parametrize("name", SMOOTH)
def test_tangents_of_f32_are_f32(name: str) -> None:
    arrays = operands(OPS[name], dtype=np.float32)
    graph = record(lambda *xs: [apply(OPS[name](), *xs)], arrays)
    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float32]
    assert pushforward(graph, wrt).outputs[1].array_type.dtype == np.float32
