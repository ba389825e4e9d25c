"""Loops on plain arrays: Python runs them, as the definition of what the compiled ones return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.api.compile import Compiled, Settings
from graphc.api.control_flow.recording import is_value, known_number, refuse
from graphc.errors import ShapeError
from graphc.runtime.registry import default_backend
from graphc.trace import tree


def run_scan(
    scan: Callable[..., tuple[Any, Any]],
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any,
    length: Any,
    reverse: bool,
) -> tuple[Any, Any]:
    """`scan` step by step; the function itself is asked, traced, what no steps return."""
    leaves, structure = tree.flatten(xs)
    values = [leaf for leaf in leaves if is_value(leaf)]
    if not all(map(np.ndim, values)):
        raise ShapeError("scan walks along axis 0 of xs, but a leaf of it is a number: pass arrays")
    if not values and length is None:
        raise ShapeError("scan without xs and without length: pass length=, or arrays to walk along")
    lengths = {np.shape(leaf)[0] for leaf in values}
    lengths |= {known_number(length, "the length of a scan")} if length is not None else set()
    if len(lengths) != 1 or min(lengths) < 0:
        raise ShapeError(
            f"scan over sequences of lengths {sorted(lengths)}: pass arrays of one length, or length="
        )
    (steps,) = lengths
    if steps == 0:
        return _nothing(scan, f, init, xs, length)
    carry, made = copied(init), []
    for i in reversed(range(steps)) if reverse else range(steps):
        element = tree.unflatten(structure, [_readonly(x, i) if is_value(x) else x for x in leaves])
        result = f(carry, element)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise refuse(
                "the function of a scan returned no pair", "Return a pair: the carry, and y or None."
            )
        carry, y = copied(result[0]), copied(result[1])
        made.append(y)
    ordered = made[::-1] if reverse else made
    return carry, tree.tree_map(lambda *ys: np.stack(ys) if is_value(ys[0]) else ys[0], *ordered)


def copied(value: Any) -> Any:
    """The tree with arrays of its own, so that a step that writes to them changes nobody else's."""
    return tree.tree_map(lambda leaf: np.array(leaf) if type(leaf) is np.ndarray else leaf, value)


def _readonly(x: Any, i: int) -> Any:
    element = np.asarray(x)[i]
    if isinstance(element, np.ndarray):
        element.flags.writeable = False
    return element


def _nothing(
    scan: Callable[..., tuple[Any, Any]], f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Any
) -> tuple[Any, Any]:
    """A scan of no steps: its stacked results are empty, with the shapes that recording `f` tells."""

    def loop(carry: Any, elements: Any) -> tuple[Any, Any]:
        return scan(f, carry, elements, length)

    result: tuple[Any, Any] = Compiled(loop, loop, (), Settings(default_backend()))(init, xs)
    return result
