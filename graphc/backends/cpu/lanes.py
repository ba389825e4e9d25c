"""Vector loops: full vectors, several at a time, then one masked loop for what is left.

Where vectors take no mask, single vectors follow, and what is left runs one iteration at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.backends.cpu.frame import Lanes
from graphc.backends.cpu.index import Index, minus, plus, smaller
from graphc.backends.cpu.llvm import i64, lanes_of, value_type
from graphc.backends.cpu.math.table import LONG
from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.lower.schedule import STREAMED_BYTES, identity_of

if TYPE_CHECKING:
    from graphc.backends.cpu.emit import KernelEmitter


BRIEF = 32  # vectors
MOST_UNROLLED = 4  # vectors in one iteration
LONG_FORMULA = 25  # operations that one call of a long formula counts for


def lanes_of_loop(loop: k.Loop, vector_bytes: int) -> int:
    """How many iterations are one vector."""
    dtypes = {s.result.dtype for s in k.statements(loop.body) if isinstance(s, k.Load | k.Let)}
    dtypes |= {s.buffer.dtype for s in k.statements(loop.body) if isinstance(s, k.Store)}
    floats = [t.itemsize for t in dtypes if t.kind == "f"]
    widest = max(floats or [t.itemsize for t in dtypes if t.kind != "b"] or [1])
    return min(vector_bytes // widest, 32)


def unrolled(loop: k.Loop) -> int:
    """How many vectors are one iteration of a loop of many."""
    size = sum(1 for _ in k.statements(loop.body))
    # Partial sums decide how sums are rounded. Elsewhere processors overlap iterations by themselves, though
    # too few to hide memory: long formulas would only be compiled several times.
    if not loop.folds and not _writes_much(loop):
        size += (LONG_FORMULA - 1) * sum(map(_is_long_formula, k.statements(loop.body)))
    nested = any(isinstance(s, k.Loop) for s in loop.body)
    return 1 if nested else MOST_UNROLLED if size <= 10 else 2 if size <= 24 else 1


def _writes_much(loop: k.Loop) -> bool:
    """Whether a loop is known to write more than caches hold."""
    sizes = (
        s.buffer.size * s.buffer.dtype.itemsize for s in k.statements(loop.body) if isinstance(s, k.Store)
    )
    return any(isinstance(n, int) and n >= STREAMED_BYTES for n in sizes)


def _is_long_formula(s: k.Statement) -> bool:
    return isinstance(s, k.Let) and s.op in LONG and s.operands[0].dtype.kind == "f"


def period(loop: k.Loop, vector_bytes: int) -> int | None:
    """Lengths that leave the same remainder, divided by this, have the same code; None for short loops."""
    lanes = lanes_of_loop(loop, vector_bytes)
    return lanes * unrolled(loop) if is_many(loop, lanes) else None


def is_many(loop: k.Loop, lanes: int) -> bool:
    """Whether a loop is known to have so many vectors that how many does not matter for its code."""
    extent, many = loop.axis.extent, max(BRIEF, 4 * MOST_UNROLLED) * lanes
    return loop.axis.is_long or (isinstance(extent, int) and extent > many)


def _remainder(extent: Dim, divisor: int) -> int | None:
    """extent modulo divisor, where it is the same for all sizes."""
    if isinstance(extent, int):
        return extent % divisor
    constant = sum(coefficient for monomial, coefficient in extent.terms if not monomial)
    varying = (coefficient for monomial, coefficient in extent.terms if monomial)
    return constant % divisor if all(c % divisor == 0 for c in varying) else None


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
        self.count = lanes_of_loop(loop, emitter.target.vector_bytes)
        self.unroll = self._unroll()
        if any(map(_is_long_formula, k.statements(loop.body))):
            self._align_stack()

    def _unroll(self) -> int:
        wish = unrolled(self.loop)
        extent = self.loop.axis.extent
        if isinstance(extent, int) and self.bounds is None:
            # Long code for a few iterations costs more to compile than it saves.
            while wish > 1 and extent < 4 * wish * self.count:
                wish //= 2
        return wish

    def _align_stack(self) -> None:
        """Vectors that find no register then lie in one cache line; LLVM decides too late to do it itself."""
        attributes = self.code.function.attributes
        attributes.alignstack = max(attributes.alignstack, self.emitter.target.vector_bytes)

    def emit(self) -> None:
        """The loop's code; its folds are left in the frame."""
        if self._may_overlap():
            self._overlapping()
            return
        start = [self._identity(f) for f in self.loop.folds for _ in range(self.unroll)]
        folds = self._with_masks(start) if self._takes_masks() else self._without_masks(start)
        self.emitter.frame.axes.pop(self.loop.axis, None)
        for f, value in zip(self.loop.folds, folds, strict=True):
            self.emitter.frame.values[f.result] = value

    def _may_overlap(self) -> bool:
        """Whether the last vector may begin where the one before it has been, instead of code for a rest.

        That is for long code only, and where an iteration that runs twice does the same again.
        """
        loop, lanes = self.loop, self.count
        if self.unroll > 1 or loop.folds or not self._left(lanes) or not is_many(loop, lanes):
            return False
        read = {s.buffer for s in k.statements(loop.body) if isinstance(s, k.Load)}
        stores = [s for s in k.statements(loop.body) if isinstance(s, k.Store)]
        written = {s.buffer for s in stores}
        if read & written or any(buffer.shared for buffer in read | written):
            return False
        return not any(s.streaming or s.index.dynamic for s in stores)

    def _overlapping(self) -> None:
        """All iterations; the last ones are the last whole vector."""
        first, end = self._ends()
        last = minus(self.code, end, self.count)

        def body(i: ir.Value) -> list[ir.Value]:
            base = i64(smaller(self.code, i, last))
            return self._iteration(base, self._lanes_at(base, None))

        self.code.loop(end, body, start=first, step=self.count, name=self.loop.axis.name)
        self.emitter.frame.axes.pop(self.loop.axis, None)

    def _takes_masks(self) -> bool:
        """Whether vectors of all that the loop reads and writes take a mask."""
        accesses = (s for s in k.statements(self.loop.body) if isinstance(s, k.Load | k.Store))
        smallest = min((s.buffer.dtype.itemsize for s in accesses), default=8)
        return self.code.masks and smallest >= self.emitter.target.masked_bytes

    def _with_masks(self, start: list[ir.Value]) -> list[ir.Value]:
        """All iterations; the folds."""
        code, extent = self.code, self.loop.axis.extent
        step, name = self.count * self.unroll, self.loop.axis.name
        first, end = self._ends()
        rest = self._left(step)
        if isinstance(extent, int) and self._is_brief(extent, step):
            rest = extent
        whole = (
            self._multiple(first, minus(code, end, first), step) if rest is None else minus(code, end, rest)
        )
        sums = code.loop(whole, self._full, start, start=first, step=step, name=name)
        trips = None if rest is None else -(-rest // self.count)
        return self._folded(
            self._repeat(trips, end, self._masked(end, rest), sums, whole, self.count, "rest")
        )

    def _ends(self) -> tuple[Index, Index]:
        """The first iteration, and the one behind the last."""
        extent = self.loop.axis.extent
        return self.bounds or (0, extent if isinstance(extent, int) else self.emitter.size(extent))

    def _left(self, step: int) -> int | None:
        """How many iterations whole steps leave, where that is known."""
        return _remainder(self.loop.axis.extent, step) if self.bounds is None else None

    def _repeat(
        self,
        trips: int | None,
        end: Index,
        body: Callable[..., list[ir.Value]],
        carry: list[ir.Value],
        start: Index,
        step: int,
        name: str,
    ) -> list[ir.Value]:
        """A loop of which the number of iterations may be known where its ends are not."""
        if trips == 0:
            return carry
        if trips == 1:
            return body(i64(start), *carry)
        return self.code.loop(end, body, carry, start=start, step=step, name=name)

    def _without_masks(self, start: list[ir.Value]) -> list[ir.Value]:
        """All iterations; the folds."""
        step, name = self.count * self.unroll, self.loop.axis.name
        first, end = self._ends()
        length = minus(self.code, end, first)
        whole, vectors = (self._multiple(first, length, n) for n in (step, self.count))
        sums = self.code.loop(whole, self._full, start, start=first, step=step, name=name)
        beyond, single = self._left(step), self._left(self.count)
        trips = None if beyond is None else beyond // self.count
        sums = self._repeat(trips, vectors, self._masked(None), sums, whole, self.count, "vectors")
        return self._repeat(single, end, self._single, self._folded(sums), vectors, 1, "rest")

    def _multiple(self, first: Index, length: Index, step: int) -> Index:
        """Where the last whole step ends; lengths may be negative, of bounds that hold nothing."""
        rest: Index | None = self._left(step)
        if rest is None:
            rest = self.code.b.srem(i64(length), i64(step))
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

    def _masked(self, extent: Index | None, left: int | None = None) -> Callable[..., list[ir.Value]]:
        """One vector of iterations, those below `extent`, of which `left` are left, or all of them."""

        def body(i: ir.Value, *sums: ir.Value) -> list[ir.Value]:
            mask = None if extent is None else self._tail_mask(i, extent, left)
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

    def _tail_mask(self, i: ir.Value, extent: Index, left: int | None) -> ir.Value | None:
        if left is not None and left <= self.count:
            return None if left == self.count else self.code.mask_first(left, self.count)
        beyond = self.code.b.sub(i64(extent), i)
        limited = self.code.b.select(
            self.code.b.icmp_signed("<", beyond, i64(self.count)), beyond, i64(self.count)
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
