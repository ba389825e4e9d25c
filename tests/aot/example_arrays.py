"""Functions of arrays to export: elementwise, reductions, products, slices, indices, linear algebra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.ir.types import parse_type
from tests.aot.example import RNG, SIZES, Example, calls, each, normal

# ---- elementwise


def chain(x: Any, y: Any) -> Any:
    return np.tanh(x) * np.exp(-x) + y, np.sqrt(np.abs(x)) > y


def outer(x: Any, y: Any, scale: Any) -> Any:
    return np.log1p(np.abs(x[:, None] * scale - y[None, :])) + np.sin(x)[:, None]


def widths(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any, numbers: Any) -> Any:
    arrays = (a, b, c, d, e, f, g, h, i)
    sums = tuple(x + s if x.dtype != np.bool_ else x & s for x, s in zip(arrays, numbers, strict=True))
    return (*sums, *(x >= s for x, s in zip(arrays, numbers, strict=True)))


_WIDTHS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool")


def _width_arguments(N: int) -> tuple[Any, ...]:
    dtypes = [parse_type(name).dtype for name in _WIDTHS]
    arrays = [RNG.integers(0, 2 if t == np.bool_ else 120, N).astype(t) for t in dtypes]
    numbers = [t.type(RNG.integers(0, 2 if t == np.bool_ else 100)) for t in dtypes]
    return (*arrays, tuple(numbers))


def zeros_of_dimensions(x: Any, n: Any, truth: Any, rate: float, count: int, wide: bool) -> Any:
    return x * rate + np.where(truth, 1.0, np.where(wide, 2.0, 3.0)), n + count, ~truth


def divided(a: Any, b: Any, c: Any, d: Any) -> Any:
    return a // b, a % b, c // d, c % d, a // b[0], np.abs(a), -a


def corners(dtype: Any) -> np.ndarray:
    """The corners of an integer type and what is near them."""
    limits = np.iinfo(dtype)
    near = [limits.min, limits.min + 1, 0, 1, 2, limits.max - 1, limits.max]
    return np.array(near if limits.min == 0 else [*near, -1, -2], dtype)


def _all_pairs(*dtypes: Any) -> tuple[np.ndarray, ...]:
    made = []
    for dtype in dtypes:
        x = corners(dtype)[:7]
        made += [np.repeat(x, 9), np.tile(np.append(x, corners(dtype)[-2:]), 7)]
    return tuple(made)


def shifted(x: Any, n: Any) -> Any:
    return x << n, x >> n, (x << 3) ^ (x >> 1), ~x


def specials(x: Any) -> Any:
    return (
        np.sort(x),
        np.argsort(x, kind="stable"),
        np.max(x),
        np.argmin(x),
        np.cumsum(x),
        np.floor(x) + np.sign(x),
    )


SPECIAL = np.array([1.0, np.nan, -np.inf, 0.0, -0.0, np.inf, 5e-324, 1.7e308, -1.7e308, np.nan, 2.5])


# ---- reductions


def reductions(x: Any) -> Any:
    return {
        "all": np.sum(x),
        "rows": np.sum(x, axis=0),
        "columns": np.mean(x * x, axis=1),
        "running": np.cumsum(x, axis=1),
        "true": np.all(x > -9.0, axis=0),
        "any": np.any(x > 1.0),
        "count": np.count_nonzero(x > 0.0),
    }


def extremes(x: Any) -> Any:
    return np.max(x, axis=0), np.min(x), np.argmax(x, axis=0), np.argmin(x), np.prod(x, axis=1)


# ---- products


def products(a: Any, b: Any, v: Any) -> Any:
    return a @ b, a.T @ a, b @ b.T, v @ a, b @ (b.T @ a.T) @ v


def batched(a: Any, b: Any) -> Any:
    return np.einsum("bij,bjk->bik", a, b), np.swapaxes(a, 1, 2) @ a


# ---- slices


def convolved(x: Any, w: Any) -> Any:
    total = 0.0
    for i in range(3):
        for j in range(3):
            total = total + w[i, j] * x[i : x.shape[0] - 2 + i, j : x.shape[1] - 2 + j]
    return np.maximum(total, 0.0)


def differences(x: Any) -> Any:
    return x[1:] - x[:-1], x[::-1], x[::3] * 2.0, np.concatenate([x, x[:0], x])


def nothing(x: Any, y: Any) -> Any:
    return x[:0] * 2.0, y + 1.0, np.sum(x[:0])


# ---- indices


def gathered(x: Any, i: Any) -> Any:
    return x[i] * 2.0


def scattered(y: Any, i: Any, v: Any) -> Any:
    y = y.copy()
    np.add.at(y, i, v)
    return y


def chosen(x: Any, k: Any) -> Any:
    return x[k]


def sorted_(x: Any) -> Any:
    return np.sort(x), np.argsort(x, kind="stable"), np.sort(-x)[::-1]


# ---- linear algebra


def factored(a: Any, b: Any) -> Any:
    return np.linalg.cholesky(a), np.linalg.solve(a, b)


def _positive(N: int) -> np.ndarray:
    a = normal(N, N)
    return a @ a.T + (N + 1) * np.eye(N)


def _pair(N: int) -> tuple[Any, ...]:
    return normal(N), normal(N)


def _singles(N: int) -> tuple[Any, ...]:
    return normal(N, dtype=np.float32), normal(N, dtype=np.float32)


ARRAYS: Mapping[str, Example] = {
    "chain": Example(
        chain, ("f64[N]", "f64[N]"), each(_pair, "N", sizes=(*SIZES, 9_000)), large=frozenset({len(SIZES)})
    ),
    "chain32": Example(
        chain,
        ("f32[N]", "f32[N]"),
        each(_singles, "N"),
        relative=1e-5,
        absolute=1e-5,
    ),
    "outer": Example(
        outer,
        ("f64[N]", "f64[M]", np.float64(2.0)),
        each(lambda N, M: (normal(N), normal(M), np.float64(1.5)), "N", "M"),
    ),
    "widths": Example(
        widths,
        (*(f"{w}[N]" for w in _WIDTHS), _width_arguments(1)[-1]),
        each(_width_arguments, "N", sizes=(0, 1, 5, 67)),
    ),
    "divided8": Example(
        divided, ("i8[63]", "i8[63]", "u8[63]", "u8[63]"), [({}, _all_pairs(np.int8, np.uint8))]
    ),
    "divided32": Example(
        divided, ("i32[N]", "i32[N]", "u32[N]", "u32[N]"), [({"N": 63}, _all_pairs(np.int32, np.uint32))]
    ),
    "divided64": Example(
        divided, ("i64[N]", "i64[N]", "u64[N]", "u64[N]"), [({"N": 63}, _all_pairs(np.int64, np.uint64))]
    ),
    "shifted": Example(
        shifted,
        ("i32[9]", "i32"),
        [({}, (corners(np.int32), np.array(n, np.int32))) for n in (0, 1, 31)],
    ),
    "specials": Example(
        specials, ("f64[N]",), [({"N": n}, (np.resize(SPECIAL, n),)) for n in (1, 2, 5, 11, 40, 300)]
    ),
    "zeros": Example(
        zeros_of_dimensions,
        ("f64", "i32", "bool", 0.5, 3, True),
        [
            ({}, (np.array(1.5), np.array(7, np.int32), np.array(t), 0.25, -3, w))
            for t in (0 > 1, 1 > 0)
            for w in (True, False)
        ],
    ),
    "reductions": Example(reductions, ("f64[N, M]",), each(lambda N, M: (normal(N, M),), "N", "M")),
    "extremes": Example(
        extremes,
        ("f64[N, M]",),
        calls(lambda N, M: (normal(N, M),), "N", "M", sizes=(1, 2, 5, 33)),
        raises=[
            ({"N": n, "M": m}, (np.zeros((n, m)),), ("ShapeError", f"takes {text}-1 for at least 0"))
            for n, m, text in ((0, 0, "N"), (0, 4, "N"), (4, 0, "M"))
        ],
    ),
    "products": Example(
        products,
        ("f32[N, K]", "f32[K, M]", "f32[N]"),
        each(
            lambda N, K, M: (
                normal(N, K, dtype=np.float32),
                normal(K, M, dtype=np.float32),
                normal(N, dtype=np.float32),
            ),
            "N",
            "K",
            "M",
        ),
        relative=1e-3,
        absolute=2e-2,
    ),
    "batched": Example(
        batched,
        ("f64[B, 3, K]", "f64[B, K, 5]"),
        each(lambda B, K: (normal(B, 3, K), normal(B, K, 5)), "B", "K", sizes=(0, 1, 2, 17)),
    ),
    "convolved": Example(
        convolved,
        ("f32[N, M]", "f32[3, 3]"),
        calls(
            lambda N, M: (normal(N, M, dtype=np.float32), normal(3, 3, dtype=np.float32)),
            "N",
            "M",
            sizes=(2, 3, 9, 34),
        ),
        relative=1e-5,
        absolute=1e-5,
    ),
    "differences": Example(
        differences, ("f64[N]",), calls(lambda N: (normal(N),), "N", sizes=(1, 2, 7, 64, 65, 130))
    ),
    "nothing": Example(
        nothing, ("f64[N]", "f32[0, 3]"), each(lambda N: (normal(N), normal(0, 3, dtype=np.float32)), "N")
    ),
    "gathered": Example(
        gathered,
        ("f32[N, 3]", "i64[M]"),
        [({"N": 4, "M": m}, (normal(4, 3, dtype=np.float32), RNG.integers(-4, 4, m))) for m in (0, 1, 2, 50)],
        raises=[
            (
                {"N": n, "M": 3},
                (normal(n, 3, dtype=np.float32), np.array([0, i, 0])),
                ("IndexError", "out of"),
            )
            for n, i in ((4, 4), (4, -5), (0, 0), (1, 1 << 62), (4, -(1 << 63)))
        ],
        relative=1e-6,
    ),
    "unsigned": Example(
        gathered,
        ("f32[N, 3]", "u64[M]"),
        [({"N": 4, "M": 2}, (normal(4, 3, dtype=np.float32), np.array([0, 3], np.uint64)))],
        raises=[
            (
                {"N": 4, "M": 2},
                (normal(4, 3, dtype=np.float32), np.array([0, i], np.uint64)),
                ("IndexError", "out of"),
            )
            for i in (4, (1 << 64) - 1, 1 << 63)
        ],
        relative=1e-6,
    ),
    "scattered": Example(
        scattered,
        ("f64[N]", "i32[M]", "f64[M]"),
        [
            ({"N": 5, "M": m}, (normal(5), RNG.integers(-5, 5, m).astype(np.int32), normal(m)))
            for m in (0, 1, 3, 70)
        ],
        raises=[
            (
                {"N": 5, "M": 2},
                (normal(5), np.array([0, i], np.int32), normal(2)),
                ("IndexError", "out of"),
            )
            for i in (5, -6, (1 << 31) - 1, -(1 << 31))
        ],
    ),
    "chosen": Example(
        chosen,
        ("f64[N, 2]", np.int64(1)),
        [({"N": 3}, (normal(3, 2), np.int64(k))) for k in (0, 2, -1, -3)],
        raises=[
            ({"N": n}, (normal(n, 2), np.int64(k)), ("IndexError", "out of"))
            for n, k in ((3, 3), (3, -4), (0, 0))
        ],
    ),
    "sorted": Example(
        sorted_,
        ("f32[N]",),
        each(lambda N: (RNG.integers(-20, 20, N).astype(np.float32),), "N", sizes=(*SIZES, 1000)),
    ),
    "factored": Example(
        factored,
        ("f64[N, N]", "f64[N, M]"),
        each(lambda N, M: (_positive(N), normal(N, M)), "N", "M", sizes=(0, 1, 2, 3, 17, 40)),
        raises=[
            ({"N": n, "M": 2}, (-np.eye(n), normal(n, 2)), ("numpy.linalg.LinAlgError", "positive definite"))
            for n in (1, 2, 9)
        ],
    ),
}
