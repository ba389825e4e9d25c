"""One elementwise op on scalars or vectors: a table from op name to LLVM code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.llvm import Code, lanes_of, value_type
from graphc.backends.cpu.math import MATH
from graphc.backends.cpu.threefry import threefry2x32
from graphc.errors import CompilationError

Dtypes: TypeAlias = Sequence[np.dtype]
Emit: TypeAlias = Callable[..., ir.Value]

RELATIONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip


def emit_op(code: Code, name: str, args: Sequence[ir.Value], dtypes: Dtypes, result: np.dtype) -> ir.Value:
    """The result of op `name` on operands of `dtypes`, all scalars or all vectors of one length."""
    first = dtypes[0]
    if name == "cast":
        return cast(code, args[0], first, result)
    if name == "bitcast":
        return code.b.bitcast(args[0], value_type(result, lanes_of(args[0].type)))
    if name in ("copy", "positive"):
        return args[0]
    if name == "where":
        return code.select(*args)
    if first.kind != "f" and name in PREDICATES:
        return code.like(value_type(result, lanes_of(args[0].type)), PREDICATES[name])
    if name in RELATIONS and {t.kind for t in dtypes} == {"i", "u"}:
        return _compare_mixed(code, RELATIONS[name], args, signed_first=first.kind == "i")
    if name in RELATIONS:
        return code.compare(RELATIONS[name], *args, signed=first.kind == "i")
    if name.startswith("logical_") and first.kind != "b":
        args = [cast(code, a, t, result) for a, t in zip(args, dtypes, strict=True)]
        return BOOLEAN[name](code, *args)
    if first.kind == "b" and name in BOOLEAN:
        return BOOLEAN[name](code, *args)
    if first.kind in "iu" and name in INTEGER:
        value = INTEGER[name](code, *args, signed=first.kind == "i")
        return cast(code, value, first, result) if name == "bitwise_count" else value
    if first.kind == "f" and name in FLOAT:
        return FLOAT[name](code, *args)
    if first.kind == "f" and name in MATH:
        return MATH[name](code, *args)
    raise CompilationError(f"the CPU backend has no code for {name} on {', '.join(map(str, dtypes))}")


def _compare_mixed(code: Code, relation: str, args: Sequence[ir.Value], *, signed_first: bool) -> ir.Value:
    """A signed and an unsigned integer compared by value: whatever is negative is less."""
    signed = args[0] if signed_first else args[1]
    negative = code.compare("<", signed, code.like(signed, 0))
    less = relation == "!=" or relation[0] == ("<" if signed_first else ">")
    answer = code.like(negative, less)
    return code.select(negative, answer, code.compare(relation, *args, signed=False))


def cast(code: Code, x: ir.Value, source: np.dtype, target: np.dtype) -> ir.Value:
    """x converted as NumPy's astype converts."""
    b, type_ = code.b, value_type(target, lanes_of(x.type))
    if source == target:
        return x
    if target.kind == "b":
        return code.compare("!=", x, code.like(x, 0))
    if source.kind == "f" and target.kind == "f":
        return b.fptrunc(x, type_) if target.itemsize < source.itemsize else b.fpext(x, type_)
    if target.kind == "f":
        return b.sitofp(x, type_) if source.kind == "i" else b.uitofp(x, type_)
    if source.kind == "f":
        return _float_to_integer(code, x, target, type_)
    if target.itemsize < source.itemsize and source.kind != "b":
        return b.trunc(x, type_)
    if target.itemsize == source.itemsize and source.kind != "b":
        return x
    return b.sext(x, type_) if source.kind == "i" else b.zext(x, type_)


def _float_to_integer(code: Code, x: ir.Value, target: np.dtype, type_: ir.Type) -> ir.Value:
    """Truncation; a value that does not fit gives what x86 gives, as in NumPy, not poison."""
    wide = np.dtype(np.int32 if target.itemsize <= 2 else np.int64)
    if target.itemsize == 4 and target.kind == "i":
        wide = target
    wide_type = value_type(wide, lanes_of(x.type))
    limit = 2.0 ** (8 * wide.itemsize - 1)
    low, high = code.like(x, -limit), code.like(x, limit)
    fits = code.b.and_(code.compare(">=", x, low), code.compare("<", x, high))
    safe = code.select(fits, x, code.like(x, 0))
    number = code.b.fptosi(safe, wide_type)
    if target == np.uint64:
        above = code.b.and_(code.compare(">=", x, high), code.compare("<", x, code.like(x, 2 * limit)))
        big = code.b.fptoui(code.select(above, x, code.like(x, 0)), wide_type)
        number = code.select(above, big, number)
        fits = code.b.or_(fits, above)
    lowest = ir.Constant(
        wide_type.element if lanes_of(x.type) > 1 else wide_type, -(2 ** (8 * wide.itemsize - 1))
    )
    lowest = code.splat(lowest, lanes_of(x.type))
    number = code.select(fits, number, lowest)
    return number if wide.itemsize == target.itemsize else code.b.trunc(number, type_)


