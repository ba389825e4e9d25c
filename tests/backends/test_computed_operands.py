"""Operands of products that are computed while they are packed: the bits are those of stored operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.lower import kernel_ir as k

RNG = np.random.default_rng(0)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


# Which of (m, k) and (k, n) the operands have, transposed or not, and which of the two is computed.
LAYOUTS: dict[str, tuple[Callable[..., Any], bool, bool, int]] = {
    "left": (lambda a, b: a @ b, False, False, 0),
    "left, right transposed": (lambda a, b: a @ b.T, False, True, 0),
    "left transposed": (lambda a, b: a.T @ b, True, False, 0),
    "both transposed, left": (lambda a, b: a.T @ b.T, True, True, 0),
    "right": (lambda a, b: a @ b, False, False, 1),
    "right transposed": (lambda a, b: a @ b.T, False, True, 1),
    "right, left transposed": (lambda a, b: a.T @ b, True, False, 1),
    "both transposed, right": (lambda a, b: a.T @ b.T, True, True, 1),
}


def normal(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def products(function: Callable[..., Any], *types: Any) -> tuple[list[k.Matmul], Any]:
    """The matrix products of a program, and its plan."""
    plan = graphc.compile(function, threads=1).lower(*types).kernels
    every = [s for kernel in plan.kernels for s in k.statements(kernel.body)]
    return [s for s in every if isinstance(s, k.Matmul)], plan


def check(
    product: Callable[..., Any],
    expression: Callable[..., Any],
    computed: int,
    arrays: list[np.ndarray],
    types: list[str] | None = None,
) -> None:
    """Fused, one kernel and nothing stored; its bits are those of two programs; its values NumPy's."""

    def fused(a: Any, b: Any) -> Any:
        return product(expression(a), b) if computed == 0 else product(a, expression(b))

    (found,), plan = products(fused, *(types or arrays))
    assert len(found.computed) == len(plan.kernels) == 1
    assert plan.arena.size == 0
    operands = list(arrays)
    operands[computed] = graphc.compile(expression, threads=1)(arrays[computed])
    apart = graphc.compile(product, threads=1)(*operands)
    dynamic = None if types is None else {"a": types[0], "b": types[1]}
    for threads in (1, 2, 3):
        together = graphc.compile(fused, threads=threads, dynamic=dynamic)(*arrays)
        np.testing.assert_array_equal(together, apart)
    exact = fused(*(a.astype(np.float64) for a in arrays))
    eps = np.finfo(apart.dtype).eps
    np.testing.assert_allclose(apart, exact, rtol=0, atol=64 * eps * float(np.max(np.abs(exact))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "sizes", [(1031, 523, 67), (640, 512, 256), (17, 20_011, 19), (20_011, 17, 300)], ids=str
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_and_size(layout: str, sizes: tuple[int, int, int], dtype: Any) -> None:
    product, left, right, computed = LAYOUTS[layout]
    many, depth, few = sizes
    m, n = (many, few) if computed == 0 else (few, many)
    shapes = [(depth, m) if left else (m, depth), (n, depth) if right else (depth, n)]
    check(product, relu, computed, [normal(*shape, dtype=dtype) for shape in shapes])


@pytest.mark.parametrize("size", [2, 3, 129, 1031])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_symbolic_sizes(layout: str, size: int) -> None:
    product, left, right, computed = LAYOUTS[layout]
    shapes = [(523, size) if left else (size, 523), (size + 1, 523) if right else (523, size + 1)]
    types = ["f32[523, M]" if left else "f32[M, 523]", "f32[N, 523]" if right else "f32[523, N]"]
    check(product, relu, computed, [normal(*shape) for shape in shapes], types)


@pytest.mark.parametrize(("m", "depth", "n"), [(0, 5, 3), (5, 0, 3), (5, 3, 0), (1, 300, 5), (40, 1, 1)])
def test_symbolic_sizes_that_are_nothing_or_one(m: int, depth: int, n: int) -> None:
    def product(a: Any, b: Any) -> Any:
        return relu(a) @ b

    types = {"a": "f32[M, K]", "b": "f32[K, N]"}
    assert products(product, *types.values())[0][0].computed
    a, b = normal(m, depth), normal(depth, n)
    actual = graphc.compile(product, dynamic=types)(a, b)
    np.testing.assert_allclose(actual, product(a.astype("f8"), b), rtol=1e-4, atol=1e-4)


def of_columns(x: Any, v: Any, _: Any) -> Any:
    return (x - v) / (1 + v * v)


def of_rows(x: Any, _: Any, v: Any) -> Any:
    return (x - v[:, None]) / (1 + v * v)[:, None]


def converted(x: Any, _: Any, v: Any) -> Any:
    return x.astype(np.float32) / 255


def activated(x: Any, _: Any, v: Any) -> Any:
    return np.tanh(x)


@pytest.mark.parametrize("product", [lambda a, b: a @ b, lambda a, b: (b.T @ a.T).T], ids=["left", "right"])
@pytest.mark.parametrize(
    ("expression", "dtype"), [(of_columns, "f4"), (of_rows, "f4"), (converted, "u1"), (activated, "f4")]
)
def test_expressions_of_rows_of_columns_and_of_other_types(
    expression: Callable[..., Any], dtype: str, product: Callable[..., Any]
) -> None:
    def fused(x: Any, columns: Any, rows: Any, w: Any) -> Any:
        return product(expression(x, columns, rows), w)

    x, w = RNG.integers(0, 200, (1031, 523)).astype(dtype), normal(523, 67)
    arrays = [x, normal(523), normal(1031)]
    matmuls, plan = products(fused, *arrays, w)
    assert [len(s.computed) for s in matmuls] == [1]
    assert plan.arena.size < x.size  # no more than vectors
    apart = graphc.compile(product, threads=1)(graphc.compile(expression, threads=1)(*arrays), w)
    for threads in (1, 2):
        np.testing.assert_array_equal(graphc.compile(fused, threads=threads)(*arrays, w), apart)


def test_a_row_that_is_made_before_is_read_while_packing() -> None:
    def centred(x: Any, w: Any) -> Any:
        return (x - np.mean(x, axis=0)) @ w

    x, w = normal(1031, 523), normal(523, 67)
    (found,), plan = products(centred, x, w)
    assert len(found.computed) == 1
    assert plan.arena.size < x.size
    np.testing.assert_allclose(graphc.compile(centred)(x, w), centred(x.astype("f8"), w), atol=1e-3)


def test_a_mask_is_applied_in_one_pass() -> None:
    def dropped(x: Any, mask: Any, w: Any) -> Any:
        return np.where(mask, x * 2, 0) @ w

    x, mask = normal(1031, 523), RNG.random((1031, 523)) < 0.5
    narrow, wide = normal(523, 128), normal(523, 1024)
    assert products(dropped, x, mask, narrow)[0][0].computed
    # More columns take several passes over what is larger than the operand itself.
    assert not products(dropped, x, mask, wide)[0][0].computed
    expected = np.where(mask, x * 2, 0).astype("f8") @ narrow
    np.testing.assert_allclose(graphc.compile(dropped)(x, mask, narrow), expected, rtol=1e-4, atol=1e-3)


def test_batches_with_their_own_operands() -> None:
    def product(a: Any, b: Any) -> Any:
        return np.exp(a * 0.125) @ b

    a, b = normal(6, 257, 192), normal(6, 192, 31)
    (found,), plan = products(product, a, b)
    assert len(found.computed) == len(plan.kernels) == 1
    expected = product(a.astype("f8"), b)
    one, three = (graphc.compile(product, threads=n)(a, b) for n in (1, 3))
    np.testing.assert_array_equal(one, three)
    np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-4)


def test_in_a_loop() -> None:
    def steps(x: Any, w: Any) -> Any:
        def step(h: Any, _: Any) -> Any:
            y = np.tanh(relu(x) @ w + h)
            return y, np.sum(y)

        return graphc.scan(step, np.zeros((600, 64), np.float32), length=3)

    x, w = normal(600, 500), normal(500, 64) / 20
    (h, sums), expected = graphc.compile(steps)(x, w), np.zeros((600, 64))
    totals = []
    for _ in range(3):
        expected = np.tanh(relu(x.astype("f8")) @ w + expected)
        totals.append(np.sum(expected))
    np.testing.assert_allclose(h, expected, atol=1e-4)
    np.testing.assert_allclose(sums, totals, rtol=1e-3)


@pytest.mark.parametrize(
    ("function", "types"),
    [
        (lambda x, w: (relu(x) @ w, np.sum(relu(x), axis=0)), ["f32[1024, 784]", "f32[784, 64]"]),
        (lambda x, w: relu(x) @ w, ["f32[256, 784]", "f32[784, 64]"]),
        (lambda x, w: np.tanh(x) @ w, ["f32[1024, 784]", "f32[784, 1024]"]),
        (lambda x, w: relu(x) @ w, ["f32[1024, 784]", "f32[784]"]),
        (lambda x, w: relu(x @ w) @ w, ["f32[1024, 784]", "f32[784, 784]"]),
        (lambda x, w: relu(x) @ w, ["f32[1024, 784]", "f32[8, 784, 64]"]),
        (lambda x, w: np.sort(x, axis=1) @ w, ["f32[1024, 784]", "f32[784, 64]"]),
    ],
    ids=[
        "used elsewhere",
        "small",
        "dear in many passes",
        "a vector",
        "of a product",
        "of all products",
        "no formula",
    ],
)
def test_operands_that_are_stored(function: Callable[..., Any], types: list[str]) -> None:
    assert not any(s.computed for s in products(function, *types)[0])


def test_the_kernel_shows_what_is_computed_and_counts_it() -> None:
    lowered = graphc.compile(lambda x, w: relu(x) @ w).lower("f32[1024, 784]", "f32[784, 64]")
    text = str(lowered.kernels)
    assert "packing i0 < 1024, depth < 784:\n" in text
    assert "sum over 784 of v2 in1[0; strides 64, 1]" in text
    (cost,) = lowered.cost().kernels
    assert cost.flops == 2 * 1024 * 784 * 64 + 1024 * 784
    assert (cost.read, cost.written) == (4 * 784 * (1024 + 64), 4 * 1024 * 64)


def test_the_printed_kernel_computes_the_same() -> None:
    def product(x: Any, w: Any) -> Any:
        return np.tanh(relu(x) @ w)

    x, w = normal(16_400, 17), normal(17, 16)
    assert products(product, x, w)[0][0].computed
    for backend in ("numba", "interpret"):
        actual = graphc.compile(product, backend=backend)(x, w)
        np.testing.assert_allclose(actual, product(x.astype("f8"), w), rtol=1e-5, atol=1e-5)
