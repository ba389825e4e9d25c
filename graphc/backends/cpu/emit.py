"""Kernel IR to LLVM IR: every statement becomes scalar code, or vector code inside a `lanes` loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.gemm import MatmulShape, Tile, emit_matmul, scratch_bytes
from graphc.backends.cpu.llvm import (
    I1,
    I64,
    PTR,
    Code,
    i64,
    lanes_of,
    scalar_type,
    value_type,
)
from graphc.backends.cpu.scalars import emit_op
from graphc.ir.dims import Dim, Quotient, SymbolicDim
from graphc.lower import kernel_ir as k
from graphc.lower.schedule import identity_of

BOOL = np.dtype(np.bool_)


@dataclass(frozen=True)
class Lanes:
    """The vector loop being emitted: lane j is iteration `base + j`, where `mask` holds."""

    axis: k.Axis
    base: ir.Value
    count: int
    mask: ir.Value | None


@dataclass
class Frame:
    """What the code at hand can name: pointers, sizes, loop variables, values, the status cell."""

    pointers: dict[k.Buffer, ir.Value] = field(default_factory=dict)
    sizes: dict[str, ir.Value] = field(default_factory=dict)
    axes: dict[k.Axis, ir.Value] = field(default_factory=dict)
    values: dict[k.Value, ir.Value] = field(default_factory=dict)
    status: ir.Value | None = None
    scratch: ir.Value | None = None


class KernelEmitter:
    """Emits statements into one LLVM function."""

    def __init__(self, code: Code, frame: Frame, name: str, vector_bytes: int) -> None:
        self.code = code
        self.frame = frame
        self.name = name
        self.vector_bytes = vector_bytes
        self.lanes: Lanes | None = None
        self.scratch_bytes = 0
        self._products = 0

    def emit(self, body: Sequence[k.Statement]) -> None:
        """Code for every statement, in order."""
        for statement in body:
            self._statement(statement)

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
                values[s.result] = self._coordinate(s.index)
            case k.Load():
                values[s.result] = self._load(s)
            case k.Store():
                self._store(s)
            case k.Flag():
                self._flag(s)
            case k.If():
                code.when(values[s.condition], lambda: self.emit(s.body))
            case k.Matmul():
                self._matmul(s)
            case k.Loop(kind="lanes"):
                LanesLoop(self, s).emit()
            case k.Loop():
                self._serial(s)

    # ---- scalars

    def _let(self, s: k.Let) -> ir.Value:
        args = self._uniform([self.frame.values[v] for v in s.operands])
        return emit_op(self.code, s.op, args, [v.dtype for v in s.operands], s.result.dtype)

    def _uniform(self, args: list[ir.Value]) -> list[ir.Value]:
        """The operands as vectors if one of them is a vector."""
        lanes = max(lanes_of(a.type) for a in args)
        return [a if lanes_of(a.type) == lanes else self.code.splat(a, lanes) for a in args]

    def size(self, dim: Dim) -> ir.Value:
        """A size as i64."""
        if isinstance(dim, int):
            return i64(dim)
        total: ir.Value = i64(0)
        for monomial, coefficient in dim.terms:
            term: ir.Value = i64(coefficient)
            for atom, power in monomial:
                base = self.frame.sizes[atom] if isinstance(atom, str) else self._quotient(atom)
                for _ in range(power):
                    term = self.code.b.mul(term, base)
            total = self.code.b.add(total, term)
        return total

    def _quotient(self, atom: Quotient) -> ir.Value:
        """Floor division of sizes: the denominator is positive."""
        b = self.code.b
        top, bottom = self.size(atom.numerator), self.size(atom.denominator)
        rest = b.srem(top, bottom)
        negative = b.icmp_signed("<", rest, i64(0))
        rest = b.select(negative, b.add(rest, bottom), rest)
        return rest if atom.remainder else b.sdiv(b.sub(top, rest), bottom)

    # ---- addresses

    def _uniform_part(self, index: k.Index) -> tuple[list[int | ir.Value], list[tuple[ir.Value, Dim]]]:
        """(offsets equal in all lanes, per-lane values with their coefficients)."""
        offsets: list[int | ir.Value] = [
            index.offset if isinstance(index.offset, int) else self.size(index.offset)
        ]
        for axis, coefficient in index.terms:
            offsets.append(self._scaled(self.frame.axes[axis], coefficient))
        varying: list[tuple[ir.Value, Dim]] = []
        for value, coefficient in index.dynamic:
            number = self.frame.values[value]
            if lanes_of(number.type) > 1:
                varying.append((number, coefficient))
            else:
                offsets.append(self._scaled(number, coefficient))
        return offsets, varying

    def _scaled(self, value: ir.Value, factor: Dim) -> ir.Value:
        if factor == 1:
            return value
        vector = lanes_of(value.type) > 1
        by = self.size(factor)
        return self.code.b.mul(value, self.code.splat(by, lanes_of(value.type)) if vector else by)

    def _stride(self, index: k.Index) -> Dim:
        return index.coefficient(self.lanes.axis) if self.lanes else 0

    def _coordinate(self, index: k.Index) -> ir.Value:
        offsets, varying = self._uniform_part(index)
        total = self._sum(offsets)
        stride = self._stride(index)
        if self.lanes is None or (stride == 0 and not varying):
            return total
        vector = self.code.splat(total, self.lanes.count)
        return self._with_lanes(vector, stride, varying)

    def _sum(self, offsets: list[int | ir.Value]) -> ir.Value:
        total: ir.Value = i64(sum(o for o in offsets if isinstance(o, int)))
        for offset in offsets:
            if not isinstance(offset, int):
                total = self.code.b.add(total, offset)
        return total

    def _with_lanes(self, vector: ir.Value, stride: Dim, varying: list[tuple[ir.Value, Dim]]) -> ir.Value:
        count = lanes_of(vector.type)
        if stride != 0:
            vector = self.code.b.add(vector, self._scaled(self.code.lane_numbers(I64, count), stride))
        for value, coefficient in varying:
            vector = self.code.b.add(vector, self._scaled(value, coefficient))
        return vector

    def _address(self, buffer: k.Buffer, offsets: list[int | ir.Value]) -> ir.Value:
        return self.code.at(self.frame.pointers[buffer], scalar_type(buffer.dtype), *offsets)

    # ---- memory

    def _load(self, s: k.Load) -> ir.Value:
        offsets, varying = self._uniform_part(s.index)
        stride, element = self._stride(s.index), scalar_type(s.buffer.dtype)
        guard = self.frame.values[s.guard] if s.guard is not None else None
        wide_guard = guard is not None and lanes_of(guard.type) > 1
        if self.lanes is None or (stride == 0 and not varying and not wide_guard):
            return self._truth(self._scalar_load(self._address(s.buffer, offsets), s.buffer, guard), s.buffer)
        mask = self._mask(guard)
        if stride == 1 and not varying:
            value = self.code.load(self._address(s.buffer, offsets), element, self.lanes.count, mask)
        elif stride == -1 and not varying:
            value = self._reversed_load(s.buffer, offsets, element, mask)
        else:
            value = self._gather(s.buffer, offsets, stride, varying, mask)
        return self._truth(value, s.buffer)

    def _scalar_load(self, address: ir.Value, buffer: k.Buffer, guard: ir.Value | None) -> ir.Value:
        element = scalar_type(buffer.dtype)
        if guard is None:
            return self.code.load(address, element)
        # Read from the buffer's start where the guard fails: always valid memory.
        safe = self.code.select(guard, address, self.frame.pointers[buffer])
        return self.code.select(guard, self.code.load(safe, element), self.code.like(element, 0))

    def _reversed_load(
        self, buffer: k.Buffer, offsets: list[int | ir.Value], element: ir.Type, mask: ir.Value | None
    ) -> ir.Value:
        assert self.lanes is not None
        count = self.lanes.count
        if mask is not None:
            return self._gather(buffer, offsets, -1, [], mask)
        vector = self.code.load(self._address(buffer, [*offsets, 1 - count]), element, count)
        order = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(count - 1, -1, -1)))
        return self.code.b.shuffle_vector(vector, vector, order)

    def _gather(
        self,
        buffer: k.Buffer,
        offsets: list[int | ir.Value],
        stride: Dim,
        varying: list[tuple[ir.Value, Dim]],
        mask: ir.Value | None,
    ) -> ir.Value:
        pointers = self._lane_pointers(buffer, offsets, stride, varying)
        return self.code.gather(pointers, scalar_type(buffer.dtype), lanes_of(pointers.type), mask)

    def _lane_pointers(
        self,
        buffer: k.Buffer,
        offsets: list[int | ir.Value],
        stride: Dim,
        varying: list[tuple[ir.Value, Dim]],
    ) -> ir.Value:
        assert self.lanes is not None
        vector = self._with_lanes(self.code.splat(self._sum(offsets), self.lanes.count), stride, varying)
        pointers = self.code.b.gep(
            self.code.splat(self.frame.pointers[buffer], self.lanes.count),
            [vector],
            source_etype=scalar_type(buffer.dtype),
        )
        # llvmlite types a vector gep like its base; say what it is.
        pointers.type = ir.VectorType(PTR, self.lanes.count)
        return pointers

    def _store(self, s: k.Store) -> None:
        offsets, varying = self._uniform_part(s.index)
        stride = self._stride(s.index)
        value = self._stored(self.frame.values[s.value], s.buffer)
        guard = self.frame.values[s.guard] if s.guard is not None else None
        if self.lanes is None:
            address = self._address(s.buffer, offsets)
            if guard is not None:
                self.code.when(guard, lambda: self.code.store(value, address))
            else:
                self.code.store(value, address)
            return
        value = value if lanes_of(value.type) > 1 else self.code.splat(value, self.lanes.count)
        mask = self._mask(guard)
        if stride == 1 and not varying:
            self.code.store(value, self._address(s.buffer, offsets), mask, streaming=s.streaming)
            return
        pointers = self._lane_pointers(s.buffer, offsets, stride, varying)
        self.code.scatter(value, pointers, mask)

    def _mask(self, guard: ir.Value | None) -> ir.Value | None:
        assert self.lanes is not None
        if guard is None:
            return self.lanes.mask
        if lanes_of(guard.type) == 1:
            guard = self.code.splat(guard, self.lanes.count)
        return guard if self.lanes.mask is None else self.code.b.and_(guard, self.lanes.mask)

    def _truth(self, value: ir.Value, buffer: k.Buffer) -> ir.Value:
        return self.code.compare("!=", value, self.code.like(value, 0)) if buffer.dtype == BOOL else value

    def _stored(self, value: ir.Value, buffer: k.Buffer) -> ir.Value:
        if buffer.dtype != BOOL:
            return value
        return self.code.b.zext(value, _with_lanes(scalar_type(BOOL), lanes_of(value.type)))

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

    def _serial(self, s: k.Loop) -> None:
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

        results = code.loop(extent, body, initial, name=s.axis.name)
        for f, value in zip(s.folds, results, strict=False):
            values[f.result] = value
        for c, value in zip(s.carries, results[len(s.folds) :], strict=True):
            values[c.result] = value

    def fold(self, f: k.Fold, so_far: ir.Value, value: ir.Value) -> ir.Value:
        """so_far ∘ value; float sums may be reassociated by the order the loops fix."""
        lanes = lanes_of(so_far.type)
        if lanes_of(value.type) != lanes:
            value = self.code.splat(value, lanes)
        return self.code.combine(f.monoid, so_far, value, signed=f.value.dtype.kind == "i")

    # ---- matrix products

    def _matmul(self, s: k.Matmul) -> None:
        shape = MatmulShape(
            s.left.buffer.dtype,
            _known(s.row.extent),
            _known(s.column.extent),
            _known(s.depth),
            (_known(s.left.strides[0]), _known(s.left.strides[1])),
            (_known(s.right.strides[0]), _known(s.right.strides[1])),
        )
        context = EpilogueContext(self, s)
        self._products += 1
        name = f"{self.name}.product{self._products}"
        long = sum(1 for x in k.statements(s.body) if isinstance(x, k.Let)) > 6
        function = emit_matmul(
            self.code.module, name, shape, context.epilogue, self.vector_bytes, unrolled_epilogue=not long
        )
        function.linkage = "internal"
        self.scratch_bytes = max(self.scratch_bytes, scratch_bytes(shape, vector_bytes=self.vector_bytes))
        rows, columns, depth = (self.size(d) for d in (s.row.extent, s.column.extent, s.depth))
        strides = [self.size(d) for d in (*s.left.strides, *s.right.strides)]
        operands = [self._address(o.buffer, self._uniform_part(o.index)[0]) for o in (s.left, s.right)]
        self.code.b.call(
            function,
            [*operands, context.pack(), i64(0), rows, rows, columns, depth, *strides, self.frame.scratch],
        )


class EpilogueContext:
    """Carries what an epilogue needs from the kernel into the product's own functions, through memory."""

    def __init__(self, emitter: KernelEmitter, product: k.Matmul) -> None:
        self.emitter = emitter
        self.product = product
        frame = emitter.frame
        self.pointers = list(frame.pointers)
        self.sizes = list(frame.sizes)
        self.axes = list(frame.axes)
        used = _values_used(product.body)
        self.values = [v for v in frame.values if v in used]

    def pack(self) -> ir.Value:
        """Stores everything in a block on the stack; returns its address."""
        code, frame = self.emitter.code, self.emitter.frame
        items = [
            *(frame.pointers[b] for b in self.pointers),
            *(frame.sizes[n] for n in self.sizes),
            *(frame.axes[a] for a in self.axes),
            *(self._widened(code, frame.values[v]) for v in self.values),
            frame.status,
        ]
        block = code.scratch(I64, len(items))
        for i, item in enumerate(items):
            assert item is not None
            code.b.store(item, code.at(block, I64, i))
        return block

    @staticmethod
    def _widened(code: Code, value: ir.Value) -> ir.Value:
        return code.b.zext(value, ir.IntType(8)) if value.type == I1 else value

    def epilogue(self, code: Code, tile: Tile) -> None:
        """The statements after the sum, on one vector of results."""
        frame = self._unpack(code, tile.context)
        frame.axes[self.product.row] = tile.row
        frame.axes[self.product.column] = tile.column
        frame.values[self.product.result] = tile.value
        inner = KernelEmitter(code, frame, self.emitter.name, self.emitter.vector_bytes)
        if tile.lanes > 1:
            inner.lanes = Lanes(self.product.column, tile.column, tile.lanes, tile.mask)
        inner.emit(self.product.body)

    def _unpack(self, code: Code, block: ir.Value) -> Frame:
        frame = Frame()
        position = 0

        def take(type_: ir.Type) -> ir.Value:
            nonlocal position
            position += 1
            return code.b.load(code.at(block, I64, position - 1), typ=type_)

        used, _ = k.buffers_of(self.product.body)
        for buffer in self.pointers:
            if buffer in used:
                frame.pointers[buffer] = take(PTR)
            else:
                position += 1
        frame.sizes = {n: take(I64) for n in self.sizes}
        frame.axes = {a: take(I64) for a in self.axes}
        for v in self.values:
            is_bool = v.dtype == BOOL
            value = take(ir.IntType(8) if is_bool else value_type(v.dtype))
            frame.values[v] = code.compare("!=", value, code.like(value, 0)) if is_bool else value
        frame.status = take(PTR)
        return frame


