"""`gradcheck`: derivatives by both modes against central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphc.api.call import parameters_of
from graphc.api.compile import unbind
from graphc.api.differentiable import check_real
from graphc.api.transform import jvp, vjp
from graphc.errors import ArgumentError, DifferentiationError
from graphc.trace import tree


def gradcheck(
    f: Callable[..., Any],
    *xs: Any,
    rtol: float | None = None,
    atol: float | None = None,
    eps: float | None = None,
    modes: Sequence[str] = ("reverse", "forward"),
) -> bool:
    """True if the derivatives of `f` at `xs` agree with central differences; else an error naming the entry.

    Reverse mode is checked for every entry of `xs`; forward mode for every entry of the result, along one
    direction over all of `xs`. `modes` leaves one of them out.

    The differences (c·f(x + h) − c·f(x − h)) / 2h, for one fixed direction c over all results, are taken
    in float64 with h = eps·max(1, |x|), eps = 6e-6 (the cube root of the rounding unit). They must agree
    within atol + rtol·|difference|: 1e-5 and 1e-7 for float64 arguments, 1e-3 and 1e-4 for float32.
    """
    unknown = set(modes) - {"reverse", "forward"}
    check_real("gradcheck", xs)
    if unknown:
        raise ArgumentError(f"modes={modes!r}; choose from 'reverse' and 'forward'")
    if "reverse" in modes:
        _check_reverse(f, xs, eps or 6e-6, rtol, atol)
    if "forward" in modes:
        _check_forward(f, xs, eps or 6e-6, rtol, atol)
    return True


def _check_reverse(
    f: Callable[..., Any], xs: tuple[Any, ...], eps: float, rtol: float | None, atol: float | None
) -> None:
    """Compares the gradient of c·f with central differences, entry by entry."""
    function, bound = unbind(f)
    parameters = parameters_of(function, ())
    y, pullback = vjp(f, *xs)
    outputs, structure = tree.flatten(y)
    directions = list(_directions(outputs))
    gradients = pullback(tree.unflatten(structure, directions))
    for position, (x, gradient) in enumerate(zip(xs, gradients, strict=True)):
        leaves, shape = tree.flatten(x)
        names = tree.leaf_names(shape, parameters.name(len(bound) + position))
        for index, (leaf, g, name) in enumerate(zip(leaves, tree.flatten(gradient)[0], names, strict=True)):

            def along(value: Any, position: int = position, index: int = index) -> float:
                return _project(f, directions, _replaced(xs, position, index, value))

            tolerances = _tolerances([leaf], rtol, atol)
            _compare(name, np.asarray(g), along, np.asarray(leaf, np.float64), eps, *tolerances)


def _check_forward(
    f: Callable[..., Any], xs: tuple[Any, ...], eps: float, rtol: float | None, atol: float | None
) -> None:
    """Compares the tangent of the result along a fixed direction with the central difference."""
    leaves, structure = tree.flatten(xs)
    directions = list(_directions(leaves))
    _, moving = jvp(f, xs, tree.unflatten(structure, directions))
    tangents, shape = tree.flatten(moving)
    names = tree.leaf_names(shape, "the result")
    ends = [_results(f, xs, [s * eps * d for d in directions]) for s in (1, -1)]
    for name, t, above, below in zip(names, tangents, *ends, strict=True):
        if _is_real(t):
            found, differences = np.asarray(t), np.asarray((above - below) / (2 * eps))
            for entry in np.ndindex(found.shape):
                what = f"tangent of {name}"
                _agree(what, entry, found, float(differences[entry]), *_tolerances(leaves, rtol, atol))


def _tolerances(leaves: list[Any], rtol: float | None, atol: float | None) -> tuple[float, float]:
    single = any(_is_real(leaf) and np.asarray(leaf).dtype == np.float32 for leaf in leaves)
    return rtol or (1e-3 if single else 1e-5), atol or (1e-4 if single else 1e-7)


def _results(f: Callable[..., Any], xs: tuple[Any, ...], steps: list[Any]) -> list[Any]:
    """The leaves of f at `xs` moved by `steps`, in float64."""
    leaves, structure = tree.flatten(tuple(tree.tree_map(_double, x) for x in xs))
    moved = [x + s if _is_real(x) else x for x, s in zip(leaves, steps, strict=True)]
    return [_double(y) for y in tree.flatten(f(*tree.unflatten(structure, moved)))[0]]


def _is_real(leaf: Any) -> bool:
    return isinstance(leaf, float) or (isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind == "f")


def _directions(outputs: list[Any]) -> Iterator[Any]:
    """A cotangent for each result, with entries that are all different; zeros for integers."""
    for output in outputs:
        array = np.asarray(output)
        if array.dtype.kind == "f":
            yield (1 + 0.5 * np.sin(1 + np.arange(array.size))).reshape(array.shape).astype(array.dtype)
        else:
            yield np.zeros(array.shape)


def _project(f: Callable[..., Any], directions: list[Any], xs: tuple[Any, ...]) -> float:
    """c·f(xs)."""
    outputs, _ = tree.flatten(f(*xs))
    pairs = zip(outputs, directions, strict=True)
    return float(sum(np.sum(np.asarray(y, np.float64) * c) for y, c in pairs))


def _replaced(xs: tuple[Any, ...], position: int, index: int, value: Any) -> tuple[Any, ...]:
    """`xs` in float64, with one leaf replaced."""
    new = [tree.tree_map(_double, x) for x in xs]
    leaves, structure = tree.flatten(new[position])
    leaves[index] = value if np.ndim(leaves[index]) else float(value)
    new[position] = tree.unflatten(structure, leaves)
    return tuple(new)


def _double(leaf: Any) -> Any:
    is_real = isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind == "f"
    return leaf.astype(np.float64) if is_real else leaf


def _compare(
    name: str, g: Any, along: Callable[[Any], float], x: Any, eps: float, rtol: float, atol: float
) -> None:
    """Raises at the first entry of `x` where the gradient `g` and the central difference disagree."""
    for entry in np.ndindex(x.shape):
        h = eps * max(1.0, abs(x[entry]))
        above, below = x.copy(), x.copy()
        above[entry] += h
        below[entry] -= h
        # The step that was really taken, after rounding.
        difference = (along(above) - along(below)) / float(above[entry] - below[entry])
        _agree(f"gradient of argument {name}", entry, g, difference, rtol, atol)


def _agree(
    what: str, entry: tuple[int, ...], found: Any, difference: float, rtol: float, atol: float
) -> None:
    """Raises where an entry of a derivative is not close to its central difference."""
    if not abs(found[entry] - difference) <= atol + rtol * abs(difference):
        where = f"[{', '.join(map(str, entry))}]" if entry else ""
        raise DifferentiationError(
            f"{what}{where} is {found[entry]:.10g}, but central differences give {difference:.10g}"
            f" (they may differ by {atol + rtol * abs(difference):.2g})"
        )
