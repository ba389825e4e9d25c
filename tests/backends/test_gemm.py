"""Generated matrix products against NumPy in float64, with unreadable memory around the operands."""

from __future__ import annotations

import ctypes
import itertools
import mmap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from llvmlite import ir

import graphc
from graphc.backends.cpu.features import declare
from graphc.backends.cpu.gemm import MatmulShape, Tile, emit_matmul, row_block, scratch_bytes
from graphc.backends.cpu.gemm_plan import CacheSizes, plan_matmul
from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import PTR, Code, i64, scalar_type
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.cpu.target import Target

PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None, use_errno=True)
Context = ctypes.c_void_p * 2
STORE, BIAS_RELU, TRANSPOSED, ACCUMULATE = "store", "bias_relu", "transposed", "accumulate"


class Guarded:
    """Memory for `count` elements that ends (or begins) exactly at a page that cannot be touched."""

    def __init__(self, count: int, dtype: np.dtype, *, at_end: bool = True) -> None:
        size = count * dtype.itemsize
        pages = -(-max(size, 1) // PAGE)
        self.map = mmap.mmap(-1, (pages + 2) * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        for page in (0, pages + 1):
            assert LIBC.mprotect(ctypes.c_void_p(base + page * PAGE), ctypes.c_size_t(PAGE), 0) == 0
        self.offset = PAGE + (pages * PAGE - size if at_end else 0)
        self.address = base + self.offset
        self.values = np.frombuffer(self.map, dtype, count, self.offset)

    def slack_is_untouched(self) -> bool:
        """Whether the bytes between the values and the unreadable pages are still zero."""
        inside = np.frombuffer(self.map, np.uint8, len(self.map) - 2 * PAGE, PAGE)
        start = self.offset - PAGE
        return not inside[:start].any() and not inside[start + self.values.nbytes :].any()


def strides_of(layout: str, rows: int, columns: int) -> tuple[int, int]:
    """The element strides of a matrix laid out as named."""
    return {
        "rows": (columns, 1),
        "columns": (1, rows),
        "strided": (2 * columns * 3 + 1, 2),
        "rows_reversed": (-columns, 1),
        "reversed": (columns, -1),
        "broadcast": (0, 1),
        "broadcast_columns": (1, 0),
    }[layout]


@dataclass(frozen=True)
class Operand:
    """A random matrix in guarded memory; `address` is that of its element (0, 0)."""

    memory: Guarded
    view: np.ndarray
    strides: tuple[int, int]
    address: int


def place(rows: int, columns: int, layout: str, dtype: np.dtype, at_end: bool, seed: int) -> Operand:
    s0, s1 = strides = strides_of(layout, rows, columns)
    empty = not (rows and columns)
    count = 0 if empty else (rows - 1) * abs(s0) + (columns - 1) * abs(s1) + 1
    first = 0 if empty else (rows - 1) * max(0, -s0) + (columns - 1) * max(0, -s1)
    memory = Guarded(count, dtype, at_end=at_end)
    memory.values[:] = np.random.default_rng(seed).standard_normal(count).astype(dtype)
    byte_strides = (s0 * dtype.itemsize, s1 * dtype.itemsize)
    view = np.lib.stride_tricks.as_strided(memory.values[first:], (rows, columns), byte_strides)
    return Operand(memory, view, strides, memory.address + first * dtype.itemsize)


def epilogue_of(kind: str, dtype: np.dtype, n_stride: int) -> Callable[[Code, Tile], None]:
    """context = {output, bias}: stores C, max(C + bias, 0) or Cᵀ (n_stride between rows), or adds C."""
    element = scalar_type(dtype)

    def field(code: Code, tile: Tile, index: int) -> ir.Value:
        return code.load(code.at(tile.context, PTR, index), PTR)

    def store(code: Code, tile: Tile) -> None:
        if kind == TRANSPOSED or tile.down:
            each_lane(code, tile)
            return
        value = tile.value
        if kind == BIAS_RELU:
            bias = code.at(field(code, tile, 1), element, tile.column)
            value = with_bias(code, value, code.load(bias, element, tile.lanes, tile.mask))
        offset = code.b.mul(tile.row, i64(n_stride))
        target = code.at(field(code, tile, 0), element, offset, tile.column)
        if kind == ACCUMULATE:
            value = code.add(value, code.load(target, element, tile.lanes, tile.mask))
        code.store(value, target, tile.mask)

    def with_bias(code: Code, value: ir.Value, bias: ir.Value) -> ir.Value:
        value = code.add(value, bias)
        return code.select(code.compare(">", value, code.like(value, 0)), value, code.like(value, 0))

    def each_lane(code: Code, tile: Tile) -> None:
        for lane in range(tile.lanes):
            here = (lane, 0) if tile.down else (0, lane)
            row, column = (code.b.add(x, i64(n)) for x, n in zip((tile.row, tile.column), here, strict=True))
            scalar = tile.value if tile.lanes == 1 else code.lane(tile.value, lane)
            if tile.mask is None:
                one(code, tile, row, column, scalar)
            else:
                there = code.lane(tile.mask, lane)
                code.when(there, lambda at=(row, column, scalar): one(code, tile, *at))

    def one(code: Code, tile: Tile, row: ir.Value, column: ir.Value, value: ir.Value) -> None:
        if kind == TRANSPOSED:
            row, column = column, row
        if kind == BIAS_RELU:
            bias = code.at(field(code, tile, 1), element, column)
            value = with_bias(code, value, code.load(bias, element))
        target = code.at(field(code, tile, 0), element, code.b.mul(row, i64(n_stride)), column)
        if kind == ACCUMULATE:
            value = code.add(value, code.load(target, element))
        code.store(value, target)

    return store


def compiled(shape: MatmulShape, kind: str, n_stride: int, target: Target | None = None, **options):
    module = ir.Module("gemm")
    if target is not None:
        declare(module, target)
        options |= {"vector_bytes": target.vector_bytes, "registers": target.registers}
    emit_matmul(module, "gemm", shape, epilogue_of(kind, shape.dtype, n_stride), **options)
    loaded = Loaded(object_code(str(module)))
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 9, ctypes.c_void_p)
    return loaded, prototype(loaded.address("gemm"))


def check(
    m: int,
    n: int,
    k: int,
    dtype: type = np.float32,
    a: str = "rows",
    b: str = "rows",
    *,
    static: str = "mnk",
    splits: tuple[int, ...] = (),
    kind: str = ACCUMULATE,
    at_end: bool = True,
    target: Target | None = None,
    **options,
) -> np.ndarray:
    """Compiles and runs one product, compares it with float64, and returns C."""
    dtype = np.dtype(dtype)
    left, right = place(m, k, a, dtype, at_end, 1), place(k, n, b, dtype, at_end, 2)
    bias = Guarded(n, dtype)
    bias.values[:] = np.linspace(-1, 1, n)
    out = Guarded(m * n, dtype, at_end=at_end)
    out.values[:] = 0 if kind == ACCUMULATE else np.nan
    known = {axis: size if axis in static else None for axis, size in (("m", m), ("n", n), ("k", k))}
    shape = MatmulShape(
        dtype,
        **known,
        a_strides=visible(left.strides, "k" not in static),
        b_strides=visible(right.strides, "n" not in static),
    )
    keep, function = compiled(shape, kind, m if kind == TRANSPOSED else n, target, **options)
    sizes = {key: options[key] for key in ("vector_bytes", "caches") if key in options}
    if target is not None:
        sizes |= {"vector_bytes": target.vector_bytes, "registers": target.registers}
    scratch = Guarded(-(-scratch_bytes(shape, m, n, k, **sizes) // 64) * 64, np.dtype(np.uint8))
    scratch.values[:] = 0xFF
    context = Context(out.address, bias.address)
    edges = [0, *splits, m]
    for start, end in itertools.pairwise(edges):
        function(
            left.address, right.address, ctypes.addressof(context), start, end, m, n, k,
            *left.strides, *right.strides, scratch.address,
        )  # fmt: skip
    del keep
    result = out.values.reshape((n, m)).T if kind == TRANSPOSED else out.values.reshape((m, n))
    assert out.slack_is_untouched()
    assert scratch.slack_is_untouched()
    exact_left, exact_right = left.view.astype(np.float64), right.view.astype(np.float64)
    expected = exact_left @ exact_right
    # |fl(Σ) − Σ| ≤ k·u/(1 − k·u) · Σ|a b|  (Higham 2002, §3.1); one more rounding for the bias.
    bound = (k + 1) * np.finfo(dtype).eps * (np.abs(exact_left) @ np.abs(exact_right) + 1)
    if kind == BIAS_RELU:
        expected = np.maximum(expected + bias.values, 0)
    assert np.all(np.abs(result - expected) <= bound), np.abs(result - expected).max()
    return result.copy()


def visible(strides: tuple[int, int], hidden: bool) -> tuple[int | None, int | None]:
    """The strides a compiler knows: with an unknown extent, only those equal to zero or one."""
    return tuple(s if s in (0, 1) or not hidden else None for s in strides)


SIZES = [
    (1, 1, 1), (3, 5, 2), (2, 3, 1), (7, 16, 13), (16, 17, 31), (31, 33, 65), (13, 97, 11), (64, 64, 64),
    (1, 40, 24), (40, 1, 24), (1, 131, 67), (131, 1, 67), (37, 100, 3), (101, 7, 103), (5, 300, 2),
    (14, 49, 129),
]  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("a", ["rows", "columns", "strided"])
@pytest.mark.parametrize("b", ["rows", "columns", "strided"])
def test_product_of_static_sizes_is_numpys(size, a, b):
    check(*size, np.float32, a, b)
    if a == b:
        check(*size, np.float64, a, b, at_end=False)


@pytest.mark.parametrize("size", [*SIZES[::2], (131, 1, 67)], ids=str)
@pytest.mark.parametrize(
    "layouts", [("rows", "rows"), ("columns", "columns"), ("strided", "strided")], ids=str
)
@pytest.mark.parametrize("static", ["", "nk", "m", "mk"])
def test_product_of_run_time_sizes_is_numpys(size, layouts, static):
    check(*size, np.float32, *layouts, static=static)


@pytest.mark.parametrize(
    "size", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 5, 0), (5, 1, 0), (1, 0, 3), (0, 0, 0)], ids=str
)
@pytest.mark.parametrize("static", ["mnk", ""])
def test_empty_axes_give_empty_results_or_zeros(size, static):
    result = check(*size, static=static)
    assert np.all(result == 0)


@pytest.mark.parametrize(
    "layouts",
    [
        ("broadcast", "rows"),
        ("rows", "broadcast_columns"),
        ("broadcast_columns", "broadcast"),
        ("rows_reversed", "rows_reversed"),
        ("reversed", "reversed"),
    ],
    ids=str,
)
def test_operands_with_zero_and_negative_strides(layouts):
    check(20, 70, 33, np.float32, *layouts)
    check(20, 70, 33, np.float64, *layouts, static="")


SMALL_CACHES = CacheSizes(l1=3072, l2=16 * 1024)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layouts",
    [("rows", "rows"), ("columns", "columns"), ("strided", "strided"), ("rows", "columns")],
    ids=str,
)
@pytest.mark.parametrize("static", ["mnk", "nk", ""])
def test_blocked_products_pass_partial_sums_through_memory(dtype, layouts, static):
    """Small caches make every loop of blocks run several times on small matrices."""
    check(83, 205, 301, dtype, *layouts, static=static, caches=SMALL_CACHES)


