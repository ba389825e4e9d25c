"""fmod, remainder, floor_divide: exact for quotients of any size."""

from __future__ import annotations

from graphc.backends.cpu.math.double import exact_fma
from graphc.backends.cpu.math.exponential import power_of_two
from graphc.backends.cpu.math.integral import floor, trunc
from graphc.backends.cpu.math.number import Number, with_sign_of
from graphc.backends.cpu.math.outline import with_hard_lanes


def fmod(x: Number, y: Number) -> Number:
    """x − y·trunc(x/y), with the sign of x; exact."""
    a, b = abs(x), abs(y)
    easy = _one_step(a, b)
    # fma(−0, ∞, a) is NaN.
    easy = (b.equals(float("inf")) & (a < float("inf"))).where(a, easy)
    result = with_hard_lanes("fmod_large", [a, b], easy, _is_large, _many_steps)
    return with_sign_of(result, x)


def _one_step(a: Number, b: Number) -> Number:
    """a − b·⌊a/b⌋ for a, b ≥ 0 and a quotient that is an exact integer after truncation."""
    rest = _residual(a, trunc(a / b), b)
    # The division may have rounded up to the next integer; then rest is −b or more.
    return (rest < 0.0).where(rest + b, rest)


def _residual(a: Number, quotient: Number, b: Number) -> Number:
    """a − quotient·b exactly."""
    if a.code.fused or a.single:
        return exact_fma(-quotient, b, a)
    # Without a fused multiply-add the product itself must not overflow.
    huge = a > 2.0**1000
    down, up = huge.where(a.like(0.25), 1.0), huge.where(a.like(4.0), 1.0)
    return exact_fma(-quotient, b * down, a * down) * up


def _is_large(a: Number, b: Number) -> Number:
    return (a / b >= 2.0 ** (a.mantissa + 1)) & (a < float("inf")) & (b > 0.0)


def _many_steps(a: Number, b: Number) -> Number:
    """Long division for scalars: some fifty bits of the quotient in each round."""
    code = a.code
    before = code.b.block
    head = code.function.append_basic_block("digits")
    done = code.function.append_basic_block("divided")
    code.b.branch(head)
    code.b.position_at_end(head)
    phi = code.b.phi(a.type)
    rest = a.same(phi)
    excess = _exponent(rest) - _exponent(b) - 50
    shift = (excess > 0).where(excess, 0)
    # In steps: 2^shift alone overflows where b is subnormal.
    part = (shift + 2) >> 2
    scaled = b * power_of_two(part) * power_of_two(part) * power_of_two(shift - part - part)
    following = _one_step(rest, scaled)
    phi.add_incoming(a.value, before)
    phi.add_incoming(following.value, head)
    code.b.cbranch((following >= b).value, head, done)
    code.b.position_at_end(done)
    return following


def _exponent(x: Number) -> Number:
    """The biased binary exponent of x > 0, below 1 for subnormals."""
    tiny = x < 2.0**-1022
    field = tiny.where(x * 2.0**54, x).bits >> 52
    return field - tiny.where(field.like(54), 0)


def remainder(x: Number, y: Number) -> Number:
    """x − y·⌊x/y⌋, with the sign of y."""
    rest = fmod(x, y)
    opposite = (rest < 0.0) ^ (y < 0.0)
    moved = opposite.where(rest + y, rest)
    return rest.equals(0.0).where(with_sign_of(rest.like(0.0), y), moved)


def floor_divide(x: Number, y: Number) -> Number:
    """⌊x/y⌋ as NumPy computes it: from the exact remainder, x/0 being infinite or NaN."""
    rest = fmod(x, y)
    quotient = (x - rest) / y
    opposite = rest.differs(0.0) & ((rest < 0.0) ^ (y < 0.0))
    quotient = opposite.where(quotient - 1.0, quotient)
    whole = floor(quotient)
    whole = (quotient - whole > 0.5).where(whole + 1.0, whole)
    zero = with_sign_of(x.like(0.0), x / y)
    return y.equals(0.0).where(x / y, quotient.equals(0.0).where(zero, whole))
