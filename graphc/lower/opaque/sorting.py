"""Kernels of sorting: stable, on keys that compare as unsigned integers.

Long lines: least-significant-digit radix sort (Knuth, The Art of Computer Programming 3, §5.2.5). One
pass over the keys counts all digits; each further pass moves the keys to the places that the counts of
one digit say, and is left out where all keys share that digit. Short lines: bottom-up merge sort
(§5.2.4), which needs no tables. Both move keys between two halves of one scratch array, so that no
copy is needed whatever the number of passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import INT64, Array, Notation, Point, Scalar
from graphc.lower.opaque.ordered_keys import is_minus_zero, key_dtype, key_of, number_of
from graphc.lower.writer import ErrorTable
from graphc.ops.sort import ArgSort, Sort

SHORT = 64  # up to this length, filling tables of counts takes longer than merging
ROUNDS = 6  # of merging: 2⁶ = SHORT
DIGIT = 8  # bits; with 11, the buckets lie in more pages than the processor has addresses of at hand
BUCKETS = 1 << DIGIT


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
class Lines:
    """Two halves for the n keys of a line and, where they are wanted, the places the keys came from.

    The line stands in the half that starts at `base`, 0 or n.
    """

    code: Notation
    n: Dim
    keys: Array
    places: Array | None
    base: Scalar

    @property
    def length(self) -> Scalar:
        return self.code.size(self.n)

    @property
    def other_base(self) -> Scalar:
        return self.length - self.base

    def key(self, at: Point | Scalar) -> Scalar:
        return self.keys[self.code.point(at) + self.base]

    def move(self, key: Scalar, at: Point | Scalar, to: Scalar) -> None:
        """The key at `at` goes to `to` in the other half."""
        target = self.code.point(to) + self.other_base
        self.keys[target] = key
        if self.places is not None:
            self.places[target] = self.places[self.code.point(at) + self.base]


def _sort_lines(
    code: Notation, node: Node, axis: int, operand: k.Buffer, result: k.Buffer, *, places: bool
) -> list[k.Buffer]:
    shape = node.args[0].array_type.shape
    outer, n, inner = product(shape[:axis]), shape[axis], product(shape[axis + 1 :])
    x = code.operand(operand, (outer, n, inner))
    y = code.result(result, (outer, n, inner))
    keys = code.local("keys", key_dtype(x.dtype), (2 * n,))
    origins = code.local("places", _places_dtype(n), (2 * n,)) if places else None
    lines = Lines(code, n, keys, origins, code.number(0, INT64))
    sorter = _sorter(code, n, keys.dtype.itemsize * 8 // DIGIT)
    with code.loop(outer, name="row") as row, code.loop(inner, name="column") as column:
        line, target = (Array(code, a.buffer, (inner,), a.at(row.at, 0, column.at).start) for a in (x, y))
        special = _read(code, line, lines)
        done = sorter(lines)
        if done.places is None:
            _write(code, done, line, target, special)
        else:
            with code.lanes(n) as i:
                target[i.at] = code.cast(done.places[i.at + done.base], INT64)
    return code.scratch


def _places_dtype(n: Dim) -> np.dtype:
    """Integers for the places of n elements: narrow ones, of which twice as many fit into a cache."""
    return np.dtype(np.int32) if isinstance(n, int) and n < 2**31 else INT64


# ---- in and out


@dataclass(frozen=True)
class Special:
    """How many elements of a line of floats are below zero, are -0.0, are NaN."""

    negative: Scalar
    minus_zero: Scalar
    nan: Scalar


def _read(code: Notation, x: Array, lines: Lines) -> Special | None:
    """Fills the first half with the keys of x; counts what keys cannot tell."""
    counts = None
    with code.lanes(lines.n) as i:
        value = x[i.at]
        lines.keys[i.at] = key_of(code, value)
        if lines.places is not None:
            lines.places[i.at] = code.cast(i.at.number(), lines.places.dtype)
        elif value.dtype.kind == "f":
            conditions = (value < 0, is_minus_zero(code, value), value.differs(value))
            counts = Special(*(i.fold("add", code.cast(c, INT64)) for c in conditions))
    return counts


def _write(code: Notation, lines: Lines, x: Array, y: Array, special: Special | None) -> None:
    """y = the numbers with the sorted keys; -0.0 and NaN are fetched from x, in their order there."""
    with code.lanes(lines.n) as i:
        y[i.at] = number_of(code, lines.key(i.at), y.dtype)
    if special is None:
        return
    zeros, end = special.negative, lines.length
    with (
        code.when((special.minus_zero + special.nan) > 0),
        code.loop(lines.n, name="i") as i,
    ):
        zero, nan = i.carry(zeros), i.carry(end - special.nan)
        value = x[i.at]
        is_zero, is_nan = value.equals(0), value.differs(value)
        with code.when(is_zero | is_nan):
            y[is_nan.choose(nan.now, zero.now)] = value
        zero.becomes(zero.now + code.cast(is_zero, INT64))
        nan.becomes(nan.now + code.cast(is_nan, INT64))


# ---- the order


def _sorter(code: Notation, n: Dim, digits: int) -> Callable[[Lines], Lines]:
    """What sorts a line: either way if the length is not known."""
    if isinstance(n, int) and n <= SHORT:
        return lambda lines: _merge_sort(lines, code.number(ROUNDS, INT64))
    counts = code.local("counts", INT64, (digits, BUCKETS))
    if isinstance(n, int):
        return lambda lines: _radix_sort(lines, digits, counts, code.number(digits, INT64))
    short = code.size(n) <= SHORT
    rounds = short.choose(code.number(ROUNDS, INT64), 0)
    passes = short.choose(code.number(0, INT64), digits)
    return lambda lines: _radix_sort(_merge_sort(lines, rounds), digits, counts, passes)


def _merge_sort(lines: Lines, rounds: Scalar) -> Lines:
    """Each round merges neighbouring runs into runs of twice the length."""
    code = lines.code
    with code.loop(ROUNDS, end=rounds, name="round") as round_:
        base, width = round_.carry(lines.base), round_.carry(code.number(1, INT64))
        now = replace(lines, base=base.now)
        with code.loop(
            lines.n, end=(lines.length + width.now * 2 - 1) // (width.now * 2), name="pair"
        ) as pair:
            start = pair.at.number() * width.now * 2
            middle = (start + width.now).minimum(lines.length)
            _merge(now, start, middle, (start + width.now * 2).minimum(lines.length))
        base.becomes(now.other_base)
        width.becomes(width.now * 2)
        round_.stop_if(width.now * 2 >= lines.length)
    return replace(lines, base=base.result)


def _merge(lines: Lines, start: Scalar, middle: Scalar, end: Scalar) -> None:
    """The ascending runs [start, middle) and [middle, end) become one in the other half."""
    code = lines.code
    with code.loop(lines.n, first=start, end=end, name="to") as to:
        left, right = to.carry(start), to.carry(middle)
        # Exhausted runs are read at their last element, which is then not taken.
        x = lines.key(left.now.minimum(middle - 1))
        y = lines.key(right.now.minimum(end - 1))
        from_right = left.now.equals(middle) | ((right.now < end) & (y < x))
        lines.move(from_right.choose(y, x), from_right.choose(right.now, left.now), to.at.number())
        # Sums instead of choices: a branch here would be mispredicted every other time.
        taken = code.cast(from_right, INT64)
        left.becomes(left.now + 1 - taken)
        right.becomes(right.now + taken)


def _radix_sort(lines: Lines, digits: int, counts: Array, passes: Scalar) -> Lines:
    """Moves all keys to the places of their lowest digit, then the next one, and so on."""
    code = lines.code
    with code.when(passes > 0):
        _count(lines, digits, counts)
    with code.loop(digits, end=passes, name="digit") as digit:
        base = digit.carry(lines.base)
        now = replace(lines, base=base.now)
        shift = code.cast(digit.at.number() * DIGIT, lines.keys.dtype)
        places = counts.at(digit.at)
        shared = places[_digit(code, now.key(code.point(0)), shift)].equals(lines.length)
        _places_of_counts(code, places)
        with code.loop(lines.n, end=shared.choose(0, lines.length), name="i") as i:
            key = now.key(i.at)
            bucket = _digit(code, key, shift)
            to = places[bucket]
            places[bucket] = to + 1
            now.move(key, i.at, to)
        base.becomes(shared.choose(base.now, now.other_base))
    return replace(lines, base=base.result)


def _digit(code: Notation, key: Scalar, shift: Scalar | int) -> Scalar:
    """The digit that starts at bit `shift`, as an index."""
    return code.cast(code.apply("bitwise_and", code.apply("right_shift", key, shift), BUCKETS - 1), INT64)


def _count(lines: Lines, digits: int, counts: Array) -> None:
    """counts[d, b] = how many keys have the value b in digit d."""
    code = lines.code
    with code.loop(digits, name="digit") as digit, code.lanes(BUCKETS) as bucket:
        counts[digit.at, bucket.at] = 0
    with code.loop(lines.n, name="i") as i:
        key = lines.key(i.at)
        for number in range(digits):
            at = counts.at(number, _digit(code, key, number * DIGIT))
            at[()] = at[()] + 1


def _places_of_counts(code: Notation, places: Array) -> None:
    """Each count becomes the sum of those before it: the place of the first key of its bucket."""
    with code.loop(BUCKETS, name="bucket") as bucket:
        total = bucket.carry(code.number(0, INT64))
        count = places[bucket.at]
        places[bucket.at] = total.now
        total.becomes(total.now + count)
