"""ldexp: a float times a power of two."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import I32, Code, element_of, with_element
from graphc.backends.cpu.math.exponential import power_of_two
from graphc.backends.cpu.math.number import Number


def ldexp(code: Code, x: ir.Value, n: ir.Value) -> ir.Value:
    """x · 2ⁿ rounded once, for an integer n of any width."""
    return _scaled(Number(code, x), _limited(Number(code, n))).value


def _limited(n: Number) -> Number:
    """n as i32 within ±2200, beyond which every x overflows or vanishes."""
    if element_of(n.type).width < 32:
        return n.same(n.code.b.sext(n.value, with_element(n.type, I32)))
    n = (n > 2200).where(2200, n)
    n = (n < -2200).where(-2200, n)
    return n if n.single else n.as_i32()


def _scaled(x: Number, n: Number) -> Number:
    if x.code.fast_ldexp:
        return x.same(x.code.ldexp_integer(x.value, n.value))
    # A step down stops short of the bottom by the digits of x, so that only the last product rounds.
    top, bottom, step_down = (127, -126, -102) if x.single else (1023, -1022, -969)
    wide = n if x.single else n.same(n.code.b.sext(n.value, x.bits.type))
    for _ in range(4 if x.single else 3):
        step = (wide > top).where(wide.like(top), (wide < bottom).where(wide.like(step_down), 0))
        x = x * power_of_two(step)
        wide = wide - step
    wide = (wide > top).where(top, wide)
    return x * power_of_two((wide < bottom).where(bottom, wide))