@pytest.mark.parametrize("static", ["mnk", "nk"])
def test_more_rows_than_a_row_block_with_blocked_sums(static):
    check(1100, 20, 300, np.float64, static=static, caches=SMALL_CACHES, splits=(50,))


PLAIN = Target(16, fma=False, masks=False, registers=16, rounding=False)


@pytest.mark.parametrize("size", [*SIZES[1::2], (1, 131, 67)], ids=str)
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
@pytest.mark.parametrize("static", ["mk", ""])
def test_products_without_masks_touch_nothing_beside_their_operands(size, layout, static):
    check(*size, np.float32, layout, layout, static=static, target=PLAIN)
    check(
        *size, np.float64, "rows", layout, static=static, target=PLAIN, unrolled_epilogue=False, at_end=False
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layouts", [("rows", "rows"), ("columns", "columns"), ("strided", "strided")], ids=str
)
@pytest.mark.parametrize("static", ["mnk", "nk", ""])
@pytest.mark.parametrize("kind", [BIAS_RELU, ACCUMULATE])
def test_blocked_products_without_masks(dtype, layouts, static, kind):
    # The last single column of 191 stands next to the sums of the following row.
    for columns in (205, 191):
        check(83, columns, 301, dtype, *layouts, static=static, caches=SMALL_CACHES, target=PLAIN, kind=kind)


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_vector_width(vector_bytes, dtype):
    check(21, 39, 57, dtype, "rows", "columns", vector_bytes=vector_bytes)
    check(90, 130, 140, dtype, vector_bytes=vector_bytes, static="nk", caches=SMALL_CACHES)
    check(1, 1030, 600, dtype, vector_bytes=vector_bytes)


