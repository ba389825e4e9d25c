"""The ops that random programs are made of: each draws its operands from what there is, or gives up."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.ir.graph import Node
from graphc.ir.parser import registered_ops
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.gather import Gather, ScatterAdd
from graphc.ops.leaf import Iota
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose
from tests.laws.random_maker import Maker

# Jumps: a rounding error in an operand may change the result completely, so operands are exact.
JUMPS = frozenset(
    {"floor", "ceil", "trunc", "rint", "sign", "signbit", "floor_divide", "remainder", "fmod", "nextafter"}
    | {"spacing", "heaviside", "copysign", "equal", "not_equal", "less", "less_equal", "greater", "ldexp"}
    | {
        "greater_equal",
        "isnan",
        "isinf",
        "isfinite",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
    }
)
EXACT = frozenset(["negative", "absolute", "maximum", "minimum", "where", "fabs"])


@cache
def elementwise_ops() -> tuple[tuple[type[AbstractElementwise], str], ...]:
    """Every elementwise op with each kind of operands it takes."""
    found = []
    for cls in registered_ops().values():
        if not issubclass(cls, AbstractElementwise) or cls.name == "where":
            continue
        if "unknown" in (cls.gradients or ()):  # programs are differentiated by all inputs
            continue
        for kind, dtype in (("f", np.float64), ("i", np.int64), ("b", np.bool_)):
            try:
                cls().infer(*[ArrayType(np.dtype(dtype), ())] * cls.arity)
            except (GraphcError, TypeError):
                continue
            found.append((cls, kind))
    return tuple(found)


def _elementwise(make: Maker) -> Node | None:
    cls, kind = make.pick(elementwise_ops())
    return _apply(make, cls, [make.any_node(kind) for _ in range(cls.arity)])


def _arithmetic(make: Maker) -> Node | None:
    name = make.pick(
        ["add", "subtract", "multiply", "divide", "negative", "exp", "square", "maximum", "tanh"]
    )
    cls = registered_ops()[name]
    return _apply(make, cls, [make.any_node() for _ in range(cls.arity)])  # type: ignore[attr-defined]


def _with_constant(make: Maker) -> Node | None:
    """x op c with the constants that simplifications look for."""
    name = make.pick(["add", "subtract", "multiply", "divide", "maximum", "power"])
    x = make.any_node()
    if x is None:
        return None
    c = make.filled(make.pick([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0]), x)
    return _apply(make, registered_ops()[name], [x, c] if make.choose(3) else [c, x])


def _apply(make: Maker, cls: Any, operands: list[Node | None]) -> Node | None:
    """The op on operands brought to one dtype, one shape and the op's domain."""
    if any(x is None for x in operands):
        return None
    nodes: list[Node] = [x for x in operands if x is not None]
    dtype = nodes[0].array_type.dtype
    nodes = [x if x.array_type.dtype == dtype else make.add(Cast(dtype), x) for x in nodes]
    shape = _common_shape(*(x.array_type.shape for x in nodes))
    if shape is None:
        nodes, shape = [nodes[0]] * len(nodes), nodes[0].array_type.shape
    if cls.name == "power" and dtype.kind != "f" and np.min(make.values[nodes[-1]], initial=0) < 0:
        return None  # NumPy refuses negative exponents of integers
    jumps = cls.name in JUMPS or not cls.differentiable
    if jumps and not all(x in make.exact for x in nodes):
        return None
    ready = []
    for x, (low, high) in zip(nodes, cls.domain * (len(nodes) if len(cls.domain) == 1 else 1), strict=True):
        x = x if dtype.kind == "b" else make.tame(x, low, high)
        if jumps and x not in make.exact:
            return None
        ready.append(make.fit(x, shape))
    return make.add(cls(), *ready, exact=jumps or cls.name in EXACT)


