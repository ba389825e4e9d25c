"""Identities between elementwise expressions as data: `x*1` is `x`, for these dtypes, under this condition.

Both sides are Python expressions that SymPy reads too, so a test proves every identity. Here they are
compiled to a matcher of graph nodes and a builder of the other side.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.graph import AbstractOp, Node
from graphc.ops import elementwise  # noqa: F401  (registers the ops of patterns)
from graphc.ops.base import ALL_OPS
from graphc.passes.engine import Maker, NodeRule, splat

# Dtype kinds an identity holds for.
FLOAT, INTEGER, BOOLEAN, NUMBER = "f", "iu", "b", "fiu"


@dataclass(frozen=True)
class Identity:
    """`before` may be replaced by `after` where the last operand's dtype kind is in `kinds`.

    The variable c stands for booleans, the others for anything of that kind.

    `exact`: both sides are the same bits for all operands (NaN's sign and payload aside). Otherwise
    `condition` says how they differ. `guard` decides about what the variables stand for.
    """

    before: str
    after: str
    kinds: str = NUMBER
    exact: bool = True
    condition: str = ""
    guard: Callable[[dict[str, Node]], bool] | None = None


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Number:
    value: float | int | bool


@dataclass(frozen=True)
class Call:
    op: AbstractOp
    operands: tuple[Pattern, ...]


Pattern: TypeAlias = Variable | Number | Call

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.USub: "negative",
}
COMMUTATIVE = frozenset(
    ["add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "logaddexp", "equal", "not_equal"]
)


def parse_pattern(text: str) -> Pattern:
    """The pattern written `text`."""
    return _pattern(ast.parse(text, mode="eval").body)


def _pattern(node: ast.expr) -> Pattern:
    match node:
        case ast.Name(id=name):
            return Variable(name)
        case ast.Constant(value=bool() | int() | float() as value):
            return Number(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Number(-value)
        case ast.UnaryOp(op=operator, operand=x):
            return Call(ALL_OPS[_OPERATORS[type(operator)]](), (_pattern(x),))
        case ast.BinOp(left=x, op=operator, right=y):
            return Call(ALL_OPS[_OPERATORS[type(operator)]](), (_pattern(x), _pattern(y)))
        case ast.Call(func=ast.Name(id=name), args=operands):
            return Call(ALL_OPS[name](), tuple(_pattern(x) for x in operands))
    raise ValueError(f"{ast.unparse(node)!r} is not a pattern")


def match(pattern: Pattern, node: Node, found: dict[str, Node]) -> bool:
    """Whether `node` has the form of `pattern`; `found` collects what the variables stand for."""
    if isinstance(pattern, Variable):
        fits = pattern.name != "c" or node.array_type.dtype.kind == "b"
        return fits and found.setdefault(pattern.name, node) is node
    if isinstance(pattern, Number):
        value = splat(node)
        return value is not None and _same(value, pattern.value)
    return node.op.name == pattern.op.name and match_operands(pattern, node.args, found)


def match_operands(pattern: Call, args: tuple[Node, ...], found: dict[str, Node]) -> bool:
    """Whether the operands fit those of the pattern, in either order for commutative ops."""
    if len(args) != len(pattern.operands):
        return False
    orders = (args, args[::-1]) if pattern.op.name in COMMUTATIVE else (args,)
    for order in orders:
        if _may_match(pattern.operands, order):
            saved = dict(found)
            if all(match(p, a, found) for p, a in zip(pattern.operands, order, strict=True)):
                return True
            found.clear()
            found.update(saved)
    return False


def _may_match(patterns: tuple[Pattern, ...], args: tuple[Node, ...]) -> bool:
    """Whether the ops of the operands are those of the patterns: refuses most nodes at little cost."""
    for pattern, arg in zip(patterns, args, strict=True):
        if isinstance(pattern, Call):
            if arg.op.name != pattern.op.name:
                return False
        elif isinstance(pattern, Number) and arg.op.name not in _CONSTANT_LIKE:
            return False
    return True


_CONSTANT_LIKE = frozenset(["const", "broadcast_to", "reshape"])


def _same(value: np.ndarray, number: float) -> bool:
    """Equal bits in the dtype of `value`; a fraction is never an integer."""
    if value.dtype.kind != "f" and (float(number) != int(number) or (number < 0 and value.dtype.kind != "i")):
        return False
    return bool(value.tobytes() == np.asarray(number).astype(value.dtype).tobytes())


def instantiate(make: Maker, pattern: Pattern, found: dict[str, Node], like: Node) -> Node:
    """The node of the form `pattern`; its numbers get the type of `like`."""
    if isinstance(pattern, Variable):
        return found[pattern.name]
    if isinstance(pattern, Number):
        return make.constant(pattern.value, like.array_type.dtype, like.array_type.shape)
    return make.make(pattern.op, *(instantiate(make, p, found, like) for p in pattern.operands))


def rules_of(identities: Iterable[Identity]) -> dict[str, tuple[NodeRule, ...]]:
    """The identities as rules, by the op at the root of what they replace."""
    table: dict[str, list[Identity]] = {}
    for identity in identities:
        table.setdefault(_root(identity.before), []).append(identity)
    return {name: (_rule(group),) for name, group in table.items()}


def _root(text: str) -> str:
    """The name of the op at the root of a pattern."""
    match ast.parse(text, mode="eval").body:
        case ast.UnaryOp(op=operator) | ast.BinOp(op=operator):
            return _OPERATORS[type(operator)]
        case ast.Call(func=ast.Name(id=name)):
            return name
    raise ValueError(f"{text!r} replaces no op")


def _rule(identities: Sequence[Identity]) -> NodeRule:
    """One rule that tries the identities of one op in order. They are read when a program has the op."""

    @cache
    def read() -> tuple[list[tuple[Identity, Call, Pattern]], frozenset[str], bool]:
        group = []
        for identity in identities:
            before, after = parse_pattern(identity.before), parse_pattern(identity.after)
            assert isinstance(before, Call), "an identity replaces an op"
            group.append((identity, before, after))
        operands = [pattern for _, before, _ in group for pattern in before.operands]
        names = frozenset(pattern.op.name for pattern in operands if isinstance(pattern, Call))
        return group, names, any(isinstance(pattern, Number) for pattern in operands)

    def rule(make: Maker, op: Any, args: tuple[Node, ...]) -> Node | None:
        group, names, numbers = read()
        # Most nodes have no operand that any identity looks for.
        special = any(arg.op.name in names for arg in args) or len(set(args)) < len(args)
        if not special and not (numbers and any(splat(arg) is not None for arg in args)):
            return None
        for identity, before, after in group:
            new = _applied(make, identity, before, after, args)
            if new is not None:
                return new
        return None

    return rule


def _applied(
    make: Maker, identity: Identity, before: Call, after: Pattern, args: tuple[Node, ...]
) -> Node | None:
    like = args[-1]
    if like.array_type.dtype.kind not in identity.kinds:
        return None
    found: dict[str, Node] = {}
    if not match_operands(before, args, found) or (identity.guard is not None and not identity.guard(found)):
        return None
    return instantiate(make, after, found, like)
