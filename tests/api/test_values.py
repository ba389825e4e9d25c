"""What goes into compiled functions and comes out of them."""

import collections

import numpy as np
import pytest

import graphc

Point = collections.namedtuple("Point", "x y")


def test_nested_arguments_are_taken_apart_by_every_call(backend):
    def affine(params, extra, x):
        return x @ params["w"] + params["b"][0] * extra[1]

    f = graphc.compile(affine, backend=backend)
    rng = np.random.default_rng(0)
    for n in (3, 4, 3):
        params = {"w": rng.normal(size=(n, 2)), "b": [rng.normal(size=2)]}
        x = rng.normal(size=(5, n))
        for extra in ((None, 2.0), (1.0, 2.0), [1.0, 2.0], (np.float64(1.0), 2.0)):
            np.testing.assert_allclose(f(params, extra, x), affine(params, extra, x), rtol=1e-12)
        np.testing.assert_allclose(
            f(params=params, extra=(0.0, 3.0), x=x), affine(params, (0.0, 3.0), x), rtol=1e-12
        )
        other_order = {"b": params["b"], "w": params["w"].T.copy().T}
        np.testing.assert_allclose(f(other_order, (1.0, 2.0), x), affine(params, (1.0, 2.0), x), rtol=1e-12)


def test_a_dict_of_one_array_is_returned_as_such(backend):
    f = graphc.compile(lambda x: {"y": x * 2.0}, backend=backend)
    for _ in range(2):
        np.testing.assert_array_equal(f(np.ones(3))["y"], [2.0, 2.0, 2.0])


def test_python_numbers_in_give_python_numbers_out(backend):
    f = graphc.compile(lambda x, y: y * (x**2 + x), backend=backend)
    result = f(2.0, 1.0)
    assert result == 6.0 and type(result) is float
    assert type(f(2, 1)) is int and f(2, 1) == 6
    assert type(graphc.compile(lambda x: x > 1.0, backend=backend)(2.0)) is bool


def test_results_have_numpys_types(backend):
    def f(a, s, n):
        return a * 2, np.sum(a), s * n, np.sin(n), a.shape[0], a.T

    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = f(a, np.float32(3), 2.0)
    results = graphc.compile(f, backend=backend)(a, np.float32(3), 2.0)
    for result, value in zip(results, expected, strict=True):
        assert type(result) is type(value)
        np.testing.assert_allclose(result, value, rtol=1e-15)
        assert np.asarray(result).dtype == np.asarray(value).dtype


def test_an_argument_that_is_returned_is_the_same_object(backend):
    x = np.ones(3)
    results = graphc.compile(lambda x: (x, {"x": x}, x + 0), backend=backend)(x)
    assert results[0] is x and results[1]["x"] is x
    assert not np.shares_memory(results[2], x)


def test_results_never_share_memory_with_what_the_function_closes_over(backend):
    w = np.arange(6.0).reshape(2, 3)
    f = graphc.compile(lambda x: (w.T, np.broadcast_to(x, (2, 2)), x), backend=backend)
    transposed, wide, _ = f(np.float64(1))
    transposed[...] = 0
    wide[0, 0] = 5
    assert np.array_equal(w, np.arange(6.0).reshape(2, 3))
    assert np.array_equal(wide, [[5, 1], [1, 1]])


def test_changes_inside_an_array_the_function_closes_over_are_seen(backend):
    w, v = np.ones(3), np.ones((2, 3)).T
    f = graphc.compile(lambda x: (x * w, x + v), backend=backend)
    f(2.0)
    w[0], v[1, 1] = 5.0, 7.0
    product, total = f(2.0)
    assert np.array_equal(product, [10, 2, 2])
    assert np.array_equal(total, v + 2)


def test_trees_go_in_and_come_out(backend):
    @graphc.compile(backend=backend)
    def f(params, point):
        return {"p": Point(point.x * 2, [params["w"] + 1]), "none": None, "label": "fixed", "n": 3}

    w = np.ones(2)
    result = f({"w": w}, Point(1.5, 2.0))
    assert result["p"].x == 3.0 and np.array_equal(result["p"].y[0], w + 1)
    assert result["none"] is None and result["label"] == "fixed" and result["n"] == 3
    assert isinstance(result["p"], Point)


def test_arrays_of_size_zero(backend):
    f = graphc.compile(lambda x: (x * 2, np.sum(x)), backend=backend)
    doubled, total = f(np.zeros((0, 3), np.float32))
    assert doubled.shape == (0, 3) and doubled.dtype == np.float32 and total == 0


def test_arrays_that_are_not_contiguous(backend):
    x = np.arange(24.0).reshape(4, 6)
    f = graphc.compile(lambda x: x * 2, backend=backend)
    for view in (x.T, x[::2, ::-1], np.broadcast_to(x[0], (3, 6)), x[1:1]):
        assert np.array_equal(f(view), view * 2)


def test_arrays_that_are_not_aligned(backend):
    x = np.frombuffer(bytearray(25), np.float64, 3, offset=1)
    x[:] = [1, 2, 3]
    assert not x.flags.aligned
    f = graphc.compile(lambda y: y + x, backend=backend)
    assert np.array_equal(f(x), [2, 4, 6])
    assert np.array_equal(f(np.ones(3)), [2, 3, 4])
    x[0] = 5
    assert np.array_equal(f(np.ones(3)), [6, 3, 4])


def test_memory_mapped_arrays(backend, tmp_path):
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(3,))
    x[:] = 2
    assert np.array_equal(graphc.compile(lambda x: x * x, backend=backend)(x), [4, 4, 4])


def test_arrays_of_other_libraries(backend):
    torch = pytest.importorskip("torch")
    f = graphc.compile(lambda x: x * 2, backend=backend)
    result = f(torch.ones(3))
    assert type(result) is np.ndarray and np.array_equal(result, [2, 2, 2])
    assert np.array_equal(f(memoryview(np.ones(2))), [2, 2])
