"""Products of a matrix and a vector: long sums are blocked, so that rounding errors stay small."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.gemm import MatmulShape, Tile, emit_matmul, scratch_bytes
from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import PTR, Code, scalar_type
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.cpu.matvec import BLOCK, DOT_BLOCK, VectorForm, vector_form

U = 2.0**-24
UPDATES_ROW, UPDATES_COLUMN = VectorForm(dot=False, row=True), VectorForm(dot=False, row=False)
DOT_ROW, DOT_COLUMN = VectorForm(dot=True, row=True), VectorForm(dot=True, row=False)
FORMS = {"updates row": UPDATES_ROW, "updates column": UPDATES_COLUMN, "dot row": DOT_ROW, "dot": DOT_COLUMN}


def product(form: VectorForm, matrix: np.ndarray, vector: np.ndarray, *, static: bool) -> np.ndarray:
    """y[r] = Σ_k matrix[r, k] vector[k], with the matrix laid out as the form wants it."""
    rows, depth = matrix.shape
    lines = np.ascontiguousarray(matrix if form.dot else matrix.T)
    memory = np.pad(lines, ((0, 0), (0, 3)), constant_values=np.nan)  # what lies between is not read
    strides = (memory.shape[1], 1) if form.dot else (1, memory.shape[1])
    dtype = matrix.dtype
    if form.row:
        m, n, a_strides, b_strides, left, right = 1, rows, (depth, 1), strides[::-1], vector, memory
    else:
        m, n, a_strides, b_strides, left, right = rows, 1, strides, (1, 1), memory, vector
    hidden = tuple(s if static or s == 1 else None for s in (*a_strides, *b_strides))
    known_m, known_n = (m, n) if static else (m if form.row else None, None if form.row else n)
    shape = MatmulShape(dtype, known_m, known_n, depth if static else None, hidden[:2], hidden[2:])
    assert vector_form(shape) == form

    def store(code: Code, tile: Tile) -> None:
        index = tile.column if form.row else tile.row
        out = code.load(code.at(tile.context, PTR, 0), PTR)
        code.store(tile.value, code.at(out, scalar_type(dtype), index), tile.mask)

    module = ir.Module("product")
    emit_matmul(module, "product", shape, store)
    loaded = Loaded(object_code(str(module)))
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 9, ctypes.c_void_p)
    y, scratch = np.full(rows, np.nan, dtype), np.full(scratch_bytes(shape) + 64, 0xFF, np.uint8)
    context, aligned = (ctypes.c_void_p * 1)(y.ctypes.data), -(-scratch.ctypes.data // 64) * 64
    sizes = (0, m, m, n, depth, *a_strides, *b_strides)
    prototype(loaded.address("product"))(
        left.ctypes.data, right.ctypes.data, ctypes.addressof(context), *sizes, aligned
    )
    return y


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("depth", [1, 9, BLOCK - 1, BLOCK, 3 * BLOCK + 11, 2 * DOT_BLOCK, 3 * DOT_BLOCK + 45])
def test_every_depth_is_summed_once(form: str, static: bool, depth: int) -> None:
    rng = np.random.default_rng(depth)
    rows = 53
    if static and FORMS[form] == UPDATES_ROW:  # a small matrix of known size would be a product of blocks
        rows = max(rows, 600 * 1024 // (8 * max(depth, 1)))
    matrix, vector = rng.integers(-8, 9, (rows, depth)) * 1.0, rng.integers(-8, 9, depth) * 1.0
    y = product(FORMS[form], matrix, vector, static=static)
    np.testing.assert_array_equal(y, matrix @ vector)  # sums of small integers are exact


@pytest.mark.parametrize("form", FORMS)
def test_the_error_of_long_sums_grows_with_their_blocks_only(form: str) -> None:
    depth, rows = 2**20, 5
    matrix, vector = np.full((rows, depth), 0.1, np.float32), np.ones(depth, np.float32)
    y = product(FORMS[form], matrix, vector, static=False)
    exact = depth * float(np.float32(0.1))
    block = DOT_BLOCK // 32 if FORMS[form].dot else BLOCK
    # |fl(Σ) − Σ| ≤ (length of the blocks + their number) u Σ|a b|  (Higham 2002, section 4.2)
    steps = block + depth / (DOT_BLOCK if FORMS[form].dot else BLOCK) + 6
    assert np.max(np.abs(y - exact)) <= steps * U * exact