def _not(code: Code, x: ir.Value) -> ir.Value:
    return code.b.not_(x)


BOOLEAN: dict[str, Emit] = {
    "add": lambda c, a, b: c.b.or_(a, b),
    "multiply": lambda c, a, b: c.b.and_(a, b),
    "maximum": lambda c, a, b: c.b.or_(a, b),
    "minimum": lambda c, a, b: c.b.and_(a, b),
    "fmax": lambda c, a, b: c.b.or_(a, b),
    "fmin": lambda c, a, b: c.b.and_(a, b),
    "logical_and": lambda c, a, b: c.b.and_(a, b),
    "logical_or": lambda c, a, b: c.b.or_(a, b),
    "logical_xor": lambda c, a, b: c.b.xor(a, b),
    "logical_not": _not,
    "bitwise_and": lambda c, a, b: c.b.and_(a, b),
    "bitwise_or": lambda c, a, b: c.b.or_(a, b),
    "bitwise_xor": lambda c, a, b: c.b.xor(a, b),
    "invert": _not,
    "absolute": lambda c, a: a,
    "floor": lambda c, a: a,
    "ceil": lambda c, a: a,
    "trunc": lambda c, a: a,
}
# Answers that all integers and truth values share.
PREDICATES = {"isnan": False, "isinf": False, "isfinite": True}


def _safe_divisor(code: Code, a: ir.Value, b: ir.Value, signed: bool) -> tuple[ir.Value, ir.Value]:
    """(a divisor that cannot trap, whether it was zero); x / -1 is done by negation."""
    zero = code.compare("==", b, code.like(b, 0))
    safe = code.select(zero, code.like(b, 1), b)
    if signed:
        safe = code.select(code.compare("==", b, code.like(b, -1)), code.like(b, 1), safe)
    return safe, zero


