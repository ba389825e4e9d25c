"""Addresses, loads and stores of kernel IR: scalars, vectors, reversed vectors, gathers and scatters."""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.frame import Frame, Lanes
from graphc.backends.cpu.index import Index
from graphc.backends.cpu.llvm import I32, I64, PTR, Code, i64, lanes_of, scalar_type, with_element
from graphc.ir.dims import Dim, Quotient
from graphc.lower import kernel_ir as k

BOOL = np.dtype(np.bool_)


LARGEST_STRIDE = 8  # loads of wider strides are gathers


class Memory:
    """Reads and writes buffers for the code in `frame`, in the vector loop `lanes` if there is one."""

    def __init__(self, code: Code, frame: Frame) -> None:
        self.code = code
        self.frame = frame
        self.lanes: Lanes | None = None

    # ---- sizes

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

    def number(self, dim: Dim) -> Index:
        """A size as an int where it is known, as i64 otherwise."""
        return dim if isinstance(dim, int) else self.size(dim)

    def _quotient(self, atom: Quotient) -> ir.Value:
        """Floor division of sizes: the denominator is positive."""
        b = self.code.b
        top, bottom = self.size(atom.numerator), self.size(atom.denominator)
        rest = b.srem(top, bottom)
        negative = b.icmp_signed("<", rest, i64(0))
        rest = b.select(negative, b.add(rest, bottom), rest)
        return rest if atom.remainder else b.sdiv(b.sub(top, rest), bottom)

    # ---- addresses

    def uniform_part(self, index: k.Index) -> tuple[list[int | ir.Value], list[tuple[ir.Value, Dim]]]:
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

    def coordinate(self, index: k.Index) -> ir.Value:
        offsets, varying = self.uniform_part(index)
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

    def address(self, buffer: k.Buffer, offsets: list[int | ir.Value]) -> ir.Value:
        return self.code.at(self.frame.pointers[buffer], scalar_type(buffer.dtype), *offsets)

    # ---- memory

    def load(self, s: k.Load) -> ir.Value:
        offsets, varying = self.uniform_part(s.index)
        stride, element = self._stride(s.index), scalar_type(s.buffer.dtype)
        guard = self.frame.values[s.guard] if s.guard is not None else None
        wide_guard = guard is not None and lanes_of(guard.type) > 1
        if self.lanes is None or (stride == 0 and not varying and not wide_guard):
            return self._truth(self._scalar_load(self.address(s.buffer, offsets), s.buffer, guard), s.buffer)
        mask = self._mask(guard)
        if stride == 1 and not varying:
            value = self.code.load(self.address(s.buffer, offsets), element, self.lanes.count, mask)
        elif stride == -1 and not varying:
            value = self._reversed_load(s.buffer, offsets, element, mask)
        elif isinstance(stride, int) and 1 < stride <= LARGEST_STRIDE and not varying and mask is None:
            value = self._strided_load(self.address(s.buffer, offsets), element, stride)
        else:
            value = self._gather(s.buffer, offsets, stride, varying, mask)
        return self._truth(value, s.buffer)

    def _strided_load(self, address: ir.Value, element: ir.Type, stride: int) -> ir.Value:
        """Every `stride`-th element: whole vectors and shuffles, which are faster than a gather.

        The last vector ends at the last element, so nothing beyond it is read.
        """
        assert self.lanes is not None
        count = self.lanes.count
        value: ir.Value | None = None
        for part in range(stride):
            start = min(part * count, (count - 1) * stride + 1 - count)
            vector = self.code.load(self.code.at(address, element, start), element, count)
            first = [i for i in range(count) if part * count <= i * stride < (part + 1) * count]
            order = [count + i * stride - start if i in first else i for i in range(count)]
            if value is None:
                order = [i * stride if i in first else 0 for i in range(count)]
            mask = ir.Constant(ir.VectorType(I32, count), order)
            value = self.code.b.shuffle_vector(vector if value is None else value, vector, mask)
        assert value is not None
        return value

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
        vector = self.code.load(self.address(buffer, [*offsets, 1 - count]), element, count)
        order = ir.Constant(ir.VectorType(I32, count), list(range(count - 1, -1, -1)))
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

    def store(self, s: k.Store) -> None:
        offsets, varying = self.uniform_part(s.index)
        stride = self._stride(s.index)
        value = self._stored(self.frame.values[s.value], s.buffer)
        guard = self.frame.values[s.guard] if s.guard is not None else None
        if self.lanes is None:
            address = self.address(s.buffer, offsets)
            if guard is not None:
                self.code.when(guard, lambda: self.code.store(value, address))
            else:
                self.code.store(value, address)
            return
        value = value if lanes_of(value.type) > 1 else self.code.splat(value, self.lanes.count)
        mask = self._mask(guard)
        if stride == 1 and not varying:
            address = self.address(s.buffer, offsets)
            if s.streaming and mask is None:
                self._stream(value, address, s.buffer)
            else:
                self.code.store(value, address, mask)
            return
        pointers = self._lane_pointers(s.buffer, offsets, stride, varying)
        self.code.scatter(value, pointers, mask)

    def _stream(self, value: ir.Value, address: ir.Value, buffer: k.Buffer) -> None:
        """Past the caches, where the buffer is aligned to a line."""
        b = self.code.b
        bits = b.and_(b.ptrtoint(self.frame.pointers[buffer], I64), i64(k.LINE - 1))
        aligned = b.icmp_unsigned("==", bits, i64(0))
        with b.if_else(aligned) as (then, otherwise):
            with then:
                self.code.store(value, address, streaming=True)
            with otherwise:
                self.code.store(value, address)

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
        return self.code.b.zext(value, with_element(value.type, scalar_type(BOOL)))