@pytest.mark.parametrize("size", [(33, 50, 70), (61, 1, 70), (1, 90, 20)], ids=str)
@pytest.mark.parametrize("static", ["mnk", "nk"])
def test_result_does_not_depend_on_the_split_of_rows(size, static):
    whole = check(*size, static=static)
    for splits in ((), (1,), (5, 6, 19), (8, 16)):
        inside = tuple(s for s in splits if s < size[0])
        assert np.array_equal(check(*size, static=static, splits=inside), whole)


@pytest.mark.parametrize("kind", [STORE, BIAS_RELU, TRANSPOSED, ACCUMULATE])
@pytest.mark.parametrize("unrolled", [True, False])
@pytest.mark.parametrize("size", [(29, 59, 40), (1, 59, 40), (59, 1, 40), (3, 5, 2)], ids=str)
def test_epilogue_sees_every_element_at_its_place(kind, unrolled, size):
    check(*size, kind=kind, unrolled_epilogue=unrolled)
    check(*size, np.float64, kind=kind, unrolled_epilogue=unrolled, static="", caches=SMALL_CACHES)


def test_large_vector_products_stream_the_matrix():
    check(1, 1300, 301, np.float64)
    check(1, 5000, 77, np.float32)
    check(1, 5000, 19, np.float32, "rows", "columns")
    check(4200, 1, 37, np.float64, "columns", "rows", splits=(100,))


