"""Integer arithmetic on sizes that are ints when known at compile time and i64 values otherwise.

Likewise what is to be decided about them: a bool, or an i1 value.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

from llvmlite import ir

from graphc.backends.cpu.llvm import Code, i64

Index: TypeAlias = "int | ir.Value"
Truth: TypeAlias = "bool | ir.Value"


def plus(code: Code, *terms: Index) -> Index:
    """Σ terms."""
    constant = sum(t for t in terms if isinstance(t, int))
    total: Index | None = None
    for term in terms:
        if not isinstance(term, int):
            total = term if total is None else code.b.add(total, term)
    if total is None:
        return constant
    return code.b.add(total, i64(constant)) if constant else total


def minus(code: Code, a: Index, b: Index) -> Index:
    """a − b."""
    if isinstance(b, int):
        return plus(code, a, -b)
    return code.b.sub(i64(a), b)


def times(code: Code, a: Index, b: Index) -> Index:
    """a · b."""
    if isinstance(a, int):
        a, b = b, a
    if not isinstance(b, int):
        return code.b.mul(a, b)
    if isinstance(a, int):
        return a * b
    if b in (0, 1):
        return a if b else 0
    return code.b.mul(a, i64(b))


def floor_to(code: Code, a: Index, multiple: int) -> Index:
    """The greatest multiple of `multiple` that is at most a ≥ 0."""
    if isinstance(a, int):
        return a // multiple * multiple
    return code.b.sub(a, code.b.urem(a, i64(multiple)))


def smaller(code: Code, a: Index, b: Index) -> Index:
    """min(a, b)."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return code.select(code.compare("<", i64(a), i64(b)), i64(a), i64(b))


def round_up(value: int, multiple: int) -> int:
    """The least multiple of `multiple` that is at least `value`."""
    return -(-value // multiple) * multiple


def at_least(code: Code, a: Index, b: int) -> Truth:
    """a ≥ b."""
    return a >= b if isinstance(a, int) else code.compare(">=", a, i64(b))


def both(code: Code, *conditions: Truth) -> Truth:
    """Whether all conditions hold."""
    if any(c is False for c in conditions):
        return False
    unknown = [c for c in conditions if c is not True]
    return functools.reduce(code.b.and_, unknown) if unknown else True


def negated(code: Code, condition: Truth) -> Truth:
    """Whether a condition does not hold."""
    return not condition if isinstance(condition, bool) else code.b.not_(condition)


def either(code: Code, *conditions: Truth) -> Truth:
    """Whether any condition holds."""
    return negated(code, both(code, *(negated(code, c) for c in conditions)))
