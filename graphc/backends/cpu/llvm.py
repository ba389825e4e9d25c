"""A structured writer of LLVM IR: typed scalars and vectors, counted loops, branches.

Every value is an `llvmlite.ir` value, either a scalar or a vector of `lanes` elements; one method
serves both, because it takes the shape from its operands. Formulas written with `Code` therefore
hold for any vector width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from llvmlite import ir

from graphc.backends.cpu.features import FAST_LDEXP, NO_FMA, NO_MASKS, NO_ROUNDING, declared
from graphc.backends.cpu.llvm_types import (
    F32,
    F64,
    I1,
    I8,
    I32,
    I64,
    PTR,
    VOID,
    Splat,
    constant,
    element_of,
    i64,
    is_float,
    lanes_of,
    scalar_type,
    size_of,
    suffix,
    value_type,
    with_element,
)

__all__ = [
    "F32",
    "F64",
    "FLAGS",
    "I1",
    "I8",
    "I32",
    "I64",
    "PTR",
    "VOID",
    "Code",
    "element_of",
    "i64",
    "is_float",
    "lanes_of",
    "scalar_type",
    "size_of",
    "suffix",
    "value_type",
    "with_element",
]

# Contraction and reciprocals may change the last bit; NaN and infinity keep their meaning.
FLAGS: Final = ("contract", "nsz", "arcp")


class Code:
    """One LLVM function under construction."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        arguments: Sequence[ir.Type],
        *,
        result: ir.Type = VOID,
        internal: bool = False,
        inline: bool = False,
    ) -> None:
        self.module = module
        self.function = ir.Function(module, ir.FunctionType(result, list(arguments)), name)
        self.function.attributes.add("nounwind")
        if internal:
            self.function.linkage = "internal"
            self.function.attributes.add("alwaysinline" if inline else "noinline")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.args = list(self.function.args)
        self.inlined = 0  # long formulas written out in this function so far

    # ---- constants

    def like(self, x: ir.Value | ir.Type, value: float | int | bool) -> ir.Constant:
        """`value` in every lane, typed like `x`."""
        type_ = x if isinstance(x, ir.Type) else x.type
        return constant(suffix(type_), float(value) if is_float(type_) else int(value))

    def lane_numbers(self, element: ir.Type, lanes: int) -> ir.Constant:
        """0, 1, 2, … one per lane."""
        return ir.Constant(ir.VectorType(element, lanes), list(range(lanes)))

    # ---- intrinsics and arithmetic

    def intrinsic(self, name: str, result: ir.Type, args: Sequence[ir.Value], **kwargs: object) -> ir.Value:
        function = self.module.globals.get(name)
        if function is None:
            function = ir.Function(self.module, ir.FunctionType(result, [a.type for a in args]), name)
        return self.b.call(function, list(args), **kwargs)

    def math(self, name: str, *args: ir.Value) -> ir.Value:
        """`llvm.<name>` on operands of one type."""
        type_ = args[0].type
        return self.intrinsic(f"llvm.{name}.{suffix(type_)}", type_, args)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a · b + c: rounded once, or twice where the target has no such instruction (see `math.double`)."""
        if self.fused:
            return self.math("fma", a, b, c)
        return self.b.fadd(self.b.fmul(a, b), c)

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.fadd(a, b, flags=FLAGS) if is_float(a.type) else self.b.add(a, b)

    def sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.fsub(a, b, flags=FLAGS) if is_float(a.type) else self.b.sub(a, b)

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.fmul(a, b, flags=FLAGS) if is_float(a.type) else self.b.mul(a, b)

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a / b of floats, correctly rounded."""
        return self.b.fdiv(a, b)

    def neg(self, a: ir.Value) -> ir.Value:
        return self.b.fneg(a) if is_float(a.type) else self.b.neg(a)

    def compare(self, relation: str, a: ir.Value, b: ir.Value, *, signed: bool = True) -> ir.Value:
        """`relation` in < <= > >= == !=; NaN compares false except for != (IEEE 754)."""
        if is_float(a.type):
            if relation == "!=":
                return self.b.fcmp_unordered("!=", a, b)
            return self.b.fcmp_ordered(relation, a, b)
        compare = self.b.icmp_signed if signed else self.b.icmp_unsigned
        return compare(relation, a, b)

    def select(self, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.select(condition, a, b)

    def horner(self, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        """A polynomial in x, highest power first."""
        y: ir.Value = self.like(x, coefficients[0])
        for c in coefficients[1:]:
            y = self.fma(y, x, self.like(x, c))
        return y

    def bits(self, x: ir.Value) -> ir.Value:
        """The integer with the same bits as float x."""
        width = 32 if isinstance(element_of(x.type), ir.FloatType) else 64
        return self.b.bitcast(x, with_element(x.type, ir.IntType(width)))

    def from_bits(self, n: ir.Value) -> ir.Value:
        element = F32 if element_of(n.type).width == 32 else F64
        return self.b.bitcast(n, with_element(n.type, element))

    def ldexp(self, x: ir.Value, n: ir.Value) -> ir.Value:
        """x · 2ⁿ with correct overflow and denormals; n: float of x's type, integral."""
        n32 = self.b.fptosi(n, with_element(x.type, I32))
        name = f"llvm.ldexp.{suffix(x.type)}.{suffix(n32.type)}"
        return self.intrinsic(name, x.type, [x, n32])

    def ldexp_integer(self, x: ir.Value, n: ir.Value) -> ir.Value:
        """x · 2ⁿ by `llvm.ldexp`; n: i32 in every lane. A library call where the processor has no such
        instruction, so only for modules that declare one (`features.declare`)."""
        name = f"llvm.ldexp.{suffix(x.type)}.{suffix(n.type)}"
        return self.intrinsic(name, x.type, [x, n])

    @property
    def fast_ldexp(self) -> bool:
        """True where the module's target scales by powers of two in one instruction (AVX-512)."""
        return declared(self.module, FAST_LDEXP)

    @property
    def fused(self) -> bool:
        """True where the module's target multiplies and adds in one instruction."""
        return not declared(self.module, NO_FMA)

    @property
    def masks(self) -> bool:
        """True where the module's target has vector loads and stores that take a mask."""
        return not declared(self.module, NO_MASKS)

    @property
    def rounds(self) -> bool:
        """True where the module's target rounds floats to integers in one instruction."""
        return not declared(self.module, NO_ROUNDING)

    # ---- vectors

    def splat(self, x: ir.Value, lanes: int) -> ir.Value:
        if lanes == 1:
            return x
        type_ = ir.VectorType(x.type, lanes)
        if isinstance(x, ir.Constant):
            return Splat(x, lanes)
        # Zero initialisers print as one word; undefined vectors would print lane by lane.
        nothing = ir.Constant(type_, None)
        first = self.b.insert_element(nothing, x, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, lanes), None))

    def lane(self, v: ir.Value, index: int) -> ir.Value:
        return self.b.extract_element(v, ir.Constant(I32, index))

    def mask_first(self, count: int | ir.Value, lanes: int) -> ir.Value:
        """Lane i is true where i < count (count: int or i64)."""
        if isinstance(count, int):
            return ir.Constant(ir.VectorType(I1, lanes), [int(i < count) for i in range(lanes)])
        element = ir.IntType(max(8, min(64, 512 // lanes)))
        if element.width < 64:
            count = self.b.trunc(count, element)
        return self.b.icmp_unsigned("<", self.lane_numbers(element, lanes), self.splat(count, lanes))

    def reduce(self, monoid: str, v: ir.Value, *, signed: bool = True) -> ir.Value:
        """Folds the lanes of v in a fixed tree order; monoid: add mul maximum minimum and or."""
        lanes = lanes_of(v.type)
        while lanes > 1:
            half = lanes // 2
            undefined = ir.Constant(v.type, ir.Undefined)

            def part(start: int, half: int = half, v: ir.Value = v, u: ir.Value = undefined) -> ir.Value:
                index = ir.Constant(ir.VectorType(I32, half), list(range(start, start + half)))
                return self.b.shuffle_vector(v, u, index)

            low, high = part(0), part(half)
            if half == 1:
                low, high = self.lane(v, 0), self.lane(v, 1)
            v = self.combine(monoid, low, high, signed=signed)
            lanes = half
        return v

    def combine(self, monoid: str, a: ir.Value, b: ir.Value, *, signed: bool = True) -> ir.Value:
        """a ∘ b; maximum and minimum of floats propagate NaN and truth values add up to or, as in NumPy."""
        if element_of(a.type) == I1:
            return self.b.or_(a, b) if monoid in ("add", "or", "maximum") else self.b.and_(a, b)
        if monoid == "add":
            return self.add(a, b)
        if monoid == "mul":
            return self.mul(a, b)
        if monoid in ("and", "or"):
            return self.b.and_(a, b) if monoid == "and" else self.b.or_(a, b)
        if is_float(a.type):
            return self.math(monoid, a, b)
        relation = ">" if monoid == "maximum" else "<"
        return self.select(self.compare(relation, a, b, signed=signed), a, b)

    # ---- memory

    def at(self, pointer: ir.Value, element: ir.Type, *offsets: int | ir.Value) -> ir.Value:
        """pointer + Σ offsets, counted in elements."""
        static = sum(o for o in offsets if isinstance(o, int))
        for offset in offsets:
            if not isinstance(offset, int):
                pointer = self.b.gep(pointer, [offset], source_etype=element)
        return self.b.gep(pointer, [i64(static)], source_etype=element) if static else pointer

    def load(
        self,
        pointer: ir.Value,
        element: ir.Type,
        lanes: int = 1,
        mask: ir.Value | None = None,
        *,
        align: int | None = None,
    ) -> ir.Value:
        """`lanes` consecutive elements; masked lanes read nothing and hold zero."""
        if isinstance(element, ir.PointerType):
            return self.b.load(pointer, typ=element)  # its size and alignment are the target's
        align = align or size_of(element)
        if lanes == 1:
            return self.b.load(pointer, align=align, typ=element)
        type_ = ir.VectorType(element, lanes)
        if mask is None:
            return self.b.load(pointer, align=align, typ=type_)
        name = f"llvm.masked.load.{suffix(type_)}.p0"
        return self.intrinsic(name, type_, [pointer, ir.Constant(I32, align), mask, self.like(type_, 0)])

    def store(
        self,
        value: ir.Value,
        pointer: ir.Value,
        mask: ir.Value | None = None,
        *,
        align: int | None = None,
        streaming: bool = False,
    ) -> None:
        """Writes consecutive elements; `streaming` bypasses the cache (needs full alignment)."""
        size = size_of(element_of(value.type))
        only = _only_lane(mask)
        if only is not None:
            # LLVM 22 on x86 stores the whole lane of the wider vector where this one was truncated from it.
            address = self.at(pointer, element_of(value.type), only)
            self.b.store(self.lane(value, only), address, align=size)
            return
        if mask is not None:
            name = f"llvm.masked.store.{suffix(value.type)}.p0"
            self.intrinsic(name, VOID, [value, pointer, ir.Constant(I32, align or size), mask])
            return
        instruction = self.b.store(value, pointer, align=align or size)
        if streaming:
            instruction.align = size * lanes_of(value.type)
            one = self.module.add_metadata([ir.Constant(I32, 1)])
            instruction.set_metadata("nontemporal", one)

    def gather(
        self, pointers: ir.Value, element: ir.Type, lanes: int, mask: ir.Value | None = None
    ) -> ir.Value:
        """One element from each of `lanes` addresses."""
        type_ = ir.VectorType(element, lanes)
        mask = mask if mask is not None else self.mask_first(lanes, lanes)
        name = f"llvm.masked.gather.{suffix(type_)}.v{lanes}p0"
        align = ir.Constant(I32, size_of(element))
        return self.intrinsic(name, type_, [pointers, align, mask, self.like(type_, 0)])

    def scatter(self, value: ir.Value, pointers: ir.Value, mask: ir.Value | None = None) -> None:
        """One element to each of the addresses, in lane order."""
        lanes = lanes_of(value.type)
        mask = mask if mask is not None else self.mask_first(lanes, lanes)
        name = f"llvm.masked.scatter.{suffix(value.type)}.v{lanes}p0"
        align = ir.Constant(I32, size_of(element_of(value.type)))
        self.intrinsic(name, VOID, [value, pointers, align, mask])

    def scratch(self, element: ir.Type, count: int, *, align: int = 64) -> ir.Value:
        """Stack space for `count` elements, by default aligned to a cache line."""
        here = self.b.block
        # Behind a call that is inlined, it would move the stack pointer at run time.
        self.b.position_at_start(self.function.entry_basic_block)
        slot = self.b.alloca(ir.ArrayType(element, count))
        self.b.position_at_end(here)
        slot.align = align
        slot.type = PTR
        return slot

    # ---- control

    def loop(
        self,
        count: int | ir.Value,
        body: Callable[..., Sequence[ir.Value] | None],
        carry: Sequence[ir.Value] = (),
        *,
        start: int | ir.Value = 0,
        step: int = 1,
        name: str = "loop",
        leave: Callable[[], ir.Value] | None = None,
    ) -> list[ir.Value]:
        """`for i in range(start, count, step): carry = body(i, *carry)`; returns the last carry.

        A trip count known to be one is laid out flat; a run-time count may be zero. `leave`, asked at
        the end of the body, says whether to break.
        """
        if isinstance(count, int) and isinstance(start, int):
            trips = len(range(start, count, step))
            if trips == 0:
                return list(carry)
            if trips == 1:
                return list(body(i64(start), *carry) or [])
        b = self.b
        before = b.block
        head = self.function.append_basic_block(name)
        done = self.function.append_basic_block(name + ".end")
        known = isinstance(count, int) and isinstance(start, int)
        if known:
            b.branch(head)
        else:
            b.cbranch(b.icmp_signed("<", i64(start), i64(count)), head, done)
        b.position_at_end(head)
        i = b.phi(I64)
        inside = [b.phi(c.type) for c in carry]
        results = list(body(i, *inside) or [])
        following = b.add(i, i64(step), flags=("nuw", "nsw"))
        last = b.block
        i.add_incoming(i64(start), before)
        i.add_incoming(following, last)
        for phi, initial, result in zip(inside, carry, results, strict=True):
            phi.add_incoming(initial, before)
            phi.add_incoming(result, last)
        again = b.icmp_signed("<", following, i64(count))
        if leave is not None:
            again = b.and_(again, b.not_(leave()))
        b.cbranch(again, head, done)
        b.position_at_end(done)
        if known:
            return results
        merged = []
        for initial, result in zip(carry, results, strict=True):
            phi = b.phi(initial.type)
            phi.add_incoming(initial, before)
            phi.add_incoming(result, last)
            merged.append(phi)
        return merged

    def repeat(self, test: Callable[[], ir.Value], body: Callable[[], None]) -> None:
        """Runs `body` as long as `test`, asked before each time, gives true."""
        head = self.function.append_basic_block("while")
        inside = self.function.append_basic_block("while.body")
        done = self.function.append_basic_block("while.end")
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch(test(), inside, done)
        self.b.position_at_end(inside)
        body()
        self.b.branch(head)
        self.b.position_at_end(done)

    def when(
        self, condition: ir.Value, body: Callable[[], None], otherwise: Callable[[], None] | None = None
    ) -> None:
        """Runs `body` where the i1 `condition` holds, and `otherwise` where it does not."""
        then = self.function.append_basic_block("then")
        done = self.function.append_basic_block("done")
        other = self.function.append_basic_block("else") if otherwise is not None else done
        self.b.cbranch(condition, then, other)
        for block, write in ((then, body), (other, otherwise)):
            if write is not None:
                self.b.position_at_end(block)
                write()
                self.b.branch(done)
        self.b.position_at_end(done)

    def ret(self, value: ir.Value | None = None) -> None:
        if value is None:
            self.b.ret_void()
        else:
            self.b.ret(value)


def _only_lane(mask: ir.Value | None) -> int | None:
    """The lane that a constant mask lets through, if it is a single one."""
    if not isinstance(mask, ir.Constant):
        return None
    chosen = [i for i, lane in enumerate(mask.constant) if lane.constant]
    return chosen[0] if len(chosen) == 1 else None
