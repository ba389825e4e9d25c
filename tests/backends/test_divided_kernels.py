"""Kernels that threads share, of known and of symbolic sizes: the same bits for any number of threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.lower import kernel_ir as k
from graphc.runtime.pool import get_num_threads, is_parallel, set_num_threads
from graphc.trace.tree import flatten

THREADS = (2, 3, 8)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _more_threads_than_processors() -> Iterator[None]:
    before = get_num_threads()
    set_num_threads(8)
    yield
    set_num_threads(before)


def chain(x: Any) -> Any:
    y = np.tanh(x) * x
    return np.sqrt(y * y + 1) + x


def sums(x: Any) -> Any:
    e = np.exp(x)
    return np.sum(e), np.sum(x * x, axis=0), np.sum(e, axis=1), np.any(x > 3), np.sum(x > 0, axis=0)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x: Any, g: Any, b: Any) -> Any:
    d = x - np.mean(x, axis=1, keepdims=True)
    y = d / np.sqrt(np.mean(d * d, axis=1, keepdims=True) + 1e-5)
    return np.sin(y * g + b), np.sum(y * x, axis=0), np.sum(x)


def transposed(x: Any, v: Any) -> Any:
    return np.sin(x.T) * v + 1


def dense(x: Any, w: Any, b: Any) -> Any:
    y = np.tanh(x @ w + b)
    return y, x.T @ y


def attention(q: Any, key: Any, v: Any) -> Any:
    scores = np.einsum("bqhd,bkhd->bhqk", q, key) / 8
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", e / np.sum(e, axis=-1, keepdims=True), v)


def random(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def leaves(result: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in flatten(result)[0]]


def check(
    function: Callable[..., Any], arrays: list[np.ndarray], types: list[str] | None, rtol: float
) -> None:
    """The same bits for any number of threads; but for rounding, what NumPy computes in double precision."""
    names = function.__code__.co_varnames
    dynamic = None if types is None else dict(zip(names, types, strict=False))
    one = leaves(graphc.compile(function, threads=1, dynamic=dynamic)(*arrays))
    for threads in THREADS:
        several = leaves(graphc.compile(function, threads=threads, dynamic=dynamic)(*arrays))
        for a, b in zip(one, several, strict=True):
            np.testing.assert_array_equal(a, b)
    exact = leaves(function(*(a.astype(np.float64) for a in arrays)))
    for got, want in zip(one, exact, strict=True):
        scale = float(np.max(np.abs(want), initial=1))
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale)


CASES: dict[str, tuple[Callable[..., Any], list[str], Callable[[int], list[np.ndarray]]]] = {
    "chain": (chain, ["f32[N, 96]"], lambda n: [random(n, 96)]),
    "chain of two sizes": (chain, ["f32[N, M]"], lambda n: [random(n, 61)]),
    "sums": (sums, ["f32[N, 96]"], lambda n: [random(n, 96)]),
    "sums of two sizes": (sums, ["f32[N, M]"], lambda n: [random(n, 61)]),
    "few long rows": (sums, ["f32[M, N]"], lambda n: [random(5, 16 * n)]),
    "softmax": (softmax, ["f32[N, 96]"], lambda n: [random(n, 96)]),
    "layernorm and sums": (
        layernorm,
        ["f32[N, 96]", "f32[96]", "f32[96]"],
        lambda n: [random(n, 96), random(96), random(96)],
    ),
    "transposed": (transposed, ["f32[N, 96]", "f32[N]"], lambda n: [random(n, 96), random(n)]),
    "dense": (
        dense,
        ["f32[N, 96]", "f32[96, 40]", "f32[40]"],
        lambda n: [random(n, 96), random(96, 40), random(40)],
    ),
}


@pytest.mark.parametrize("size", [0, 1, 2, 7, 257, 4099, 20_011])
@pytest.mark.parametrize("case", CASES)
def test_symbolic_sizes_are_divided_by_the_sizes_of_the_call(case: str, size: int) -> None:
    function, types, arrays = CASES[case]
    check(function, arrays(size), types, rtol=2e-5)


@pytest.mark.parametrize("size", [1, 257, 20_011])
@pytest.mark.parametrize("case", CASES)
def test_known_sizes_are_divided_before(case: str, size: int) -> None:
    function, _, arrays = CASES[case]
    check(function, arrays(size), None, rtol=2e-5)


BATCHES = [
    (0, 9, 8, 7),
    (1, 300, 200, 120),
    (2, 40, 30, 20),
    (3, 257, 128, 96),
    (67, 31, 29, 37),
    (40, 64, 64, 64),
]


@pytest.mark.parametrize("known", [True, False], ids=["known", "symbolic"])
@pytest.mark.parametrize("sizes", BATCHES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches_of_products(sizes: tuple[int, ...], dtype: Any, known: bool) -> None:
    def products(a: Any, b: Any) -> Any:
        return np.maximum(a @ b, 0), np.swapaxes(b, 1, 2) @ np.swapaxes(a, 1, 2)

    b, m, n, depth = sizes
    arrays = [random(b, m, depth, dtype=dtype), random(b, depth, n, dtype=dtype)]
    name = np.dtype(dtype).name.replace("float", "f")
    types = None if known else [f"{name}[B, M, K]", f"{name}[B, K, N]"]
    check(products, arrays, types, rtol=2e-5)


@pytest.mark.parametrize("shape", [(1, 5, 2, 16), (2, 67, 3, 32), (6, 128, 4, 64)], ids=str)
@pytest.mark.parametrize("types", [None, "f32[B, T, H, D]", "f32[B, 128, 4, 64]"])
def test_attention(shape: tuple[int, ...], types: str | None) -> None:
    if types and "128" in types:
        shape = (shape[0], 128, 4, 64)
    check(attention, [random(*shape) for _ in range(3)], None if types is None else [types] * 3, rtol=2e-5)


def parallel_loops(function: Callable[..., Any], *types: str) -> list[k.Loop]:
    plan = graphc.compile(function, threads=2).lower(*types).kernels
    every = [s for kernel in plan.kernels for s in k.statements(kernel.body)]
    return [s for s in every if isinstance(s, k.Loop) and s.kind == "parallel"]


def test_symbolic_loops_say_from_how_many_parts_on_threads_take_them() -> None:
    (loop,) = parallel_loops(chain, "f32[N, 96]")
    assert (str(loop.axis.extent), loop.least) == ("((96*N)//(256*((96*N)//16384)+4352))+1", 4)


def test_batches_of_products_are_parallel_loops() -> None:
    assert [loop.axis.extent for loop in parallel_loops(np.matmul, "f32[50, 8, 9]", "f32[50, 9, 10]")] == [50]
    heads = parallel_loops(lambda q, key: np.einsum("bqhd,bkhd->bhqk", q, key), *["f32[B, 9, 4, 32]"] * 2)
    assert [str(loop.axis.extent) for loop in heads] == ["B", "4"]


STARTED = """
import os
import numpy as np
import graphc
from graphc.runtime.pool import set_num_threads

