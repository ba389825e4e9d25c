"""sin, cos, tan of large arguments: x·2/π modulo 4 from the bits of 2/π that matter (Payne & Hanek 1983)."""

from __future__ import annotations

from itertools import pairwise

from llvmlite import ir

from graphc.backends.cpu.llvm import I32, I64, Code
from graphc.backends.cpu.math.coefficients import TWO_OVER_PI_WORDS
from graphc.backends.cpu.math.constants import constants
from graphc.backends.cpu.math.double import exact_fma
from graphc.backends.cpu.math.number import Number, fma

WORD = 0xFFFFFFFF


def reduced_large(x: Number) -> tuple[Number, Number]:
    """(r, n) with x = n·π/2 + r modulo 2π for a scalar f64 |x| ≥ 2¹⁶; error of r ≤ 0.51 ulp."""
    bits = x.bits
    exponent = (bits.logical_shift(52) & 0x7FF) - 1075
    integer = (bits & (2**52 - 1)) | 2**52
    # Bits of 2/π that stand for multiples of 4 in the product are left out: start at weight 2.
    words = _window(exponent + 62)
    product = _times(words, integer & WORD, integer.logical_shift(32))
    top = (product[0] + 0x20000000) & WORD
    quadrant = top.logical_shift(30)
    fraction = (top & 0x3FFFFFFF) - 0x20000000
    # A negative fraction is complemented, so that the sum of its words cannot cancel.
    sign = fraction >> 63
    limbs = [fraction ^ sign, *((word ^ sign) & WORD for word in product[1:4])]
    a, b, c, d = (w.rounded_float(x) * 2.0 ** (-30 - 32 * k) for k, w in enumerate(limbs))
    rest = b + (c + d)
    turns = a + rest
    low = rest - (turns - a)
    high_part, low_part = constants("half_pi", x)
    high = turns * high_part
    r = high + fma(low, high_part, fma(turns, low_part, exact_fma(turns, high_part, -high)))
    flip = (bits ^ sign) & (1 << 63)
    negative = bits >> 63
    return (r.bits ^ flip).float_of_bits, (quadrant ^ negative) - negative


def _window(start: Number) -> list[Number]:
    """Six words of 2/π from bit `start` on."""
    code = start.code
    table = _table(code)
    first = start >> 5
    shift = 32 - (start & 31)
    words = []
    for k in range(7):
        loaded = code.load(code.at(table, I32, first.value, k), I32)
        words.append(start.same(code.b.zext(loaded, I64)))
    return [((a << 32) | b).logical_shift(shift) & WORD for a, b in pairwise(words)]


def _times(words: list[Number], low: Number, high: Number) -> list[Number]:
    """words · (high·2³² + low) modulo 2¹⁹², words most significant first."""
    result: list[Number] = []
    carry = low.like(0)
    following = low.like(0)
    for word in reversed(words):
        a, b = low * word, high * following
        total = (a & WORD) + (b & WORD) + carry
        result.append(total & WORD)
        carry = a.logical_shift(32) + b.logical_shift(32) + total.logical_shift(32)
        following = word
    return result[::-1]


def _table(code: Code) -> ir.Value:
    name = "graphc_two_over_pi"
    found = code.module.globals.get(name)
    if found is not None:
        return found
    words = ir.Constant(ir.ArrayType(I32, len(TWO_OVER_PI_WORDS)), list(TWO_OVER_PI_WORDS))
    table = ir.GlobalVariable(code.module, words.type, name)
    table.linkage, table.global_constant, table.initializer = "internal", True, words
    return table
