"""sin, cos, tan of large arguments: x·2/π modulo 4 from the bits of 2/π that matter (Payne & Hanek 1983)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from llvmlite import ir

from graphc.backends.cpu.llvm import I32, I64, Code, element_of, lanes_of
from graphc.backends.cpu.math.coefficients import TWO_OVER_PI_WORDS
from graphc.backends.cpu.math.constants import constants
from graphc.backends.cpu.math.number import Number, fma
from graphc.backends.cpu.math.outline import helper
from graphc.backends.cpu.math.trigonometric_kernels import (
    cosine_of_quadrant,
    sine_of_quadrant,
    tangent_of_quadrant,
)

WORD = 0xFFFFFFFF

OF_QUADRANT: dict[str, Callable[[Number, Number], Number]] = {
    "sin": sine_of_quadrant,
    "cos": cosine_of_quadrant,
    "tan": tangent_of_quadrant,
}


def large_argument(kind: str, x: Number, easy: Number, largest_easy: float) -> Number:
    """`easy`, with the lanes |x| > largest_easy (finite) replaced by sin, cos or tan of x."""

    def lane_by_lane(code: Code, x: ir.Value, easy: ir.Value) -> ir.Value:
        element, lanes = element_of(x.type), lanes_of(x.type)
        source, result = code.scratch(element, lanes), code.scratch(element, lanes)
        code.store(x, source)
        code.store(easy, result)

        def lane(i: ir.Value) -> None:
            one = Number(code, code.load(code.at(source, element, i), element))
            large = (abs(one) > largest_easy) & (abs(one) < float("inf"))
            place = code.at(result, element, i)
            code.when(large.value, lambda: code.store(_scalar(kind, one).value, place))

        code.loop(lanes, lane)
        return code.load(result, element, lanes)

    return x.same(helper(x.code, f"large_{kind}", lane_by_lane, [x.value, easy.value]))


def _scalar(kind: str, x: Number) -> Number:
    """sin, cos or tan of one large number, computed in f64."""

    def body(code: Code, x: ir.Value) -> ir.Value:
        r, quadrant = reduced_large(Number(code, x))
        return OF_QUADRANT[kind](r, quadrant).value

    wide = x.widened() if x.single else x
    result = x.same(helper(x.code, f"payne_hanek_{kind}", body, [wide.value]))
    return result.narrowed() if x.single else result


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
    r = high + fma(low, high_part, fma(turns, low_part, fma(turns, high_part, -high)))
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
