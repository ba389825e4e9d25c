"""Programs for any size return what NumPy returns for that size, or raise."""

import numpy as np
import pytest

import graphc

weights = np.random.default_rng(0).normal(size=(5, 3))
VECTORS = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "differences": lambda x: x[1:] - x[:-1],
    "every second": lambda x: x[::2] + 1,
    "reversed": lambda x: x[::-1] * 2,
    "ends": lambda x: x[0] - x[-1],
    "rolled": lambda x: np.roll(x, 1),
    "joined": lambda x: np.concatenate([x, 2 * x, np.ones(3)]),
    "stacked": lambda x: np.stack([x, -x], axis=1),
    "running sums": lambda x: np.cumsum(x),
    "sorted": lambda x: np.sort(x),
    "outer": lambda x: x[:, None] - x[None],
    "padded": lambda x: np.pad(x, (2, 1)),
    "halves": lambda x: (x[: x.shape[0] // 2], x[x.shape[0] // 2 :]),
    "stencil": lambda x: x[:-2] + 2 * x[1:-1] + x[2:],
    "largest": lambda x: x.max(),
    "position": lambda x: x.argmin(),
}
MATRICES = {
    "product": lambda x: x @ weights,
    "covariance": lambda x: x.T @ x,
    "gram": lambda x: x @ x.T,
    "flat": lambda x: x.reshape(-1),
    "regrouped": lambda x: x.reshape(5, -1) + 1,
    "rows": lambda x: x.sum(axis=1),
    "columns": lambda x: x.sum(axis=0),
    "softmax": lambda x: (
        np.exp(x - x.max(1, keepdims=True)) / np.exp(x - x.max(1, keepdims=True)).sum(1)[:, None]
    ),
    "softmax of columns": lambda x: np.exp(x - x.max(0)) / np.exp(x - x.max(0)).sum(0),
    "distances": lambda x: ((x[:, None] - x[None]) ** 2).sum(-1),
    "standardised": lambda x: (x - x.mean(0)) / (x.std(0) + 1),
    "transposed": lambda x: 2 * x.T,
    "einsum": lambda x: np.einsum("ni,nj->ij", x, x),
    "lower": lambda x: np.tril(x @ x.T),
}


def _check(f, declared, shape_of):
    compiled = graphc.compile(f, dynamic={"x": declared})
    for n in (17, 2, 1, 0, 130):
        x = np.random.default_rng(n).normal(size=shape_of(n))
        try:
            with np.errstate(all="ignore"):
                expected = f(x)
        except (ValueError, IndexError):
            with pytest.raises((graphc.ShapeError, IndexError)):
                compiled(x)
            continue
        try:
            actual = compiled(x)
        except graphc.ShapeError:
            assert n < 3, "only sizes too small for a slice may be refused"
            continue
        for a, e in zip(_tuple(actual), _tuple(expected), strict=True):
            assert np.shape(a) == np.shape(e)
            np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-12)


def _tuple(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", VECTORS)
def test_a_function_of_a_vector_of_any_length_equals_numpy(name):
    _check(VECTORS[name], "f64[N]", lambda n: (n,))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", MATRICES)
def test_a_function_of_a_matrix_of_any_height_equals_numpy(name):
    _check(MATRICES[name], "f64[N, 5]", lambda n: (n, 5))


def test_an_array_too_short_for_a_slice_is_refused_with_the_slice():
    f = graphc.compile(lambda x: x[1:] - x[:-1], dynamic={"x": "f64[N]"})
    assert f(np.arange(3.0)).tolist() == [1.0, 1.0]
    with pytest.raises(graphc.ShapeError, match="takes N-1 for at least 0"):
        f(np.zeros(0))


def test_the_largest_of_no_elements_is_refused():
    f = graphc.compile(lambda x: (x.max(axis=0), x.argmax(axis=0)), dynamic={"x": "f64[N, 2]"})
    assert f(np.ones((3, 2)))[1].tolist() == [0, 0]
    with pytest.raises(graphc.ShapeError, match="takes N-1 for at least 0"):
        f(np.zeros((0, 2)))
