"""`Number`: an LLVM value with Python's operators, so that formulas read as mathematics.

Arithmetic carries no fast-math flag: every operation rounds once, as IEEE 754 says. Error-free
transformations stay valid, and scalar and vector forms of a formula agree bit for bit.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import (
    F32,
    F64,
    I1,
    I32,
    I64,
    Code,
    element_of,
    is_float,
    lanes_of,
    with_element,
)
from graphc.dataclass import dataclass


@dataclass(frozen=True, eq=False)
class Number:
    """One scalar or vector value: a float, an integer or a truth value (i1)."""

    code: Code
    value: ir.Value

    # ---- what it is

    @property
    def type(self) -> ir.Type:
        return self.value.type

    @property
    def single(self) -> bool:
        """True for f32 (or integers of 32 bits), False for f64."""
        element = element_of(self.type)
        return element in (F32, I32)

    @property
    def mantissa(self) -> int:
        """Stored bits of the significand: 23 or 52."""
        return 23 if self.single else 52

    @property
    def bias(self) -> int:
        return 127 if self.single else 1023

    def like(self, value: float | Number) -> Number:
        """A constant of this type in every lane."""
        return value if isinstance(value, Number) else Number(self.code, self.code.like(self.type, value))

    def same(self, value: ir.Value) -> Number:
        return Number(self.code, value)

    # ---- arithmetic

    def __add__(self, other: float | Number) -> Number:
        b, right = self.code.b, self.like(other).value
        return self.same(b.fadd(self.value, right) if is_float(self.type) else b.add(self.value, right))

    def __sub__(self, other: float | Number) -> Number:
        b, right = self.code.b, self.like(other).value
        return self.same(b.fsub(self.value, right) if is_float(self.type) else b.sub(self.value, right))

    def __mul__(self, other: float | Number) -> Number:
        b, right = self.code.b, self.like(other).value
        return self.same(b.fmul(self.value, right) if is_float(self.type) else b.mul(self.value, right))

    def __truediv__(self, other: float | Number) -> Number:
        return self.same(self.code.b.fdiv(self.value, self.like(other).value))

    def __radd__(self, other: float) -> Number:
        return self.like(other) + self

    def __rsub__(self, other: float) -> Number:
        return self.like(other) - self

    def __rmul__(self, other: float) -> Number:
        return self.like(other) * self

    def __rtruediv__(self, other: float) -> Number:
        return self.like(other) / self

    def __neg__(self) -> Number:
        return self.same(self.code.neg(self.value))

    def __abs__(self) -> Number:
        return self.call("fabs")

    def call(self, intrinsic: str, *others: float | Number) -> Number:
        """`llvm.<intrinsic>` on operands of this type."""
        return self.same(self.code.math(intrinsic, self.value, *(self.like(o).value for o in others)))

    # ---- comparison (NaN compares false) and logic

    def __lt__(self, other: float | Number) -> Number:
        return self._compare("<", other)

    def __le__(self, other: float | Number) -> Number:
        return self._compare("<=", other)

    def __gt__(self, other: float | Number) -> Number:
        return self._compare(">", other)

    def __ge__(self, other: float | Number) -> Number:
        return self._compare(">=", other)

    def equals(self, other: float | Number) -> Number:
        return self._compare("==", other)

    def differs(self, other: float | Number) -> Number:
        return self._compare("!=", other)

    def is_nan(self) -> Number:
        return self.same(self.code.b.fcmp_unordered("uno", self.value, self.value))

    def _compare(self, relation: str, other: float | Number) -> Number:
        return self.same(self.code.compare(relation, self.value, self.like(other).value))

    def __and__(self, other: int | Number) -> Number:
        return self.same(self.code.b.and_(self.value, self.like(other).value))

    def __or__(self, other: int | Number) -> Number:
        return self.same(self.code.b.or_(self.value, self.like(other).value))

    def __xor__(self, other: int | Number) -> Number:
        return self.same(self.code.b.xor(self.value, self.like(other).value))

    def __invert__(self) -> Number:
        return self.same(self.code.b.not_(self.value))

    def where(self, a: float | Number, b: float | Number) -> Number:
        """a in lanes where this truth value holds, else b; at least one of them is a Number."""
        kind = a if isinstance(a, Number) else b
        assert isinstance(kind, Number)
        return self.same(self.code.b.select(self.value, kind.like(a).value, kind.like(b).value))

    # ---- integers and bits

    def __lshift__(self, count: int | Number) -> Number:
        return self.same(self.code.b.shl(self.value, self.like(count).value))

    def __rshift__(self, count: int | Number) -> Number:
        """Arithmetic shift: the sign is kept."""
        return self.same(self.code.b.ashr(self.value, self.like(count).value))

    def logical_shift(self, count: int | Number) -> Number:
        return self.same(self.code.b.lshr(self.value, self.like(count).value))

    @property
    def bits(self) -> Number:
        return self.same(self.code.bits(self.value))

    @property
    def float_of_bits(self) -> Number:
        return self.same(self.code.from_bits(self.value))

    def rounded_float(self, like: Number) -> Number:
        """This signed integer as a float of `like`'s type."""
        return self.same(self.code.b.sitofp(self.value, like.type))

    # ---- other types of the same number of lanes

    def widened(self) -> Number:
        """The same number as f64."""
        return self.same(self.code.b.fpext(self.value, with_element(self.type, F64)))

    def narrowed(self) -> Number:
        """Rounded to f32."""
        return self.same(self.code.b.fptrunc(self.value, with_element(self.type, F32)))

    def as_i64(self) -> Number:
        """Zero-extended to 64 bits."""
        return self.same(self.code.b.zext(self.value, with_element(self.type, I64)))

    def as_i32(self) -> Number:
        return self.same(self.code.b.trunc(self.value, with_element(self.type, I32)))

    def any_lane(self) -> ir.Value:
        """i1: true where one lane of this truth value is."""
        lanes = lanes_of(self.type)
        if lanes == 1:
            return self.value
        packed = self.code.b.bitcast(self.value, ir.IntType(lanes))
        return self.code.b.icmp_unsigned("!=", packed, ir.Constant(packed.type, 0))

    def false(self) -> Number:
        return Number(self.code, self.code.like(with_element(self.type, I1), 0))


def fma(a: Number, b: float | Number, c: float | Number) -> Number:
    """a·b + c; where the target has no such instruction, rounded twice: see `double.exact_fma`."""
    return a.same(a.code.fma(a.value, a.like(b).value, a.like(c).value))


def sqrt(x: Number) -> Number:
    """√x correctly rounded."""
    return x.call("sqrt")


def with_sign_of(magnitude: Number, sign: Number) -> Number:
    return magnitude.call("copysign", sign)


def smaller(a: Number, b: float | Number) -> Number:
    """a where a < b or a is NaN, else b: one instruction on x86."""
    return (a > b).where(b, a)


def larger(a: Number, b: float | Number) -> Number:
    return (a < b).where(b, a)


def polynomial(x: Number, coefficients: tuple[float, ...]) -> Number:
    """Horner's rule, highest power first."""
    return x.same(x.code.horner(x.value, coefficients))
