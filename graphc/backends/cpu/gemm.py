"""Matrix products as explicit-vector LLVM IR, with the epilogue fused into the register tile.

`emit_matmul` takes one of three forms: blocks of register tiles (`gemm_blocks`), and for one row or one
column dot products or updates (`matvec`). `gemm_plan` chooses tiles, blocks and packing from the shape.
"""

from __future__ import annotations

from dataclasses import replace

from llvmlite import ir

from graphc.backends.cpu.computed import Evaluated
from graphc.backends.cpu.gemm_blocks import Layout, Product, effective_strides, emit_block_loops
from graphc.backends.cpu.gemm_plan import CacheSizes, MatmulShape, plan_matmul
from graphc.backends.cpu.index import Index
from graphc.backends.cpu.llvm import I64, PTR, Code, i64
from graphc.backends.cpu.matvec import SCRATCH_BYTES, VectorForm, emit_vector_product, vector_form
from graphc.backends.cpu.microkernel import Epilogue, Tile

__all__ = [
    "CacheSizes",
    "Epilogue",
    "MatmulShape",
    "Tile",
    "column_block",
    "emit_matmul",
    "row_block",
    "scratch_bytes",
]

INTEGERS = ("first", "end", "m", "n", "k", "a_sm", "a_sk", "b_sk", "b_sn")


def emit_matmul(
    module: ir.Module,
    name: str,
    shape: MatmulShape,
    epilogue: Epilogue,
    vector_bytes: int = 64,
    *,
    unrolled_epilogue: bool = True,
    caches: CacheSizes | None = None,
    by_columns: bool = False,
    registers: int = 32,
    evaluated: tuple[Evaluated | None, Evaluated | None] = (None, None),
) -> ir.Function:
    """Defines `void name(ptr a, b, context, i64 first, end, m, n, k, a_sm, a_sk, b_sk, b_sn, ptr scratch)`.

    It computes the rows [first, end) of C[m, n] = Σ_k A[m, k] B[k, n], or these columns with `by_columns`,
    and gives every element to `epilogue` exactly once, in tiles. Sizes and strides that `shape` knows are
    constants; the others come from the arguments. `scratch` holds `scratch_bytes(shape)` bytes, aligned to
    64, one area per thread. Results do not depend on how the rows, or columns, are split. With
    `unrolled_epilogue=False` the epilogue's code exists once (and once more masked) and runs in a loop over
    a tile in memory: for epilogues of many instructions. Of an operand that is `evaluated`, the pointer is
    what its elements are computed from.
    """
    code = Code(module, name, [PTR, PTR, PTR, *[I64] * len(INTEGERS), PTR])
    numbers: dict[str, Index] = dict(zip(INTEGERS, code.args[3:-1], strict=True))
    known = _known_numbers(shape)
    numbers |= {key: value for key, value in known.items() if value is not None}
    first, end = numbers.pop("first"), numbers.pop("end")
    numbers["m0"], numbers["m1"] = (0, numbers["m"]) if by_columns else (first, end)
    numbers["n0"], numbers["n1"] = (first, end) if by_columns else (0, numbers["n"])
    form = vector_form(shape)
    if form is not None:
        emit_vector_product(code, shape, form, numbers, epilogue, vector_bytes)
    else:
        plan = plan_matmul(shape, vector_bytes, caches, registers)
        product = Product(code, name, shape, plan, numbers, epilogue, unrolled_epilogue, evaluated)
        single = _single_row_form(shape)
        if single is None:
            emit_block_loops(product)
        else:
            one = code.compare("==", i64(numbers["m"]), i64(1))
            code.when(one, lambda: emit_vector_product(code, shape, single, numbers, epilogue, vector_bytes))
            code.when(code.b.not_(one), lambda: emit_block_loops(product))
    code.ret()
    return code.function


def _single_row_form(shape: MatmulShape) -> VectorForm | None:
    """The form taken when the number of rows, known at run time, turns out to be one."""
    return vector_form(replace(shape, m=1)) if shape.m is None else None


def scratch_bytes(
    shape: MatmulShape,
    m: object = None,
    n: object = None,
    k: object = None,
    vector_bytes: int = 64,
    caches: CacheSizes | None = None,
    registers: int = 32,
) -> int:
    """The bytes of scratch that one call needs: a constant, as all packed panels have bounded sizes.

    The run-time sizes m, n, k are accepted, and not needed.
    """
    if vector_form(shape) is not None:
        return SCRATCH_BYTES
    plan = plan_matmul(shape, vector_bytes, caches, registers)
    chunk = SCRATCH_BYTES if _single_row_form(shape) else 0
    return max(chunk, shape.dtype.itemsize * Layout.of(shape, plan).total)


def row_block(
    shape: MatmulShape, vector_bytes: int = 64, caches: CacheSizes | None = None, registers: int = 32
) -> int:
    """The number of rows of a full tile: splits of M at its multiples have no partial tiles."""
    if vector_form(shape) is not None:
        return 4
    return plan_matmul(shape, vector_bytes, caches, registers).rows


def column_block(
    shape: MatmulShape, vector_bytes: int = 64, caches: CacheSizes | None = None, registers: int = 32
) -> int | None:
    """The columns of a full tile if threads should divide the columns: where each would pack all of B."""
    if vector_form(shape) is not None or shape.n is None or shape.m is None:
        return None
    plan = plan_matmul(shape, vector_bytes, caches, registers)
    return plan.width if plan.pack_b_rows == 0 and shape.n >= shape.m // 2 else None


def _known_numbers(shape: MatmulShape) -> dict[str, int | None]:
    """The constants of `shape` by argument name; strides along an axis of one element count as 0 or 1."""
    (a_sm, a_sk), (b_sk, b_sn) = effective_strides(shape)
    sizes = {"m": shape.m, "n": shape.n, "k": shape.k}
    return sizes | {"a_sm": a_sm, "a_sk": a_sk, "b_sk": b_sk, "b_sn": b_sn}