def _floor_divide(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    """⌊a / b⌋, and 0 for b = 0, as NumPy's integer loops."""
    safe, zero = _safe_divisor(code, a, b, signed)
    if not signed:
        return code.select(zero, code.like(a, 0), code.b.udiv(a, safe))
    quotient = code.b.sdiv(a, safe)
    rest = code.sub(a, code.mul(quotient, safe))
    wrong = code.b.and_(
        code.compare("!=", rest, code.like(a, 0)),
        code.compare("<", code.b.xor(rest, safe), code.like(a, 0)),
    )
    floored = code.select(wrong, code.sub(quotient, code.like(a, 1)), quotient)
    minus_one = code.compare("==", b, code.like(b, -1))
    return code.select(zero, code.like(a, 0), code.select(minus_one, code.neg(a), floored))


def _remainder(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    """a - b⌊a / b⌋, and 0 for b = 0."""
    zero = code.compare("==", b, code.like(b, 0))
    rest = code.sub(a, code.mul(_floor_divide(code, a, b, signed=signed), b))
    return code.select(zero, code.like(a, 0), rest)


def _fmod(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    """The remainder with the sign of a, and 0 for b = 0."""
    safe, zero = _safe_divisor(code, a, b, signed)
    rest = code.b.srem(a, safe) if signed else code.b.urem(a, safe)
    return code.select(zero, code.like(a, 0), rest)


def _power(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    """aᵇ modulo 2ⁿ by squaring; a negative exponent gives 0 except for a = ±1."""
    one = code.like(a, 1)
    width = (a.type.element if lanes_of(a.type) > 1 else a.type).width

    def body(_: ir.Value, result: ir.Value, base: ir.Value, left: ir.Value) -> list[ir.Value]:
        odd = code.compare("!=", code.b.and_(left, one), code.like(a, 0))
        result = code.select(odd, code.mul(result, base), result)
        return [result, code.mul(base, base), code.b.lshr(left, one)]

    result = code.loop(width, body, [one, a, b], name="power")[0]
    if not signed:
        return result
    negative = code.compare("<", b, code.like(b, 0))
    unit = code.b.or_(code.compare("==", a, one), code.compare("==", a, code.like(a, -1)))
    return code.select(code.b.and_(negative, code.b.not_(unit)), code.like(a, 0), result)


def _shift(left: bool) -> Emit:
    def emit(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
        width = (a.type.element if lanes_of(a.type) > 1 else a.type).width
        inside = code.compare("<", b, code.like(b, width), signed=False)
        amount = code.select(inside, b, code.like(b, 0 if left else width - 1))
        if left:
            return code.select(inside, code.b.shl(a, amount), code.like(a, 0))
        if signed:
            return code.b.ashr(a, amount)
        return code.select(inside, code.b.lshr(a, amount), code.like(a, 0))

    return emit


def _absolute(code: Code, a: ir.Value, *, signed: bool) -> ir.Value:
    return code.select(code.compare("<", a, code.like(a, 0)), code.neg(a), a) if signed else a


def _sign(code: Code, a: ir.Value, *, signed: bool) -> ir.Value:
    zero, one = code.like(a, 0), code.like(a, 1)
    positive = code.select(code.compare(">", a, zero, signed=signed), one, zero)
    return code.select(code.compare("<", a, zero), code.like(a, -1), positive) if signed else positive


def _reciprocal(code: Code, a: ir.Value, *, signed: bool) -> ir.Value:
    """The quotient 1/a in double precision, truncated, as NumPy's integer loops compute it."""
    b, type_ = code.b, a.type
    wide = value_type(np.dtype(np.float64), lanes_of(type_))
    x = b.sitofp(a, wide) if signed else b.uitofp(a, wide)
    width = (type_.element if lanes_of(type_) > 1 else type_).width
    target = np.dtype(f"{'i' if signed else 'u'}{width // 8}")
    return _float_to_integer(code, code.div(code.like(x, 1), x), target, type_)


def _gcd(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    """Euclid's algorithm; 93 steps suffice for 64 bits (Lamé 1844)."""
    a, b = _absolute(code, a, signed=signed), _absolute(code, b, signed=signed)

    def body(_: ir.Value, x: ir.Value, y: ir.Value) -> list[ir.Value]:
        done = code.compare("==", y, code.like(y, 0))
        rest = code.b.urem(x, code.select(done, code.like(y, 1), y))
        return [code.select(done, x, y), code.select(done, y, rest)]

    return code.loop(93, body, [a, b], name="gcd")[0]


def _lcm(code: Code, a: ir.Value, b: ir.Value, *, signed: bool) -> ir.Value:
    divisor = _gcd(code, a, b, signed=signed)
    a, b = _absolute(code, a, signed=signed), _absolute(code, b, signed=signed)
    safe = code.select(code.compare("==", divisor, code.like(a, 0)), code.like(a, 1), divisor)
    return code.mul(code.b.udiv(a, safe), b)


def _extremum(monoid: str) -> Emit:
    return lambda c, a, b, signed: c.combine(monoid, a, b, signed=signed)


INTEGER: dict[str, Emit] = {
    "add": lambda c, a, b, signed: c.add(a, b),
    "subtract": lambda c, a, b, signed: c.sub(a, b),
    "multiply": lambda c, a, b, signed: c.mul(a, b),
    "negative": lambda c, a, signed: c.neg(a),
    "square": lambda c, a, signed: c.mul(a, a),
    "absolute": _absolute,
    "sign": _sign,
    "maximum": _extremum("maximum"),
    "minimum": _extremum("minimum"),
    "fmax": _extremum("maximum"),
    "fmin": _extremum("minimum"),
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "fmod": _fmod,
    "power": _power,
    "reciprocal": _reciprocal,
    "gcd": _gcd,
    "lcm": _lcm,
    "bitwise_and": lambda c, a, b, signed: c.b.and_(a, b),
    "bitwise_or": lambda c, a, b, signed: c.b.or_(a, b),
    "bitwise_xor": lambda c, a, b, signed: c.b.xor(a, b),
    "invert": lambda c, a, signed: c.b.not_(a),
    "left_shift": _shift(left=True),
    "right_shift": _shift(left=False),
    "floor": lambda c, a, signed: a,
    "ceil": lambda c, a, signed: a,
    "trunc": lambda c, a, signed: a,
    "rint": lambda c, a, signed: a,
    "bitwise_count": lambda c, a, signed: c.math("ctpop", _absolute(c, a, signed=signed)),
    "threefry2x32": threefry2x32,
}


def _mul_or_zero(code: Code, a: ir.Value, b: ir.Value) -> ir.Value:
    """a · b, and 0 where a is 0 whatever b is."""
    zero = code.like(a, 0)
    return code.select(code.compare("==", a, zero), zero, code.mul(a, b))


def _mul_zeros_win(code: Code, a: ir.Value, b: ir.Value) -> ir.Value:
    """a · b, and 0 where either is 0 whatever the other is."""
    zero = code.like(a, 0)
    return code.select(code.compare("==", b, zero), zero, _mul_or_zero(code, a, b))


FLOAT: dict[str, Emit] = {
    "mul_or_zero": _mul_or_zero,
    "mul_zeros_win": _mul_zeros_win,
    "add": lambda c, a, b: c.add(a, b),
    "subtract": lambda c, a, b: c.sub(a, b),
    "multiply": lambda c, a, b: c.mul(a, b),
    "divide": lambda c, a, b: c.div(a, b),
    "negative": lambda c, a: c.neg(a),
    "square": lambda c, a: c.mul(a, a),
    "absolute": lambda c, a: c.math("fabs", a),
    "maximum": lambda c, a, b: c.combine("maximum", a, b),
    "minimum": lambda c, a, b: c.combine("minimum", a, b),
}
