"""Vector loops: full vectors, several at a time, then one masked loop for what is left.

Where vectors take no mask, single vectors follow, and what is left runs one iteration at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.backends.cpu.frame import Lanes
from graphc.backends.cpu.index import Index, minus, plus
from graphc.backends.cpu.llvm import i64, lanes_of, value_type
from graphc.lower import kernel_ir as k
from graphc.lower.schedule import identity_of

if TYPE_CHECKING:
    from graphc.backends.cpu.emit import KernelEmitter


BRIEF = 32  # vectors


class LanesLoop:
    """A vector loop: full vectors, several at a time, then one masked loop for what is left."""

    def __init__(
        self, emitter: KernelEmitter, loop: k.Loop, bounds: tuple[ir.Value, ir.Value] | None = None
    ) -> None:
        """`bounds`: the part of the extent to run; all of it if None."""
        self.emitter = emitter
        self.loop = loop
        self.bounds = bounds
        self.code = emitter.code
        self.count = self._lanes()
        self.unroll = self._unroll()

    def _lanes(self) -> int:
        dtypes = {s.result.dtype for s in k.statements(self.loop.body) if isinstance(s, k.Load | k.Let)}
        dtypes |= {s.buffer.dtype for s in k.statements(self.loop.body) if isinstance(s, k.Store)}
        floats = [t.itemsize for t in dtypes if t.kind == "f"]
        widest = max(floats or [t.itemsize for t in dtypes if t.kind != "b"] or [1])
        return min(self.emitter.target.vector_bytes // widest, 32)

    def _unroll(self) -> int:
        size = sum(1 for _ in k.statements(self.loop.body))
        nested = any(isinstance(s, k.Loop) for s in self.loop.body)
        wish = 1 if nested else 4 if size <= 10 else 2 if size <= 24 else 1
        extent = self.loop.axis.extent
        if isinstance(extent, int) and self.bounds is None:
            # Long code for a few iterations costs more to compile than it saves.
            while wish > 1 and extent < 4 * wish * self.count:
                wish //= 2
        return wish

    def emit(self) -> None:
        """The loop's code; its folds are left in the frame."""
        start = [self._identity(f) for f in self.loop.folds for _ in range(self.unroll)]
        folds = self._with_masks(start) if self._takes_masks() else self._without_masks(start)
        self.emitter.frame.axes.pop(self.loop.axis, None)
        for f, value in zip(self.loop.folds, folds, strict=True):
            self.emitter.frame.values[f.result] = value

    def _takes_masks(self) -> bool:
        """Whether vectors of all that the loop reads and writes take a mask."""
        accesses = (s for s in k.statements(self.loop.body) if isinstance(s, k.Load | k.Store))
        smallest = min((s.buffer.dtype.itemsize for s in accesses), default=8)
        return self.code.masks and smallest >= self.emitter.target.masked_bytes

    def _with_masks(self, start: list[ir.Value]) -> list[ir.Value]:
        """All iterations; the folds."""
        code, extent = self.code, self.loop.axis.extent
        step, name = self.count * self.unroll, self.loop.axis.name
        if isinstance(extent, int) and self.bounds is None:
            whole: int | ir.Value = 0 if self._is_brief(extent, step) else extent // step * step
            sums = code.loop(whole, self._full, start, step=step, name=name)
            if extent % step:
                sums = code.loop(
                    extent, self._masked(extent), sums, start=whole, step=self.count, name="rest"
                )
        else:
            first, end = self.bounds or (i64(0), self.emitter.size(extent))
            length = code.b.sub(end, first)
            whole = code.b.sub(end, code.b.srem(length, i64(step)))
            sums = code.loop(whole, self._full, start, start=first, step=step, name=name)
            sums = code.loop(end, self._masked(end), sums, start=whole, step=self.count, name="rest")
        return self._folded(sums)

    def _without_masks(self, start: list[ir.Value]) -> list[ir.Value]:
        """All iterations; the folds."""
        code, extent = self.code, self.loop.axis.extent
        step, name = self.count * self.unroll, self.loop.axis.name
        first: Index = 0
        end: Index = extent if isinstance(extent, int) else self.emitter.size(extent)
        if self.bounds is not None:
            first, end = self.bounds
        length = minus(code, end, first)
        whole, vectors = (self._multiple(first, length, n) for n in (step, self.count))
        sums = code.loop(whole, self._full, start, start=first, step=step, name=name)
        if self.unroll > 1:
            sums = code.loop(vectors, self._masked(None), sums, start=whole, step=self.count, name="vectors")
        return code.loop(end, self._single, self._folded(sums), start=vectors, name="rest")

    def _multiple(self, first: Index, length: Index, step: int) -> Index:
        """Where the last whole step ends; lengths may be negative, of bounds that hold nothing."""
        b = self.code.b
        rest = length % step if isinstance(length, int) else b.srem(length, i64(step))
        return plus(self.code, first, minus(self.code, length, rest))

    def _single(self, i: ir.Value, *folds: ir.Value) -> list[ir.Value]:
        """One iteration by itself."""
        values = self._iteration(i, None)
        return [
            self.emitter.fold(f, so_far, value)
            for f, so_far, value in zip(self.loop.folds, folds, values, strict=True)
        ]

    def _is_brief(self, extent: int, step: int) -> bool:
        """Whether the masked loop alone will do: half the code, for a few vectors that run once."""
        once = not self.emitter.frame.axes
        return once and extent % step != 0 and extent <= BRIEF * self.count

    def _identity(self, f: k.Fold) -> ir.Value:
        return self.code.like(value_type(f.result.dtype, self.count), identity_of(f.monoid, f.result.dtype))

    def _full(self, i: ir.Value, *sums: ir.Value) -> list[ir.Value]:
        results = list(sums)
        for u in range(self.unroll):
            base = self.code.b.add(i, i64(u * self.count)) if u else i
            for j, value in enumerate(self._iteration(base, self._lanes_at(base, None))):
                slot = j * self.unroll + u
                results[slot] = self.emitter.fold(self.loop.folds[j], results[slot], value)
        return results

    def _masked(self, extent: Index | None) -> Callable[..., list[ir.Value]]:
        """One vector of iterations, those below `extent`, or all of them."""

        def body(i: ir.Value, *sums: ir.Value) -> list[ir.Value]:
            mask = None if extent is None else self._tail_mask(i, extent)
            results = list(sums)
            for j, value in enumerate(self._iteration(i, self._lanes_at(i, mask))):
                slot = j * self.unroll
                fold = self.loop.folds[j]
                if lanes_of(value.type) != self.count:
                    value = self.code.splat(value, self.count)
                folded = self.emitter.fold(fold, results[slot], value)
                results[slot] = self.code.select(mask, folded, results[slot]) if mask is not None else folded
            return results

        return body

    def _tail_mask(self, i: ir.Value, extent: Index) -> ir.Value | None:
        if isinstance(extent, int) and isinstance(i, ir.Constant):
            left = extent - int(i.constant)
            return None if left >= self.count else self.code.mask_first(left, self.count)
        left = self.code.b.sub(i64(extent), i)
        limited = self.code.b.select(
            self.code.b.icmp_signed("<", left, i64(self.count)), left, i64(self.count)
        )
        return self.code.mask_first(limited, self.count)

    def _lanes_at(self, base: ir.Value, mask: ir.Value | None) -> Lanes:
        return Lanes(self.loop.axis, base, self.count, mask)

    def _iteration(self, base: ir.Value, lanes: Lanes | None) -> list[ir.Value]:
        """One vector of iterations, or a single one; the values to fold."""
        emitter = self.emitter
        values = emitter.frame.values
        before = set(values)
        outer, emitter.lanes = emitter.lanes, lanes
        emitter.frame.axes[self.loop.axis] = base
        emitter.emit(self.loop.body)
        results = [values[f.value] for f in self.loop.folds]
        emitter.lanes = outer
        for made in [v for v in values if v not in before]:
            del values[made]
        return results

    def _folded(self, sums: list[ir.Value]) -> list[ir.Value]:
        """One value of each fold."""
        results = []
        for j, f in enumerate(self.loop.folds):
            parts = sums[j * self.unroll : (j + 1) * self.unroll]
            signed = f.result.dtype.kind == "i"
            while len(parts) > 1:
                half = len(parts) // 2
                parts = [
                    self.code.combine(f.monoid, parts[i], parts[i + half], signed=signed) for i in range(half)
                ]
            results.append(self.code.reduce(f.monoid, parts[0], signed=signed))
        return results
