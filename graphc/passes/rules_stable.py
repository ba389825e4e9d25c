"""Rewrites to forms that do not overflow or cancel. Identities are proved by SymPy in the tests.

None of them is bit-exact: where the naive formula overflows, cancels or underflows they return the
accurate value, elsewhere they agree to rounding.
"""

from __future__ import annotations

from graphc.ir.graph import AbstractOp, Node
from graphc.ops.elementwise.arithmetic import Add, Divide, Subtract
from graphc.ops.elementwise.exponential import Exp, Log
from graphc.ops.elementwise.floating import IsFinite
from graphc.ops.elementwise.selection import Where
from graphc.ops.reduce import Max, Sum, Supremum
from graphc.ops.stop import StopGradient
from graphc.passes.engine import Maker, Rules, splat
from graphc.passes.patterns import FLOAT, Identity

_NONNEGATIVE = frozenset(["exp", "exp2", "square", "absolute", "fabs", "expit", "hypot", "cosh"])
_KEEPS_SIGN = frozenset(
    ["sum", "max", "supremum", "min", "reshape", "broadcast_to", "transpose", "slice", "add", "multiply"]
)


def is_nonnegative(node: Node, depth: int = 6) -> bool:
    """Whether no element can be below zero (NaN aside)."""
    if node.op.name in _NONNEGATIVE:
        return True
    value = splat(node)
    if value is not None:
        return bool(value >= 0)
    return depth > 0 and node.op.name in _KEEPS_SIGN and all(is_nonnegative(a, depth - 1) for a in node.args)


def _nonnegative_x(found: dict[str, Node]) -> bool:
    return is_nonnegative(found["x"])


def _stable(before: str, after: str, why: str) -> Identity:
    return Identity(before, after, FLOAT, False, why)


# Near 0 by cosh x = 1 + 2 sinh² x/2, elsewhere by cosh x = (1 + e^(-2|x|)) e^|x| / 2.
_LOG_COSH = (
    "where(less(absolute(x), 1), log1p(2*square(sinh(0.5*x))),"
    " absolute(x) + log1p(exp(-2*absolute(x))) - 0.6931471805599453)"
)

IDENTITIES: tuple[Identity, ...] = (
    _stable("log(1 + exp(x))", "softplus(x)", "exp overflows above 709; cancels below -37"),
    _stable("log1p(exp(x))", "softplus(x)", "exp overflows above 709"),
    _stable("logaddexp(x, 0)", "softplus(x)", "to rounding: one operand less"),
    _stable("log(exp(x) + exp(y))", "logaddexp(x, y)", "exp overflows"),
    _stable("log(cosh(x))", _LOG_COSH, "cosh overflows above 710; rounds near 0"),
    _stable("log(expit(x))", "log_expit(x)", "expit underflows below -745"),
    _stable("log1p(-expit(x))", "log_expit(-x)", "1 - expit cancels"),
    _stable("1 - expit(x)", "expit(-x)", "cancels above 37"),
    _stable("1/(1 + exp(-x))", "expit(x)", "its derivative is 0 * inf for large negative x"),
    _stable("1/(1 + exp(x))", "expit(-x)", "its derivative is inf * 0 for large x"),
    _stable("reciprocal(1 + exp(-x))", "expit(x)", "as above"),
    _stable("reciprocal(1 + exp(x))", "expit(-x)", "as above"),
    _stable("exp(x)/(1 + exp(x))", "expit(x)", "inf/inf above 709"),
    _stable("exp(x)/(1 + exp(x))", "reciprocal(1 + exp(-x))", "inf/inf above 709"),
    _stable("1 - reciprocal(1 + exp(x))", "reciprocal(1 + exp(-x))", "cancels"),
    _stable("log(exp(x))", "x", "exp overflows"),
    Identity("exp(log(x))", "x", FLOAT, False, "two roundings saved; x nonnegative", _nonnegative_x),
    _stable("log(exp(x)/y)", "x - log(y)", "the quotient underflows"),
    _stable("log(y/exp(x))", "log(y) - x", "the quotient underflows"),
    _stable("log(exp(x)*y)", "x + log(y)", "the product underflows"),
    _stable("log(reciprocal(x))", "-log(x)", "1/x overflows; lets the rules above see x"),
    _stable("log(1 + x)", "log1p(x)", "1 + x rounds for small x"),
    _stable("log(1 - x)", "log1p(-x)", "1 - x rounds for small x"),
    _stable("log1p(x - 1)", "log(x)", "x - 1 cancels near 1"),
    _stable("exp(x) - 1", "expm1(x)", "cancels near 0"),
    _stable("1 - exp(x)", "-expm1(x)", "cancels near 0"),
    _stable("expm1(log1p(x))", "x", "two roundings saved"),
    _stable("log1p(expm1(x))", "x", "expm1 overflows"),
    _stable("1 - cos(x)", "2*square(sin(0.5*x))", "cancels near 0"),
    _stable("1 - erf(x)", "erfc(x)", "cancels above 2"),
    _stable("log(ndtr(x))", "log_ndtr(x)", "underflows below -38"),
    _stable("sqrt(square(x))", "absolute(x)", "x² overflows; its derivative is 0/0 at 0"),
    Identity("square(sqrt(x))", "x", FLOAT, False, "two roundings saved; x nonnegative", _nonnegative_x),
)


