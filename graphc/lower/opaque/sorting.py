"""Kernels of sorting and of searching in sorted data.

Bottom-up merge sort (Knuth, The Art of Computer Programming 3, §5.2.4): stable, n log n whatever the
data, and free of recursion. Each pass merges neighbouring runs from one half of the scratch memory to
the other; two passes make one round, so that every round ends where it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.ir.dims import product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import INT64, Array, Notation, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.sort import ArgSort, SearchSorted, Sort

ROUNDS = 32  # each makes runs four times longer: enough for 2⁶⁴ elements


def sort(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Every line along the axis in ascending order."""
    assert isinstance(node.op, Sort)
    return _sort_lines(Notation(builder, errors), node, node.op.axis, operands[0], results[0], places=False)


def argsort(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """The places that sort every line along the axis."""
    assert isinstance(node.op, ArgSort)
    return _sort_lines(Notation(builder, errors), node, node.op.axis, operands[0], results[0], places=True)


@dataclass(frozen=True)
class Run:
    """Memory for one line: its keys and, where they are wanted, the places the keys came from."""

    keys: Array
    places: Array | None

    def copy_from(self, to: Scalar, source: Run, at: Scalar, key: Scalar) -> None:
        self.keys[to] = key
        if self.places is not None and source.places is not None:
            self.places[to] = source.places[at]


def _sort_lines(
    code: Notation, node: Node, axis: int, operand: k.Buffer, result: k.Buffer, *, places: bool
) -> list[k.Buffer]:
    shape = node.args[0].array_type.shape
    outer, n, inner = product(shape[:axis]), shape[axis], product(shape[axis + 1 :])
    x = code.operand(operand, (outer, n, inner))
    y = code.result(result, (outer, n, inner))
    dtype = x.dtype
    one, other = (
        Run(code.local(f"keys{i}", dtype, (n,)), code.local(f"places{i}", INT64, (n,)) if places else None)
        for i in range(2)
    )
    with code.loop(outer, name="row") as row, code.loop(inner, name="column") as column:
        with code.lanes(n) as i:
            one.keys[i.at] = x[row.at, i.at, column.at]
            if one.places is not None:
                one.places[i.at] = i.at.number()
        _merge_sort(code, one, other, code.size(n))
        with code.lanes(n) as i:
            source = one.keys if one.places is None else one.places
            y[row.at, i.at, column.at] = source[i.at]
    return code.scratch


def _merge_sort(code: Notation, one: Run, other: Run, n: Scalar) -> None:
    """Sorts `one`, with `other` as scratch."""
    with code.when(n > 1), code.loop(ROUNDS, name="round") as round_:
        width = round_.carry(code.number(1, INT64))
        _merge_pass(code, one, other, width.now, n)
        _merge_pass(code, other, one, width.now * 2, n)
        width.becomes(width.now * 4)
        round_.stop_if(width.now * 4 >= n)


def _merge_pass(code: Notation, source: Run, target: Run, width: Scalar, n: Scalar) -> None:
    """Merges the runs of `width` elements two by two."""
    with code.loop(source.keys.buffer.size, end=(n + width * 2 - 1) // (width * 2), name="pair") as pair:
        start = pair.at.number() * width * 2
        middle, end = (start + width).minimum(n), (start + width * 2).minimum(n)
        _merge(code, source, target, start, middle, end)


def _merge(code: Notation, source: Run, target: Run, start: Scalar, middle: Scalar, end: Scalar) -> None:
    """target[start:end] = the ascending runs source[start:middle] and source[middle:end] together."""
    with code.loop(source.keys.buffer.size, first=start, end=end, name="to") as to:
        left, right = to.carry(start), to.carry(middle)
        # Exhausted runs are read at their last element, which is then not taken.
        x = source.keys[left.now.minimum(middle - 1)]
        y = source.keys[right.now.minimum(end - 1)]
        from_right = left.now.equals(middle) | ((right.now < end) & comes_before(y, x))
        at = from_right.choose(right.now, left.now)
        target.copy_from(to.at.number(), source, at, from_right.choose(y, x))
        # Sums instead of choices: a branch here would be mispredicted every other time.
        taken = code.cast(from_right, INT64)
        left.becomes(left.now + 1 - taken)
        right.becomes(right.now + taken)


def comes_before(a: Scalar, b: Scalar) -> Scalar:
    """Whether a < b, NaN being greater than every number."""
    if a.dtype.kind != "f":
        return a < b
    return (a < b) | (b.differs(b) & a.equals(a))


def searchsorted(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """The place of every value in the ascending vector, by halving the range 64 times at most."""
    op = node.op
    assert isinstance(op, SearchSorted)
    code = Notation(builder, errors)
    n = node.args[0].array_type.shape[0]
    count = node.array_type.size
    ascending, values = code.operand(operands[0], (n,)), code.operand(operands[1], (count,))
    y = code.result(results[0], (count,))
    with code.loop(count, name="i") as i:
        value = values[i.at]
        with code.when(code.size(n).equals(0)):
            y[i.at] = 0
        with code.when(code.size(n) > 0):
            with code.loop(64, name="step") as step:
                low, high = step.carry(code.number(0, INT64)), step.carry(code.size(n))
                middle = (low.now + high.now) // 2
                found = ascending[middle.minimum(code.size(n) - 1)]
                below = ~comes_before(value, found) if op.right else comes_before(found, value)
                search = low.now < high.now
                low.becomes((search & below).choose(middle + 1, low.now))
                high.becomes((search & ~below).choose(middle, high.now))
                step.stop_if(~search)
            y[i.at] = low.result
    return code.scratch
