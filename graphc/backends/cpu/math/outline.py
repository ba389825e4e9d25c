"""Long formulas as functions of their own, and rare lanes recomputed behind a branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphc.backends.cpu.llvm import Code, element_of, lanes_of, suffix
from graphc.backends.cpu.math.number import Number


def helper(code: Code, name: str, body: Callable[..., ir.Value], args: Sequence[ir.Value]) -> ir.Value:
    """Calls the module's internal function `body`, writing it first if it is not there yet."""
    symbol = f"graphc_{name}_{suffix(args[0].type)}"
    function = code.module.globals.get(symbol)
    if function is None:
        inner = Code(code.module, symbol, [a.type for a in args], result=args[0].type, internal=True)
        inner.ret(body(inner, *inner.args))
        function = inner.function
    return code.b.call(function, list(args))


def scalar_in_f64(name: str, formula: Callable[..., Number], operands: Sequence[Number]) -> Number:
    """Calls `formula` on scalars as a function of its own, in f64 also for f32 operands."""
    wide = [x.widened() if x.single else x for x in operands]

    def body(code: Code, *args: ir.Value) -> ir.Value:
        return formula(*(Number(code, a) for a in args)).value

    result = wide[0].same(helper(wide[0].code, name, body, [x.value for x in wide]))
    return result.narrowed() if operands[0].single else result


def with_hard_lanes(
    name: str,
    operands: Sequence[Number],
    easy: Number,
    is_hard: Callable[..., Number],
    formula: Callable[..., Number],
) -> Number:
    """`easy`; lanes where is_hard(*operands) replaced by formula(*operands), one scalar at a time in f64.

    While no lane is hard the cost is that of the test.
    """
    code = easy.code
    values = [x.value for x in operands]

    def lane_by_lane(inner: Code, easy: ir.Value, *values: ir.Value) -> ir.Value:
        return _repaired(inner, name, easy, values, is_hard, formula)

    def repair() -> Number:
        return easy.same(helper(code, f"{name}_lanes", lane_by_lane, [easy.value, *values]))

    return unless_rare(is_hard(*operands), easy, repair)


def unless_rare(rare: Number, easy: Number, otherwise: Callable[[], Number]) -> Number:
    """`easy`, or the whole vector `otherwise()` where one lane is rare, behind a branch."""
    code = easy.code
    before = code.b.block
    seldom = code.function.append_basic_block("seldom")
    done = code.function.append_basic_block("done")
    code.b.cbranch(rare.any_lane(), seldom, done)
    code.b.position_at_end(seldom)
    other = otherwise()
    code.b.branch(done)
    last = code.b.block
    code.b.position_at_end(done)
    result = code.b.phi(easy.type)
    result.add_incoming(easy.value, before)
    result.add_incoming(other.value, last)
    return easy.same(result)


def _repaired(
    code: Code,
    name: str,
    easy: ir.Value,
    values: Sequence[ir.Value],
    is_hard: Callable[..., Number],
    formula: Callable[..., Number],
) -> ir.Value:
    element, lanes = element_of(easy.type), lanes_of(easy.type)
    sources = [code.scratch(element, lanes) for _ in values]
    result = code.scratch(element, lanes)
    for value, place in zip([*values, easy], [*sources, result], strict=True):
        code.store(value, place)

    def lane(i: ir.Value) -> None:
        operands = [Number(code, code.load(code.at(source, element, i), element)) for source in sources]

        def recompute() -> None:
            code.store(scalar_in_f64(name, formula, operands).value, code.at(result, element, i))

        code.when(is_hard(*operands).value, recompute)

    code.loop(lanes, lane)
    return code.load(result, element, lanes)