def _common_shape(*shapes: tuple[Any, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def _where(make: Maker) -> Node | None:
    condition, x, y = make.any_node("b"), make.any_node(), make.any_node()
    if condition is None or x is None or y is None:
        return None
    shape = _common_shape(*(n.array_type.shape for n in (condition, x, y)))
    if shape is None or x.array_type.dtype != y.array_type.dtype:
        return None
    return make.add(registered_ops()["where"](), *(make.fit(n, shape) for n in (condition, x, y)), exact=True)


def _cast(make: Maker) -> Node | None:
    x = make.any_node(make.pick(["f", "i", "b"]))
    wide = make.dtype if make.choose(3) else np.dtype(np.float64)
    if x is None or (x.array_type.dtype.kind == "f" and x.array_type.dtype != make.dtype and make.choose(2)):
        return None
    return make.add(Cast(wide), x, exact=True)


def _reduce(make: Maker) -> Node | None:
    name = make.pick(["sum", "sum", "max", "min", "prod", "all", "any", "argmax"])
    x = make.any_node("b" if name in ("all", "any") else "f")
    if x is None or not x.array_type.ndim:
        return None
    if name == "argmax":
        if x not in make.exact:
            return None
        return make.add(registered_ops()[name](make.choose(x.array_type.ndim)), x, exact=True)
    axes = tuple(a for a in range(x.array_type.ndim) if make.choose(2))
    return make.add(registered_ops()[name](axes), x, exact=name not in ("sum", "prod"))


def _view(make: Maker) -> Node | None:
    x = make.any_node(make.pick("fffib"))
    if x is None:
        return None
    shape: tuple[Any, ...] = x.array_type.shape
    ndim = len(shape)
    kind = make.choose(4)
    if kind == 0:
        order = sorted(range(ndim), key=lambda _: make.choose(8))
        return make.add(Transpose(tuple(order)), x, exact=True)
    if kind == 1:
        at = make.choose(ndim + 1)
        flat = (int(np.prod(shape)),)
        folded = (*shape[:at], 1, *shape[at:])
        squeezed = tuple(n for n in shape if n != 1)
        return make.add(Reshape(make.pick([flat, folded, squeezed])), x, exact=True)
    if kind == 2 and ndim < 3:
        return make.add(BroadcastTo((make.pick([1, 2, 3]), *shape)), x, exact=True)
    return make.add(_random_slice(make, shape), x, exact=True)


def _random_slice(make: Maker, shape: tuple[int, ...]) -> Slice:
    start, length, step = [], [], []
    for n in shape:
        by = make.pick([1, 1, 2, -1])
        first = make.choose(n) if n else 0
        room = (n - first + abs(by) - 1) // abs(by) if by > 0 else first + 1
        start.append(first)
        step.append(by)
        length.append(min(n, 1 + make.choose(max(room, 1))))
    return Slice(tuple(start), tuple(length), tuple(step))


def _pad(make: Maker) -> Node | None:
    x = make.any_node()
    if x is None:
        return None
    start, shape, step = [], [], []
    for n in x.array_type.shape:
        before, by = make.choose(3), make.pick([1, 1, 2])
        start.append(before)
        step.append(by)
        shape.append(before + max((n - 1) * by + 1, 0) + make.choose(2))  # type: ignore[operator]
    return make.add(Pad(tuple(start), tuple(shape), tuple(step)), x, exact=True)


def _concatenate(make: Maker) -> Node | None:
    x, y = make.any_node(), make.any_node()
    if x is None or y is None or not x.array_type.ndim:
        return None
    parts = [x, y] if x.array_type.shape == y.array_type.shape else [x, x]
    return make.add(Concatenate(make.choose(x.array_type.ndim)), *parts, exact=True)


def _contract(make: Maker) -> Node | None:
    """Labels of equal size are shared at random."""
    a, b = make.any_node(), make.any_node()
    if a is None or b is None or a.array_type.dtype != b.array_type.dtype:
        return None
    left = tuple(range(a.array_type.ndim))
    right: list[int] = []
    for n in b.array_type.shape:
        same = [x for x in left if a.array_type.shape[x] == n and x not in right]
        right.append(make.pick(same) if same and make.choose(3) else 10 + len(right))
    shared = [x for x in left if x in right]
    summed = [x for x in shared if make.choose(3)]
    out = [x for x in (*left, *(r for r in right if r not in left)) if x not in summed]
    return make.add(Contract(left, tuple(right), tuple(sorted(out, key=lambda _: make.choose(8)))), a, b)


def _gather(make: Maker) -> Node | None:
    x = make.any_node()
    if x is None or not x.array_type.ndim:
        return None
    axis = make.choose(x.array_type.ndim)
    n = x.array_type.shape[axis]
    if not isinstance(n, int) or n == 0:
        return None
    count = 1 + make.choose(4)
    regular = make.choose(2)
    numbers = list(range(min(count, n))) if regular else [make.choose(n) for _ in range(count)]
    indices = make.constant(numbers, np.dtype(np.int64))
    y = make.add(Gather((axis,)), x, indices, exact=True)
    if make.choose(2):
        zeros = make.fit(make.constant(0, x.array_type.dtype), x.array_type.shape)  # type: ignore[arg-type]
        return make.add(ScatterAdd((axis,)), make.pick([zeros, x]), y, indices)
    return y


def _iota(make: Maker) -> Node:
    return make.add(Iota(make.pick([make.dtype, np.dtype(np.int64)]), (2, 3), make.choose(2)), exact=True)


ACTIONS: tuple[Callable[[Maker], Node | None], ...] = (
    _elementwise,
    _elementwise,
    _arithmetic,
    _arithmetic,
    _arithmetic,
    _with_constant,
    _with_constant,
    _where,
    _cast,
    _reduce,
    _reduce,
    _view,
    _view,
    _view,
    _pad,
    _concatenate,
    _contract,
    _contract,
    _gather,
    _iota,
)
