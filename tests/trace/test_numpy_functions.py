"""NumPy functions on traced arrays: values, dtypes and gradients are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from tests.helpers import check

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 5))
C = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=6)
W = RNG.normal(size=4)
S = RNG.normal(size=(4, 4))
POSITIVE = RNG.uniform(0.5, 2.0, size=(3, 4))
WITH_NAN = np.where(RNG.uniform(size=(3, 4)) < 0.3, np.nan, A)
INTEGERS = RNG.integers(-5, 6, size=(3, 4))
MASK = A > 0

REDUCTIONS = {
    "sum": lambda x: np.sum(x),
    "sum_axis": lambda x: x.sum(axis=-1),
    "sum_axes_keepdims": lambda x: np.sum(x, axis=(0, 1), keepdims=True),
    "sum_no_axes": lambda x: np.sum(x, axis=()),
    "sum_where_initial": lambda x: np.sum(x, axis=0, where=x > 0, initial=2.0),
    "prod": lambda x: np.prod(x, axis=1),
    "prod_all": lambda x: x.prod(),
    "mean": lambda x: np.mean(x, axis=0),
    "mean_where": lambda x: np.mean(x, where=x > 0),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "var_where": lambda x: np.var(x, where=MASK),
    "std": lambda x: x.std(axis=0, keepdims=True),
    "max": lambda x: np.max(x, axis=1),
    "max_initial": lambda x: np.max(x, axis=1, initial=0.3, where=MASK),
    "min": lambda x: x.min(),
    "ptp": lambda x: np.ptp(x, axis=0),
    "argmax": lambda x: np.argmax(x, axis=1),
    "argmin_flat": lambda x: x.argmin(),
    "argmax_keepdims": lambda x: np.argmax(x, axis=0, keepdims=True),
    "any": lambda x: np.any(x > 1, axis=0),
    "all": lambda x: np.all(x),
    "count_nonzero": lambda x: np.count_nonzero(x > 0, axis=1),
    "average": lambda x: np.average(x, axis=1, weights=np.arange(1.0, 5.0)),
    "average_returned": lambda x: np.average(x, weights=np.ones((3, 4)), returned=True),
    "median": lambda x: np.median(x, axis=1),
    "quantile": lambda x: np.quantile(x, [0.1, 0.5, 0.9], axis=0),
    "percentile": lambda x: np.percentile(x, 30),
    "quantile_nearest": lambda x: np.quantile(x, 0.3, method="nearest", keepdims=True),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "cumsum_flat": lambda x: x.cumsum(),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "add_reduce": lambda x: np.add.reduce(x),
    "maximum_reduce": lambda x: np.maximum.reduce(x, axis=1),
    "add_accumulate": lambda x: np.add.accumulate(x, axis=1),
    "cov": lambda x: np.cov(x),
    "corrcoef": lambda x: np.corrcoef(x, rowvar=False),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_are_numpys(name: str) -> None:
    check(REDUCTIONS[name], A)


@pytest.mark.parametrize("name", [n for n in REDUCTIONS if n not in ("cov", "corrcoef")])
@pytest.mark.parametrize("dtype", ["f4", "i4", "u1", "i8", "?"])
def test_reductions_accumulate_in_numpys_dtype(name: str, dtype: str) -> None:
    x = MASK if dtype == "?" else np.abs(INTEGERS).astype(dtype)
    try:
        REDUCTIONS[name](x)
    except TypeError:
        pytest.skip("NumPy refuses as well")
    check(REDUCTIONS[name], x, rtol=1e-9)


NAN_FUNCTIONS = {
    "nansum": lambda x: np.nansum(x, axis=0),
    "nanprod": lambda x: np.nanprod(x, axis=0),
    "nanmean": lambda x: np.nanmean(x, axis=1),
    "nanvar": lambda x: np.nanvar(x, axis=1),
    "nanstd": lambda x: np.nanstd(x),
    "nanmax": lambda x: np.nanmax(x, axis=1),
    "nanmin": lambda x: np.nanmin(x),
    "nanargmax": lambda x: np.nanargmax(x, axis=1),
    "nanmedian": lambda x: np.nanmedian(x, axis=1),
    "nanquantile": lambda x: np.nanquantile(x, [0.2, 0.7], axis=0, keepdims=True),
    "nanpercentile": lambda x: np.nanpercentile(x, 35),
    "nancumsum": lambda x: np.nancumsum(x, axis=1),
    "nan_to_num": lambda x: np.nan_to_num(x, nan=3.0),
    "max": lambda x: np.max(x, axis=1),
    "argmax": lambda x: np.argmax(x, axis=1),
    "sort": lambda x: np.sort(x, axis=1),
    "median": lambda x: np.median(x, axis=1),
    "isclose": lambda x: np.isclose(x, x, equal_nan=True),
}


@pytest.mark.parametrize("name", NAN_FUNCTIONS)
def test_nan_is_treated_as_numpy_does(name: str) -> None:
    check(NAN_FUNCTIONS[name], WITH_NAN, grad=False)


SHAPES = {
    "reshape": lambda x: x.reshape(2, -1),
    "reshape_F": lambda x: x.reshape((4, 3), order="F"),
    "ravel": lambda x: x.ravel(),
    "ravel_F": lambda x: np.ravel(x, "F"),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose_axes": lambda x: np.transpose(x[None], (2, 0, 1)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "moveaxis": lambda x: np.moveaxis(x[None], 0, -1),
    "rollaxis": lambda x: np.rollaxis(x[None], 2),
    "expand_dims": lambda x: np.expand_dims(x, (0, 2)),
    "squeeze": lambda x: np.squeeze(x[None, :, None]),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0], 1.0),
    "flip": lambda x: np.flip(x),
    "fliplr": lambda x: np.fliplr(x),
    "flipud": lambda x: np.flipud(x),
    "rot90": lambda x: [np.rot90(x, k) for k in range(4)],
    "concatenate": lambda x: np.concatenate([x, x * 2, np.ones((3, 1))], axis=1),
    "concatenate_flat": lambda x: np.concatenate([x, x], axis=None),
    "stack": lambda x: np.stack([x, x * 2], axis=-1),
    "hstack": lambda x: np.hstack([x[0], x[1]]),
    "vstack": lambda x: np.vstack([x, x[0]]),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x, x[:, 0]]),
    "block": lambda x: np.block([[x, np.zeros((3, 2))], [np.ones((1, 6))]]),
    "append": lambda x: np.append(x, [1.0, 2.0]),
    "array_split": lambda x: np.array_split(x, 3, axis=1),
    "split": lambda x: np.split(x, [1, 3], axis=1),
    "hsplit": lambda x: np.hsplit(x, 2),
    "unstack": lambda x: np.unstack(x, axis=1),
    "tile": lambda x: np.tile(x, (2, 1, 2)),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat_counts": lambda x: x.repeat([1, 0, 2], axis=0),
    "roll": lambda x: np.roll(x, 3),
    "roll_axes": lambda x: np.roll(x, (1, -1), axis=(0, 1)),
    "pad_constant": lambda x: np.pad(x, ((1, 2), (0, 1))),
    "pad_value": lambda x: np.pad(x, 1, constant_values=2.0),
    "pad_edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad_reflect": lambda x: np.pad(x, (2, 5), mode="reflect"),
    "pad_symmetric": lambda x: np.pad(x, (2, 5), mode="symmetric"),
    "pad_wrap": lambda x: np.pad(x, (1, 4), mode="wrap"),
    "pad_ramp": lambda x: np.pad(x, 2, mode="linear_ramp", end_values=1.5),
    "diagonal": lambda x: [np.diagonal(x, k) for k in (-2, -1, 0, 1, 3)],
    "diag": lambda x: [np.diag(x[0], k) for k in (-1, 0, 2)],
    "diagflat": lambda x: np.diagflat(x[:2, :2]),
    "trace": lambda x: np.trace(x, 1),
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x, 1),
    "tril_vector": lambda x: np.tril(x[0]),
    "vander": lambda x: np.vander(x[0], 3),
    "meshgrid": lambda x: np.meshgrid(x[0], x[:, 0]),
    "meshgrid_ij": lambda x: np.meshgrid(x[0], x[:, 0], indexing="ij", sparse=True),
    "take": lambda x: np.take(x, [0, -1, 2], axis=1),
    "take_flat": lambda x: x.take([[0, 11], [3, -1]]),
    "take_wrap": lambda x: np.take(x, [5, -7], axis=1, mode="wrap"),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
    "compress": lambda x: np.compress([True, False, True], x, axis=0),
    "zeros_like": lambda x: np.zeros_like(x) + x,
    "full_like": lambda x: np.full_like(x, 7),
    "ones_like_shape": lambda x: np.ones_like(x, dtype=np.int32, shape=(2,)),
    "astype": lambda x: x.astype(np.float32),
    "copy": lambda x: x.copy(),
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "linspace_open": lambda x: np.linspace(x[0, 0], 2.0, 4, endpoint=False, retstep=True),
    "real": lambda x: x.real,
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_functions_are_numpys(name: str) -> None:
    check(SHAPES[name], A)


ORDERINGS = {
    "sort": lambda x: np.sort(x, axis=0),
    "sort_flat": lambda x: np.sort(x, axis=None),
    "argsort": lambda x: x.argsort(axis=1),
    "searchsorted": lambda x: np.searchsorted(np.sort(x[0]), x),
    "digitize": lambda x: np.digitize(x, np.array([1.0, 0.0, -1.0])),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 0.5, 2.0], np.array([1.0, 3.0, -2.0, 0.0])),
    "interp_traced": lambda x: np.interp(0.1, np.sort(x[0]), x[1], left=0.0),
    "diff": lambda x: np.diff(x, 2, axis=0),
    "diff_edges": lambda x: np.diff(x, prepend=0.0, append=x[:, :1]),
    "ediff1d": lambda x: np.ediff1d(x, to_begin=[1.0]),
    "gradient": lambda x: np.gradient(x),
    "gradient_spacing": lambda x: np.gradient(x, 0.5, np.array([0.0, 1.0, 3.0, 4.0]), edge_order=2),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5),
    "trapezoid_points": lambda x: np.trapezoid(x, np.array([0.0, 1.0, 3.0]), axis=0),
    "where": lambda x: np.where(x > 0, x, 2.0),
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "clip_one": lambda x: x.clip(max=x[0]),
    "select": lambda x: np.select([x > 1, x > 0], [x, x**2], default=-1.0),
    "choose": lambda x: np.choose((x > 0).astype(int), [x, -x], mode="clip"),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x > 1], [lambda t: -t, 3.0, lambda t: t**2]),
    "isclose": lambda x: np.isclose(x, x + 1e-9),
    "allclose": lambda x: np.allclose(x, x),
    "array_equal": lambda x: np.array_equal(x, x),
    "round": lambda x: np.round(x, 2),
    "fix": lambda x: np.fix(x * 3),
    "sinc": lambda x: np.sinc(x),
    "unwrap": lambda x: np.unwrap(x * 5, axis=1),
    "polyval": lambda x: np.polyval([1.0, -2.0, 3.0], x),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda v: v**2 / v.sum(), 0, x),
    "angle": lambda x: np.angle(x),
    "tril_indices_from": lambda x: x[np.tril_indices_from(x, 1)],
    "diag_indices_from": lambda x: x[:, :3][np.diag_indices_from(x[:, :3])],
    "ravel_multi_index": lambda x: np.ravel_multi_index(
        (np.argmax(x, 0), np.argmin(x, 0)), (3, 4), mode=("wrap", "clip")
    ),
    "unravel_index": lambda x: np.unravel_index(np.argmax(x), x.shape),
    "delete": lambda x: [np.delete(x, 1, axis=1), np.delete(x, [0, -1]), np.delete(x, slice(0, 2), 0)],
    "insert": lambda x: [
        np.insert(x, 1, 7.0, axis=0),
        np.insert(x, [1, 3], x[:, :2], axis=1),
        np.insert(x[0], 2, x[1]),
        np.insert(x, 1, x[:, 0], axis=1),
    ],
    "isin": lambda x: [np.isin(np.round(x), [0.0, 1.0]), np.isin(np.round(x), [0.0], invert=True)],
    "lexsort": lambda x: np.lexsort((x[0], np.round(x[1]))),
    "resize": lambda x: np.resize(x, (5, 3)),
    "fftshift": lambda x: [np.fft.fftshift(x), np.fft.ifftshift(x, 1)],
    "polynomials": lambda x: [
        np.polyadd(x[0], x[1, :2]),
        np.polysub(x[0], x[1]),
        np.polymul(x[0], x[1]),
        np.polyder(x[0], 2),
        np.polyint(x[0]),
    ],
    "polyfit": lambda x: np.polyfit(x[0], x[1], 2, w=np.array([1.0, 2.0, 1.0, 3.0])),
    "shape": lambda x: x * np.shape(x)[0] + np.ndim(x) + np.size(x),
}


@pytest.mark.parametrize("name", ORDERINGS)
def test_orderings_and_choices_are_numpys(name: str) -> None:
    smooth = name not in ("round", "fix", "angle")
    check(ORDERINGS[name], A, grad=None if smooth else False, rtol=1e-10)


PRODUCTS = {
    "matmul": (lambda a, b: a @ b, A, B),
    "matmul_vector": (lambda a, b: a @ b, A, W),
    "vector_matmul": (lambda a, b: a @ b, W, B),
    "inner_product": (lambda a, b: a @ b, W, W),
    "batch": (lambda a, b: a @ b, C, B),
    "batch_both": (lambda a, b: np.matmul(a[:, None], b), C, RNG.normal(size=(5, 4, 2))),
    "batch_stretched": (lambda a, b: a @ b, C[:1], RNG.normal(size=(6, 4, 2))),
    "batch_vector": (lambda a, b: a @ b, C, W),
    "dot": (lambda a, b: np.dot(a, b), C, B),
    "dot_scalar": (lambda a, b: np.dot(2.0, b) + a[0, 0], A, B),
    "dot_nd": (lambda a, b: a.dot(b), C, RNG.normal(size=(2, 4, 3))),
    "vdot": (lambda a, b: np.vdot(a, b), A, A + 1),
    "inner": (lambda a, b: np.inner(a, b), C, A),
    "outer": (lambda a, b: np.outer(a, b), A, W),
    "tensordot": (lambda a, b: np.tensordot(a, b, axes=([2, 1], [0, 1])), C, RNG.normal(size=(4, 3, 2))),
    "tensordot_int": (lambda a, b: np.tensordot(a, b, 1), C, B),
    "kron": (lambda a, b: np.kron(a, b), A, W),
    "cross": (lambda a, b: np.cross(a, b), A.T, B[:, :3]),
    "vecdot": (lambda a, b: np.vecdot(a, b), C, A),
    "multiply_outer": (lambda a, b: np.multiply.outer(a, b), A, W),
    "convolve": (lambda a, b: [np.convolve(a, b, m) for m in ("full", "same", "valid")], V, W),
    "convolve_short": (lambda a, b: [np.convolve(b, a, m) for m in ("full", "same", "valid")], V, W),
    "convolve_odd": (lambda a, b: [np.convolve(b[:3], a, m) for m in ("full", "same", "valid")], V, W),
    "correlate": (lambda a, b: [np.correlate(a, b, m) for m in ("full", "same", "valid")], V, W),
    "correlate_odd": (lambda a, b: [np.correlate(a, b[:3], m) for m in ("full", "same", "valid")], V, W),
    "correlate_short": (lambda a, b: [np.correlate(b, a, m) for m in ("full", "same", "valid")], V, W),
    "polyval": (lambda a, b: np.polyval(a, b), V, W),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_numpys(name: str) -> None:
    check(*PRODUCTS[name])


@pytest.mark.parametrize("dtype", ["i4", "u1", "f4", "?"])
def test_matrix_products_keep_numpys_dtype(dtype: str) -> None:
    a, b = np.abs(INTEGERS).astype(dtype), np.abs(INTEGERS.T).astype(dtype)
    check(lambda a, b: a @ b, a, b)
    check(lambda a, b: np.einsum("ij,jk->ik", a, b), a, b)


EINSUMS = {
    "ij->ji": (A,),
    "ij->": (A,),
    "ii->i": (S,),
    "ii": (S,),
    "ij,jk": (A, B),
    "ij,jk->ki": (A, B),
    "ij,j->": (A, W),
    "bij,jk->bik": (C, B),
    "bij,bij->b": (C, C),
    "bij,bij->bij": (C, C),
    "i,j->ij": (V, W),
    "ij,ij,ij->i": (A, A, A),
    "ij,jk,kl->il": (A, B, B.T),
    "i,ij,j->": (W, S, W),
    "...ij,jk->...ik": (C, B),
    "...j,...j->...": (C, A),
    "iij->ij": (RNG.normal(size=(3, 3, 2)),),
    "ij,kl->": (A, B),
    "a,b,c,d->dcba": (V, W, W, V),
}


@pytest.mark.parametrize("text", EINSUMS)
def test_einsum_is_numpys(text: str) -> None:
    check(lambda *arrays: np.einsum(text, *arrays), *EINSUMS[text])


def test_einsum_with_lists_of_labels() -> None:
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), A, B)
    check(lambda a, b: np.einsum(a, [Ellipsis, 0], b, [0, 1]), A, B)


SYMBOLIC = {
    "sum": (lambda x: x.sum(0), "f64[N, 3]"),
    "mean": (lambda x: np.mean(x), "f64[N, 3]"),
    "var": (lambda x: x.var(axis=0), "f64[N, 3]"),
    "softmax": (
        lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x).sum(-1, keepdims=True),
        "f64[N, 3]",
    ),
    "reshape": (lambda x: x.reshape(-1), "f64[N, 3]"),
    "reshape_shape": (lambda x: x.reshape(3, x.shape[0]), "f64[N, 3]"),
    "slice": (lambda x: x[1:] - x[:-1], "f64[N, 3]"),
    "reverse": (lambda x: x[::-1], "f64[N, 3]"),
    "every_other": (lambda x: x[::2], "f64[N, 3]"),
    "head": (lambda x: x[:2], "f64[N, 3]"),
    "tail": (lambda x: x[-2:], "f64[N, 3]"),
    "last": (lambda x: x[-1], "f64[N, 3]"),
    "matmul": (lambda x: x @ x.T, "f64[N, 3]"),
    "einsum": (lambda x: np.einsum("ni,nj->ij", x, x), "f64[N, 3]"),
    "concatenate": (lambda x: np.concatenate([x, x]), "f64[N, 3]"),
    "stack": (lambda x: np.stack([x, x]), "f64[N, 3]"),
    "diff": (lambda x: np.diff(x, axis=0), "f64[N, 3]"),
    "cumsum": (lambda x: np.cumsum(x, axis=0), "f64[N, 3]"),
    "sort": (lambda x: np.sort(x, axis=0), "f64[N, 3]"),
    "pad": (lambda x: np.pad(x, 1), "f64[N, 3]"),
    "pad_edge": (lambda x: np.pad(x, 2, mode="edge"), "f64[N, 3]"),
    "pad_reflect": (lambda x: np.pad(x, ((2, 1), (0, 0)), mode="reflect"), "f64[N, 3]"),
    "pad_wrap": (lambda x: np.pad(x, ((2, 1), (0, 0)), mode="wrap"), "f64[N, 3]"),
    "roll": (lambda x: np.roll(x, 2, axis=0), "f64[N, 3]"),
    "flip": (lambda x: np.flip(x, 0), "f64[N, 3]"),
    "tile": (lambda x: np.tile(x, (2, 1)), "f64[N, 3]"),
    "repeat": (lambda x: np.repeat(x, 2, axis=0), "f64[N, 3]"),
    "split": (lambda x: np.split(x, 3, axis=1), "f64[N, 3]"),
    "gradient": (lambda x: np.gradient(x, axis=0), "f64[N, 3]"),
    "tril": (lambda x: np.tril(x), "f64[N, 3]"),
    "trace": (lambda x: np.trace(x @ x.T), "f64[N, 3]"),
    "diag": (lambda x: np.diag(x[:, 0]), "f64[N, 3]"),
    "argmax": (lambda x: np.argmax(x, axis=0), "f64[N, 3]"),
    "write": (lambda x: _written(x), "f64[N, 3]"),
    "gather": (lambda x: x[np.argsort(x[:, 0])], "f64[N, 3]"),
    "take_along": (lambda x: np.take_along_axis(x, np.argsort(x, 0), 0), "f64[N, 3]"),
    "convolve": (lambda x: np.convolve(x[:, 0], np.array([1.0, 2.0, 1.0]), "same"), "f64[N, 3]"),
    "cov": (lambda x: np.cov(x, rowvar=False), "f64[N, 3]"),
}


def _written(x):
    y = x.copy()
    y[1:-1] = 0.5 * (x[2:] + x[:-2])
    y[0, 1] = 3.0
    return y


@pytest.mark.parametrize("name", SYMBOLIC)
def test_one_trace_serves_all_sizes(name: str) -> None:
    function, type_ = SYMBOLIC[name]
    for n in (3, 4, 7):
        check(function, RNG.normal(size=(n, 3)), types=[type_])


@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-154, 1e-12, 1e-8, 1e-5, 1e-3])
def test_the_derivatives_of_sinc_are_right_near_zero(x: float) -> None:
    y = np.pi * x
    first = graphc.grad(np.sinc)
    assert np.isclose(first(x), np.pi * (-y / 3 + y**3 / 30), rtol=1e-12, atol=1e-320)
    assert np.isclose(graphc.grad(first)(x), np.pi**2 * (-1 / 3 + y**2 / 10 - y**4 / 168), rtol=1e-12)
    assert np.isclose(first(np.float32(x)), first(x), rtol=1e-6, atol=1e-40)