# ---- exponentials over an axis: log Σ exp and softmax, shifted by the maximum (Blanchard et al. 2021)


def log_of_sum(make: Maker, op: Log, args: tuple[Node, ...]) -> Node | None:
    """log Σ eˣ = m + log Σ eˣ⁻ᵐ with m = max x; -inf of all -inf, +inf where some x is +inf."""
    (total,) = args
    shifted = _shifted_exponentials(make, total)
    if shifted is None:
        return None
    exponentials, shift = shifted
    y = make.make(Sum(total.op.axes), exponentials)  # type: ignore[attr-defined]
    return make.make(Add(), make.builder.add(Log(), y, source=make.source), shift)


def log_of_mean(make: Maker, op: Log, args: tuple[Node, ...]) -> Node | None:
    """log(s c) = log s + log c and log(s / c) = log s - log c for a sum of exponentials s, constant c > 0."""
    (x,) = args
    if x.op.name not in ("multiply", "divide"):
        return None
    total, factor = x.args
    value = splat(factor)
    if value is None or not value > 0 or not is_sum_of_exponentials(total):
        return None
    combine = Add() if x.op.name == "multiply" else Subtract()
    return make.make(combine, make.make(Log(), total), make.make(Log(), factor))


def softmax(make: Maker, op: Divide, args: tuple[Node, ...]) -> Node | None:
    """eˣ / Σ eˣ = eˣ⁻ᵐ / Σ eˣ⁻ᵐ with m = max x."""
    numerator, denominator = args
    views: list[AbstractOp] = []
    total = denominator
    while total.op.name in ("broadcast_to", "reshape"):
        views.append(total.op)
        total = total.args[0]
    if not views or not is_sum_of_exponentials(total) or total.args[0] is not numerator:
        return None
    shifted = _shifted_exponentials(make, total)
    if shifted is None:
        return None
    below = make.make(total.op, shifted[0])
    for view in reversed(views):
        below = make.make(view, below)
    return make.make(Divide(), shifted[0], below)


def is_sum_of_exponentials(node: Node) -> bool:
    return isinstance(node.op, Sum) and node.args[0].op.name == "exp"


def _shifted_exponentials(make: Maker, total: Node) -> tuple[Node, Node] | None:
    """exp(x - m) and m, for a node Σ exp(x); None where x is shifted already."""
    if not is_sum_of_exponentials(total):
        return None
    (x,) = total.args[0].args
    axes: tuple[int, ...] = total.op.axes  # type: ignore[attr-defined]
    shape = x.array_type.shape
    if any(shape[a] == 0 for a in axes) or is_shifted(x):
        return None
    # Derivatives ignore m: its contributions cancel exactly.
    # Of symbolic sizes, which may be zero: the sum is 0 then, and must not be refused.
    known = all(isinstance(shape[a], int) for a in axes)
    largest = make.make(StopGradient(), make.make((Max if known else Supremum)(axes), x))
    type_ = largest.array_type
    zero = make.constant(0, type_.dtype, type_.shape)
    shift = make.make(Where(), make.make(IsFinite(), largest), largest, zero)
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    spread = make.broadcast(make.reshape(shift, kept), shape)
    return make.make(Exp(), make.make(Subtract(), x, spread)), shift


def is_shifted(x: Node) -> bool:
    """Whether x is y minus something computed from the maximum of y."""
    if x.op.name != "subtract":
        return False
    y, shift = x.args
    for _ in range(8):
        if shift.op.name in ("max", "supremum"):
            return shift.args[0] is y
        if not shift.args:
            return False
        shift = shift.args[1 if shift.op.name == "where" else 0]
    return False


RULES: Rules = {"log": (log_of_sum, log_of_mean), "divide": (softmax,)}