def test_full_tiles_at_multiples_of_the_row_block():
    shape = MatmulShape(np.dtype(np.float32), 512, 512, 512, (512, 1), (512, 1))
    assert row_block(shape) == plan_matmul(shape).rows


def test_packing_functions_are_shared_by_the_products_of_a_module():
    module = ir.Module("two")
    shape = MatmulShape(np.dtype(np.float32), 300, 300, 300, (300, 1), (1, 300))
    emit_matmul(module, "first", shape, epilogue_of(STORE, shape.dtype, 300))
    emit_matmul(module, "second", shape, epilogue_of(STORE, shape.dtype, 300))
    names = [f.name for f in module.functions if f.name.startswith("pack_transposed")]
    assert len(names) == 1


def test_epilogue_in_a_loop_exists_at_most_twice():
    calls = 0

    def counting(code: Code, tile: Tile) -> None:
        nonlocal calls
        calls += 1

    shape = MatmulShape(np.dtype(np.float32), 100, 100, 100, (100, 1), (100, 1))
    emit_matmul(ir.Module("m"), "gemm", shape, counting, unrolled_epilogue=False)
    assert calls == 2


@pytest.mark.parametrize("shape", [(512, 512, 512), (400, 1000, 300), (700, 513, 260), (900, 200, 640)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_divide_rows_or_columns_and_change_no_bit(shape, dtype):
    m, n, k = shape
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=s).astype(dtype) for s in ((m, k), (k, n), n))
    one, two, three = (
        graphc.compile(lambda a, b, c: np.tanh(a @ b + c), threads=count)(a, b, c) for count in (1, 2, 3)
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)
    expected = np.tanh(a.astype(np.float64) @ b + c)
    np.testing.assert_allclose(one, expected, rtol=0, atol=k * np.finfo(dtype).eps * 8)