class LanesLoop:
    """A vector loop: full vectors, several at a time, then one masked loop for what is left."""

    def __init__(self, emitter: KernelEmitter, loop: k.Loop) -> None:
        self.emitter = emitter
        self.loop = loop
        self.code = emitter.code
        self.count = self._lanes()
        self.unroll = self._unroll()

    def _lanes(self) -> int:
        dtypes = {s.result.dtype for s in k.statements(self.loop.body) if isinstance(s, k.Load | k.Let)}
        dtypes |= {s.buffer.dtype for s in k.statements(self.loop.body) if isinstance(s, k.Store)}
        floats = [t.itemsize for t in dtypes if t.kind == "f"]
        widest = max(floats or [t.itemsize for t in dtypes if t.kind != "b"] or [1])
        return min(self.emitter.vector_bytes // widest, 32)

    def _unroll(self) -> int:
        size = sum(1 for _ in k.statements(self.loop.body))
        wish = 4 if size <= 10 else 2 if size <= 24 else 1
        extent = self.loop.axis.extent
        if isinstance(extent, int):
            while wish > 1 and extent < wish * self.count:
                wish //= 2
        return wish

    def emit(self) -> None:
        """The loop's code; its folds are left in the frame."""
        code, folds = self.code, self.loop.folds
        extent = self.loop.axis.extent
        step = self.count * self.unroll
        start = [self._identity(f) for f in folds for _ in range(self.unroll)]
        if isinstance(extent, int):
            whole: int | ir.Value = extent // step * step
            sums = code.loop(whole, self._full, start, step=step, name=self.loop.axis.name)
            if extent % step:
                sums = code.loop(
                    extent, self._masked(extent), sums, start=whole, step=self.count, name="rest"
                )
        else:
            n = self.emitter.size(extent)
            whole = code.b.sub(n, code.b.srem(n, i64(step)))
            sums = code.loop(whole, self._full, start, step=step, name=self.loop.axis.name)
            sums = code.loop(n, self._masked(n), sums, start=whole, step=self.count, name="rest")
        self._finish(sums)

    def _identity(self, f: k.Fold) -> ir.Value:
        return self.code.like(value_type(f.result.dtype, self.count), identity_of(f.monoid, f.result.dtype))

    def _full(self, i: ir.Value, *sums: ir.Value) -> list[ir.Value]:
        results = list(sums)
        for u in range(self.unroll):
            base = self.code.b.add(i, i64(u * self.count)) if u else i
            for j, value in enumerate(self._iteration(base, None)):
                slot = j * self.unroll + u
                results[slot] = self.emitter.fold(self.loop.folds[j], results[slot], value)
        return results

    def _masked(self, extent: int | ir.Value) -> Callable[..., list[ir.Value]]:
        def body(i: ir.Value, *sums: ir.Value) -> list[ir.Value]:
            mask = self._tail_mask(i, extent)
            results = list(sums)
            for j, value in enumerate(self._iteration(i, mask)):
                slot = j * self.unroll
                fold = self.loop.folds[j]
                if lanes_of(value.type) != self.count:
                    value = self.code.splat(value, self.count)
                folded = self.emitter.fold(fold, results[slot], value)
                results[slot] = self.code.select(mask, folded, results[slot]) if mask is not None else folded
            return results

        return body

    def _tail_mask(self, i: ir.Value, extent: int | ir.Value) -> ir.Value | None:
        if isinstance(extent, int) and isinstance(i, ir.Constant):
            left = extent - int(i.constant)
            return None if left >= self.count else self.code.mask_first(left, self.count)
        left = self.code.b.sub(i64(extent), i)
        limited = self.code.b.select(
            self.code.b.icmp_signed("<", left, i64(self.count)), left, i64(self.count)
        )
        return self.code.mask_first(limited, self.count)

    def _iteration(self, base: ir.Value, mask: ir.Value | None) -> list[ir.Value]:
        """One vector of iterations; the values to fold."""
        emitter = self.emitter
        values = emitter.frame.values
        before = set(values)
        outer, emitter.lanes = emitter.lanes, Lanes(self.loop.axis, base, self.count, mask)
        emitter.frame.axes[self.loop.axis] = base
        emitter.emit(self.loop.body)
        results = [values[f.value] for f in self.loop.folds]
        emitter.lanes = outer
        for made in [v for v in values if v not in before]:
            del values[made]
        return results

    def _finish(self, sums: list[ir.Value]) -> None:
        for j, f in enumerate(self.loop.folds):
            parts = sums[j * self.unroll : (j + 1) * self.unroll]
            signed = f.result.dtype.kind == "i"
            while len(parts) > 1:
                half = len(parts) // 2
                parts = [
                    self.code.combine(f.monoid, parts[i], parts[i + half], signed=signed) for i in range(half)
                ]
            self.emitter.frame.values[f.result] = self.code.reduce(f.monoid, parts[0], signed=signed)


def _with_lanes(element: ir.Type, lanes: int) -> ir.Type:
    return element if lanes == 1 else ir.VectorType(element, lanes)


def _known(dim: Dim) -> int | None:
    return None if isinstance(dim, SymbolicDim) else dim


def _values_used(body: Sequence[k.Statement]) -> set[k.Value]:
    used: set[k.Value] = set()
    for s in k.statements(list(body)):
        match s:
            case k.Let():
                used.update(s.operands)
            case k.Load():
                used.update(v for v, _ in s.index.dynamic)
                used.update([s.guard] if s.guard else [])
            case k.Store():
                used.add(s.value)
                used.update(v for v, _ in s.index.dynamic)
                used.update([s.guard] if s.guard else [])
            case k.Coordinate():
                used.update(v for v, _ in s.index.dynamic)
            case k.Flag():
                used.add(s.condition)
    return used


def kernel_function(
    module: ir.Module, kernel: k.Kernel, name: str, vector_bytes: int
) -> tuple[ir.Function, int]:
    """Defines `void name(ptr buffers…, i64 sizes…, ptr status, ptr scratch)`; also its scratch bytes."""
    types = [PTR] * len(kernel.buffers) + [I64] * len(kernel.symbols) + [PTR, PTR]
    code = Code(module, name, types, internal=True)
    for argument in code.args[: len(kernel.buffers)]:
        argument.add_attribute("noalias")
    frame = Frame(
        pointers=dict(zip(kernel.buffers, code.args, strict=False)),
        sizes=dict(zip(kernel.symbols, code.args[len(kernel.buffers) :], strict=False)),
        status=code.args[-2],
        scratch=code.args[-1],
    )
    emitter = KernelEmitter(code, frame, name, vector_bytes)
    emitter.emit(kernel.body)
    code.ret()
    return code.function, emitter.scratch_bytes