set_num_threads(3)
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
{function}
f = graphc.compile(f, threads=3, dynamic={dynamic})
for shapes in {shapes}:
    f(*(np.ones(shape, np.float32) for shape in shapes))
    print(threads() - before)
"""


@pytest.mark.skipif(not is_parallel(), reason="no threads on this system")
@pytest.mark.parametrize(
    ("function", "dynamic", "shapes"),
    [
        ("f = lambda x: np.exp(x)", {"x": "f32[N, 64]"}, [[(0, 64)], [(9, 64)], [(100_000, 64)]]),
        ("f = lambda x: np.sum(x * x)", {"x": "f32[N]"}, [[(0,)], [(10_000,)], [(5_000_000,)]]),
        (
            "f = lambda x, w: x @ w",
            {"x": "f32[N, 64]", "w": "f32[64, 64]"},
            [[(0, 64), (64, 64)], [(200, 64), (64, 64)], [(9000, 64), (64, 64)]],
        ),
        (
            "f = lambda a, b: a @ b",
            {"a": "f32[B, 32, 32]", "b": "f32[B, 32, 32]"},
            [[(0, 32, 32)] * 2, [(9, 32, 32)] * 2, [(900, 32, 32)] * 2],
        ),
        (
            "f = lambda a, b: a @ b",
            {"a": "f32[B, M, 256]", "b": "f32[B, 256, 256]"},
            [[(2, 0, 256), (2, 256, 256)], [(2, 3, 256), (2, 256, 256)], [(1, 900, 256), (1, 256, 256)]],
        ),
    ],
    ids=["loop", "sum", "product", "batch", "one large product of a batch"],
)
def test_small_calls_begin_no_region(function: str, dynamic: dict[str, str], shapes: list[Any]) -> None:
    # Threads start when the first region begins.
    text = STARTED.format(function=function, dynamic=dynamic, shapes=shapes)
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", "0", "2"]


@pytest.mark.parametrize("backend", ["cpu", "numba"])
@pytest.mark.parametrize("columns", [0, 3, 4])
def test_sizes_that_cannot_be_are_refused_before_anything_is_divided(backend: str, columns: int) -> None:
    def inner(x: Any) -> Any:
        y = np.exp(x[:, 5:])
        return y / np.sum(y, axis=1, keepdims=True), np.sum(y, axis=0)

    f = graphc.compile(inner, dynamic={"x": "f32[N, M]"}, backend=backend)
    with pytest.raises(graphc.ShapeError, match="this function takes M-5 for at least 0"):
        f(np.ones((3, columns), np.float32))
    np.testing.assert_array_equal(f(np.ones((3, 6), np.float32))[0], np.ones((3, 1)))
