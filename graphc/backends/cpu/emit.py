"""Kernel IR to LLVM IR: every statement becomes scalar code, or vector code inside a `lanes` loop."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.backends.cpu.addressing import Memory
from graphc.backends.cpu.batch import emit_batch, is_batch
from graphc.backends.cpu.frame import Frame
from graphc.backends.cpu.lanes import LanesLoop
from graphc.backends.cpu.llvm import I32, I64, PTR, Code, i64, lanes_of, value_type
from graphc.backends.cpu.parallel import emit_parallel
from graphc.backends.cpu.product import emit_product
from graphc.backends.cpu.scalars import emit_op
from graphc.backends.cpu.target import Target
from graphc.backends.cpu.together import Together, arranged
from graphc.lower import kernel_ir as k
from graphc.lower.schedule import identity_of

UNROLLED = 8  # iterations of a loop inside lanes that are laid out flat


class KernelEmitter(Memory):
    """Emits statements into one LLVM function; further functions it needs are called `name.…`."""

    def __init__(self, code: Code, frame: Frame, name: str, target: Target) -> None:
        super().__init__(code, frame)
        self.name = name
        self.target = target
        self.scratch_bytes = 0
        self.parts = 0

    def emit(self, body: Sequence[k.Statement]) -> None:
        """Code for every statement, in order."""
        if self.lanes is not None:
            for statement in body:
                self._statement(statement)
            return
        for item in arranged(body, self.target.vector_bytes):
            if isinstance(item, Together):
                self._together(item)
            else:
                self._statement(item)

    def _statement(self, s: k.Statement) -> None:
        values, code = self.frame.values, self.code
        match s:
            case k.Constant():
                values[s.result] = code.like(value_type(s.result.dtype), s.value)
            case k.SizeOf():
                values[s.result] = self.size(s.dim)
            case k.Let():
                values[s.result] = self._let(s)
            case k.Coordinate():
                values[s.result] = self.coordinate(s.index)
            case k.Load():
                values[s.result] = self.load(s)
            case k.Store():
                self.store(s)
            case k.Flag():
                self._flag(s)
            case k.If():
                code.when(values[s.condition], lambda: self.emit(s.body))
            case k.While():
                self._while(s)
            case k.Matmul():
                emit_product(self, s)
            case k.Loop(kind="lanes"):
                LanesLoop(self, s, self.bounds(s)).emit()
            case k.Loop(kind="parallel") if self.target.threads > 1:
                if is_batch(s):
                    emit_batch(self, s)
                else:
                    emit_parallel(self, s)
            case k.Loop():
                self.serial(s)

    # ---- scalars

    def _let(self, s: k.Let) -> ir.Value:
        args = self._uniform([self.frame.values[v] for v in s.operands])
        return emit_op(self.code, s.op, args, [v.dtype for v in s.operands], s.result.dtype)

    def _together(self, together: Together) -> None:
        """One vector through a formula; lanes beyond the calls repeat the first."""
        code, calls = self.code, together.calls
        lanes = 1 << (len(calls) - 1).bit_length()
        first = calls[0]
        vectors = []
        for position in range(len(first.operands)):
            values = [self.frame.values[call.operands[position]] for call in calls]
            vector = code.splat(values[0], lanes)
            for lane, value in enumerate(values[1:], 1):
                vector = code.b.insert_element(vector, value, ir.Constant(I32, lane))
            vectors.append(vector)
        result = emit_op(code, first.op, vectors, [v.dtype for v in first.operands], first.result.dtype)
        for lane, call in enumerate(calls):
            self.frame.values[call.result] = code.lane(result, lane)

    def _uniform(self, args: list[ir.Value]) -> list[ir.Value]:
        """The operands as vectors if one of them is a vector."""
        lanes = max(lanes_of(a.type) for a in args)
        return [a if lanes_of(a.type) == lanes else self.code.splat(a, lanes) for a in args]

    def _flag(self, s: k.Flag) -> None:
        condition = self.frame.values[s.condition]
        if self.lanes is not None and lanes_of(condition.type) > 1:
            if self.lanes.mask is not None:
                condition = self.code.b.and_(condition, self.lanes.mask)
            condition = self.code.reduce("or", condition)
        status = self.frame.status
        assert status is not None
        self.code.when(condition, lambda: self.code.store(i64(s.error), status))

    # ---- loops

    def part_name(self, what: str) -> str:
        """A fresh name for a function that belongs to this kernel."""
        self.parts += 1
        return f"{self.name}.{what}{self.parts}"

    def bounds(self, s: k.Loop) -> tuple[ir.Value, ir.Value] | None:
        """The iterations of a loop that runs over a part of its extent only."""
        if s.part_of is None:
            if s.first is None and s.end is None:
                return None
            values = self.frame.values
            end = values[s.end] if s.end is not None else self.size(s.axis.extent)
            return (values[s.first] if s.first is not None else i64(0)), end
        b, extent = self.code.b, self.size(s.axis.extent)
        share = b.mul(self.size(s.share), self.frame.axes[s.part_of])
        first = b.select(b.icmp_signed("<", share, extent), share, extent)
        end = b.add(first, self.size(s.share))
        return first, b.select(b.icmp_signed("<", end, extent), end, extent)

    def serial(self, s: k.Loop) -> None:
        """An ordinary loop."""
        code, values = self.code, self.frame.values
        lanes = self.lanes.count if self.lanes is not None else 1
        extent = s.axis.extent if isinstance(s.axis.extent, int) else self.size(s.axis.extent)
        initial = [
            code.like(value_type(f.result.dtype, lanes), identity_of(f.monoid, f.result.dtype))
            for f in s.folds
        ]
        for c in s.carries:
            value = values[c.initial]
            initial.append(value if lanes_of(value.type) == lanes else code.splat(value, lanes))

        def body(i: ir.Value, *carried: ir.Value) -> list[ir.Value]:
            self.frame.axes[s.axis] = i
            for c, value in zip(s.carries, carried[len(s.folds) :], strict=True):
                values[c.current] = value
            self.emit(s.body)
            results = []
            for f, so_far in zip(s.folds, carried, strict=False):
                results.append(self.fold(f, so_far, values[f.value]))
            for c in s.carries:
                value = values[c.following]
                results.append(value if lanes_of(value.type) == lanes else code.splat(value, lanes))
            return results

        start, end = self.bounds(s) or (0, extent)
        stop = s.stop
        leave = (lambda: values[stop]) if stop is not None else None
        if self.lanes is not None and end in range(UNROLLED + 1) and stop is None:
            results = initial
            for i in range(end):
                results = body(i64(i), *results)
        else:
            results = code.loop(end, body, initial, start=start, name=s.axis.name, leave=leave)
        self.frame.axes.pop(s.axis, None)
        for f, value in zip(s.folds, results, strict=False):
            values[f.result] = value
        for c, value in zip(s.carries, results[len(s.folds) :], strict=True):
            values[c.result] = value

    def _while(self, s: k.While) -> None:
        """The test at the head of the loop, the body behind a branch."""

        def test() -> ir.Value:
            self.emit(s.test)
            holds = self.frame.values[s.condition]
            if not any(isinstance(x, k.Flag) for x in k.statements([s])):
                return holds
            assert self.frame.status is not None
            fine = self.code.compare("==", self.code.load(self.frame.status, I64), i64(0))
            return self.code.b.and_(holds, fine)

        self.code.repeat(test, lambda: self.emit(s.body))

    def fold(self, f: k.Fold, so_far: ir.Value, value: ir.Value) -> ir.Value:
        """so_far ∘ value; float sums may be reassociated by the order the loops fix."""
        lanes = lanes_of(so_far.type)
        if lanes_of(value.type) != lanes:
            value = self.code.splat(value, lanes)
        return self.code.combine(f.monoid, so_far, value, signed=f.value.dtype.kind == "i")


def kernel_function(
    module: ir.Module, kernel: k.Kernel, name: str, target: Target
) -> tuple[ir.Function, int]:
    """Defines `void name(ptr buffers…, i64 sizes…, parameters…, ptr status, ptr scratch)`; also its
    scratch bytes."""
    parameters = [value_type(v.dtype) for v in kernel.parameters]
    types = [PTR] * len(kernel.buffers) + [I64] * len(kernel.symbols) + parameters + [PTR, PTR]
    code = Code(module, name, types, internal=True)
    numbers = len(kernel.buffers) + len(kernel.symbols)
    for argument, buffer in zip(code.args, kernel.buffers, strict=False):
        if not buffer.shared:
            argument.add_attribute("noalias")
    frame = Frame(
        pointers=dict(zip(kernel.buffers, code.args, strict=False)),
        sizes=dict(zip(kernel.symbols, code.args[len(kernel.buffers) :], strict=False)),
        values=dict(zip(kernel.parameters, code.args[numbers:], strict=False)),
        status=code.args[-2],
        scratch=code.args[-1],
    )
    emitter = KernelEmitter(code, frame, name, target)
    emitter.emit(kernel.body)
    code.ret()
    return code.function, emitter.scratch_bytes
