"""Ops with a derivative by some operands only: those obey the laws, the others are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import DifferentiationError
from graphc.ops.base import apply
from tests.helpers import check_gradient, record
from tests.laws.test_elementwise import OPS, PARTIAL, operands

ORDINALS = ("first", "second", "third")


def split(name: str) -> tuple[list[int], list[int]]:
    """The numbers of the operands with a derivative, and of those without."""
    texts = OPS[name].gradients or ()
    refused = [i for i, text in enumerate(texts) if text == "unknown"]
    return [i for i in range(len(texts)) if i not in refused], refused


def held(name: str, arrays: list[np.ndarray]) -> Callable[..., Any]:
    """The op as a function of the operands with a derivative, the others being constants."""
    known, _ = split(name)

    def function(*xs: Any) -> Any:
        args: list[Any] = list(arrays)
        for i, x in zip(known, xs, strict=True):
            args[i] = x
        return apply(OPS[name](), *(np.asarray(a, like=xs[0]) for a in args))

    return function


def test_there_are_such_ops() -> None:
    assert "gammainc" in PARTIAL


@pytest.mark.parametrize("name", PARTIAL)
def test_known_derivatives_are_those_of_finite_differences_twice(name: str) -> None:
    arrays = operands(OPS[name])
    known, _ = split(name)
    function = held(name, arrays)
    moving = [arrays[i] for i in known]
    check_gradient(function, *moving)
    for number in range(len(known)):

        def slope(*xs: Any, number: int = number) -> Any:
            return graphc.grad(lambda *ys: np.sum(function(*ys)), argnums=number)(*xs)

        check_gradient(slope, *moving)


@pytest.mark.parametrize("name", PARTIAL)
def test_forward_mode_agrees_with_reverse_mode(name: str) -> None:
    arrays = operands(OPS[name])
    known, _ = split(name)
    function = held(name, arrays)
    moving = tuple(arrays[i] for i in known)
    tangents = tuple(np.linspace(-1, 1, a.size) for a in moving)
    _, along = graphc.jvp(function, moving, tangents)
    gradients = graphc.grad(lambda *xs: np.sum(function(*xs)), argnums=tuple(range(len(known))))(*moving)
    np.testing.assert_allclose(
        along, sum(g * t for g, t in zip(gradients, tangents, strict=True)), rtol=1e-13
    )


@pytest.mark.parametrize("name", PARTIAL)
@pytest.mark.parametrize("forward", [False, True])
def test_other_derivatives_are_refused_by_name(name: str, forward: bool) -> None:
    arrays = operands(OPS[name])
    for i in split(name)[1]:

        def function(x: Any, i: int = i) -> Any:
            args = [np.asarray(a, like=x) for a in arrays]
            args[i] = x
            return np.sum(apply(OPS[name](), *args))

        with pytest.raises(
            DifferentiationError, match=f"no derivative of {name} by its .*{ORDINALS[i]}.* operand"
        ):
            if forward:
                graphc.jvp(function, (arrays[i],), (arrays[i],))
            else:
                graphc.grad(function)(arrays[i])


def test_the_refusal_names_line_and_remedy() -> None:
    special = pytest.importorskip("scipy.special")
    with pytest.raises(DifferentiationError) as caught:
        graphc.grad(lambda a: special.gammainc(a, 2.0))(1.5)
    lines = str(caught.value).split("\n")
    assert lines[0] == "graphc has no derivative of gammainc by its first operand"
    assert lines[1].startswith("  at test_partial_derivatives.py:")
    assert lines[2] == (
        "  Hold it constant with graphc.stop_gradient, or give the function around it a rule with "
        "graphc.custom_vjp."
    )


def test_a_constant_operand_is_no_obstacle() -> None:
    special = pytest.importorskip("scipy.special")

    def both(x: Any) -> Any:
        return special.gammaincc(graphc.stop_gradient(x), x)

    slope = graphc.grad(both)(1.5)
    np.testing.assert_allclose(slope, -(1.5**0.5) * np.exp(-1.5) / special.gamma(1.5), rtol=1e-14)
    assert record(both, "f32").graph.outputs[0].array_type.dtype == np.float32
