"""x[index] and x[index] = v on traced arrays mean what they mean in NumPy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.errors import ShapeError, TraceError
from tests.helpers import check, record, run

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4, 5))
MASK = RNG.uniform(size=(3, 4)) < 0.5
I = np.array([2, 0, 2])
J = np.array([[1], [-1]])

INDICES = {
    "integer": 1,
    "negative": (-1, -2),
    "all_integers": (0, -1, 2),
    "slices": (slice(1, None), slice(None, None, -2), slice(-3, -1)),
    "empty_slice": (slice(2, 1), slice(10, None)),
    "ellipsis": (..., 0),
    "new_axes": (None, 0, ..., None),
    "integers_and_ellipsis": (0, 1, 2, ...),
    "list": [0, 2],
    "nested_list": [[0, 1], [2, -1]],
    "empty_list": ([],),
    "array_first": (I,),
    "array_middle": (slice(None), I),
    "array_last": (..., I),
    "adjacent_arrays": (slice(None), I, np.array([4, 0, -5])),
    "separated_arrays": (I, slice(None), np.array([4, 0, -5])),
    "broadcast_arrays": (slice(None), J, I),
    "integer_and_array": (0, slice(None), I),
    "array_and_integer_adjacent": (I, 1),
    "array_after_new_axis": (None, I, None, slice(1, 3)),
    "new_axis_between_arrays": (I, None, np.array([0, 1, 2])),
    "slice_and_array": (slice(None, None, 2), slice(1, 3), I),
    "zero_dimensional_array": (np.array(1), slice(None)),
    "mask_two_axes": (MASK,),
    "mask_last": (..., np.array([True, False, True, True, False])),
    "mask_and_array": (slice(None), np.array([True, False, True, False]), np.array([0, 3])),
    "true": (True,),
    "false": (False, 0),
    "unsigned": (np.array([1, 2], np.uint8),),
    "range": (slice(None), range(3)),
    "ix": np.ix_([0, 2], [1, 3], [4]),
}


@pytest.mark.parametrize("name", INDICES)
def test_reading_is_numpys(name: str) -> None:
    check(lambda x: x[INDICES[name]], X)


@pytest.mark.parametrize("name", INDICES)
def test_storing_a_scalar_is_numpys(name: str) -> None:
    def f(x):
        y = x * 2
        y[INDICES[name]] = 7
        return y

    check(f, X)


@pytest.mark.parametrize("name", INDICES)
def test_storing_an_array_is_numpys(name: str) -> None:
    shape = X[INDICES[name]].shape

    def f(x, v):
        y = x.copy()
        y[INDICES[name]] = v
        return y

    check(f, X, RNG.normal(size=shape))


@pytest.mark.parametrize("name", INDICES)
def test_adding_in_place_is_numpys(name: str) -> None:
    def f(x):
        y = x.copy()
        y[INDICES[name]] += 0.5
        y[INDICES[name]] *= y[INDICES[name]]
        return y

    check(f, X)


@pytest.mark.parametrize("name", [n for n in INDICES if n != "false"])
def test_add_at_accumulates_repeated_positions(name: str) -> None:
    def f(x):
        y = x.copy()
        np.add.at(y, INDICES[name], 1.5)
        return y

    check(f, X)


def parts(n: int) -> st.SearchStrategy:
    return st.one_of(
        st.integers(-n, n - 1),
        st.slices(n),
        st.just(None),
        st.lists(st.integers(-n, n - 1), min_size=1, max_size=1),
        st.lists(st.integers(-n, n - 1), min_size=2, max_size=2),
        st.just(slice(None)),
    )


@settings(max_examples=60, deadline=None)
@given(st.tuples(parts(3), parts(3), parts(3)))
def test_any_mixed_index_reads_and_stores_as_numpy(index: tuple) -> None:
    x = np.arange(27.0).reshape(3, 3, 3)

    def f(x):
        y = x.copy()
        y[index] = -y[index]
        return x[index], y

    check(f, x, grad=False)


def test_traced_positions_are_wrapped_and_mixed_with_slices() -> None:
    check(lambda x, i: [x[i], x[:, i], x[i, 1:, i], x[..., i, None], x[i[0], 1]], X, I - 2)
    check(lambda x, i: x[i, 0], X, np.int64(-1))


def test_traced_positions_of_a_write() -> None:
    def f(x, i, v):
        y = x.copy()
        y[:, i] = v
        y[i[0]] += 1.0
        np.add.at(y, (i, 0), 2.0)
        return y

    check(f, X, I, RNG.normal(size=5))


def test_a_traced_position_outside_the_axis_raises_at_run_time() -> None:
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        run(lambda x, i: x[i], X, np.array([0, 3]))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (3, "index 3 is out of bounds for axis 0 with size 3"),
        ((0, -5), "index -5 is out of bounds for axis 1 with size 4"),
        (([0, 9],), "index 9 is out of bounds for axis 0 with size 3"),
        ((0, 0, 0, 0), "too many indices for array: array is 3-dimensional, but 4 were indexed"),
        ((..., ...), "an index can only have a single ellipsis"),
        (1.5, "only integers, slices"),
        ((np.array([0.5]),), "arrays used as indices must be of integer"),
        ((I, np.array([0, 1])), "shape mismatch: indexing arrays could not be broadcast together"),
        ((np.ones(4, bool),), "boolean index did not match indexed array along axis 0; size of axis is 3"),
    ],
)
def test_a_bad_index_is_numpys_index_error(index: object, message: str) -> None:
    with pytest.raises(IndexError, match=message.replace("(", r"\(")):
        X[index]
    with pytest.raises(IndexError, match=message.replace("(", r"\(")):
        record(lambda x: x[index], X)


def test_storing_the_wrong_shape_is_numpys_error() -> None:
    def f(x):
        y = x.copy()
        y[0] = np.ones(3)
        return y

    with pytest.raises(
        ValueError, match=r"could not broadcast input array from shape \(3,\) into shape \(4,5\)"
    ):
        record(f, X)


def test_a_traced_mask_stores_by_choosing() -> None:
    def f(x, m):
        y = x.copy()
        y[x > 0] = 0.0
        y[m] = np.arange(5.0)
        y[m[:, 0]] = 3.0
        return y

    check(f, X, MASK)


def test_a_value_under_a_traced_mask_is_refused() -> None:
    def f(x):
        return np.sort(x[x > 0])

    with pytest.raises(TraceError) as caught:
        record(f, "f64[3]")
    assert str(caught.value) == (
        "x[mask] of f64[3] has a shape that depends on the data\n"
        f"  at test_indexing.py:{f.__code__.co_firstlineno + 1}, return np.sort(x[x > 0])\n"
        "  Elementwise functions, sums, means and x[mask] = value work on it; otherwise use "
        "np.where(mask, x, 0), or a reduction with where=, such as np.max(x, where=mask, initial=0)."
    )


def test_what_a_traced_mask_selects_is_computed_with_and_reduced() -> None:
    check(lambda x: [x[x > 0].sum(), np.mean(x[x > 0] ** 2), (1 - x[x > 0]).std(ddof=1)], X)
    check(lambda x: [np.sum(2.0 * x[x > 0] + x[x > 0]), x[x > 0].size, np.any(x[x > 0] > 1)], X)
    check(lambda x, m: [x[m].sum(), x[m].prod(), x[m].size, (x.sum() * x[m]).mean()], X, MASK)
    check(lambda x: x[x > 9].sum(), X)


def test_what_a_traced_mask_selects_is_stored_under_the_same_mask() -> None:
    def f(x, m):
        y = x.copy()
        y[y > 0] *= 2.0
        y[m] -= 1.0
        z = np.zeros_like(x)
        z[x > 0] = np.sqrt(x[x > 0])
        return y, z

    check(f, X, MASK)


LEADING = {
    "m[:, 0], 1": lambda m: (m[:, 0], 1),
    "m[:, 0], 1:, -1": lambda m: (m[:, 0], slice(1, None), -1),
    "m[:, 0], ..., 2": lambda m: (m[:, 0], ..., 2),
    "m, ::2": lambda m: (m, slice(None, None, 2)),
    "m, ...": lambda m: (m, ...),
    "1, m[0]": lambda m: (1, m[0]),
    "1, m[0], 2": lambda m: (1, m[0], 2),
}
INNER = {
    ":, m[0]": lambda m: (slice(None), m[0]),
    "..., m[0], 1": lambda m: (..., m[0], 1),
    "1:, m[0], ::-1": lambda m: (slice(1, None), m[0], slice(None, None, -1)),
}


@pytest.mark.parametrize("index", [*LEADING.values(), *INNER.values()], ids=[*LEADING, *INNER])
def test_a_traced_mask_stores_a_number_beside_integers_and_slices(index) -> None:
    def f(x, m):
        y = x.copy()
        y[index(m)] = 7.0
        return y

    check(f, X, MASK)


@pytest.mark.parametrize("index", LEADING.values(), ids=LEADING)
def test_what_a_traced_mask_selects_of_a_part_is_updated_and_reduced(index) -> None:
    def f(x, m):
        y = x.copy()
        y[index(m)] *= 2.0
        y[index(m)] += np.sin(y[index(m)])
        return y, y[index(m)].sum()

    check(f, X, MASK)


def test_a_traced_mask_stores_rows_beside_integers() -> None:
    def f(x, m):
        y = x.copy()
        y[m[:, 0], :, 1] = np.arange(4.0)
        return y

    check(f, X, MASK)


@pytest.mark.parametrize(
    "use",
    [
        lambda x, m: x[:, m[0]],
        lambda x, m: x[m, [0, 1]],
        lambda x, m: x[m[:, 0], None],
        lambda x, m: x[m[:, 0], m[0]],
    ],
)
def test_a_traced_mask_that_is_not_apart_from_the_rest_is_refused(use) -> None:
    with pytest.raises(TraceError) as caught:
        record(use, "f64[3, 4, 5]", "bool[3, 4]")
    assert str(caught.value).startswith(
        "a traced boolean mask combined with other indices\n  at test_indexing.py"
    )
    assert str(caught.value).endswith("\n  Index with the mask alone, or use np.where.")


def test_a_traced_mask_of_another_size_is_numpys_error() -> None:
    with pytest.raises(
        IndexError, match="along axis 1; size of axis is 4 but size of corresponding boolean axis is 3"
    ):
        record(lambda x, m: x[1, m[:, 0]], "f64[3, 4, 5]", "bool[3, 4]")
    with pytest.raises(
        IndexError, match="too many indices for array: array is 3-dimensional, but 4 were indexed"
    ):
        record(lambda x, m: x[m, 0, 0], "f64[3, 4, 5]", "bool[3, 4]")


def test_storing_under_a_mask_may_be_the_first_thing_a_process_does() -> None:
    program = """
import numpy as np, graphc
def f(x, m):
    y = x.copy()
    y[m] = 0.0
    return y
print(graphc.compile(f, backend="interpret")(np.ones(3), np.array([True, False, True])))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[0. 1. 0.]", done.stderr


def test_what_different_masks_select_does_not_combine() -> None:
    for f in (lambda x: x[x > 0] + x[x < 0], lambda x: x[x > 0] + x[0], lambda x: x[x > 0]):
        with pytest.raises(TraceError, match="has a shape that depends on the data"):
            record(f, "f64[3, 3]")


def test_a_slice_with_traced_bounds_is_refused() -> None:
    def f(x, i):
        return x[i:]

    with pytest.raises(TraceError) as caught:
        record(f, "f64[3]", "i64")
    assert str(caught.value) == (
        "a slice with a traced start: the length of the result would depend on the data\n"
        f"  at test_indexing.py:{f.__code__.co_firstlineno + 1}, return x[i:]\n"
        "  Take a part of fixed length instead: x[start + np.arange(length)] or "
        "np.take(x, indices, axis)."
    )


def test_integer_arrays_store_with_numpys_conversion() -> None:
    def f(x):
        y = np.zeros_like(x, dtype=np.int32)
        y[0] = x[0] * 3
        y[1, 1:] = True
        return y

    check(f, X, grad=False)


def test_in_place_operators_keep_the_dtype_and_refuse_what_numpy_refuses() -> None:
    def f(x):
        y = x.astype(np.float32)
        alias = y
        y += 1.0
        y *= x
        y[0] -= x[1]
        return y, alias

    check(f, X, rtol=1e-6, grad=False)

    def g(x):
        y = x.copy()
        y += 0.5
        return y

    with pytest.raises(TypeError) as caught:
        record(g, "i64[3]")
    assert str(caught.value).startswith(
        "Cannot cast ufunc 'add' output from dtype('float64') to dtype('int64') with casting rule 'same_kind'"
    )


def test_in_place_operators_refuse_a_larger_operand() -> None:
    def f(x):
        y = x.copy()
        y += np.ones((2, 3))
        return y

    with pytest.raises(
        ValueError,
        match=r"non-broadcastable output operand with shape \(3,\) doesn't match the broadcast shape \(2,3\)",
    ):
        record(f, "f64[3]")


def test_scalars_are_replaced_not_changed_in_place() -> None:
    def f(x):
        total = x[0, 0, 0]
        total += x[0, 0, 1]
        return total, x[0, 0, 0]

    check(f, X)


def test_element_by_element_filling_leaves_one_concatenation() -> None:
    def f(x):
        y = np.zeros_like(x)
        y[0] = x[0]
        for i in range(1, 8):
            y[i] = 0.5 * y[i - 1] + x[i]
        return y

    check(f, RNG.normal(size=8))
    graph = record(f, "f64[8]").graph
    assert sum(node.op.name == "concatenate" for node in graph) == 1


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        (slice(1, None), "f64[N-1]"),
        (slice(None, -2), "f64[N-2]"),
        (slice(-3, None), "f64[3]"),
        (slice(None, 2), "f64[2]"),
        (slice(None, None, -1), "f64[N]"),
        (slice(1, -1), "f64[N-2]"),
        (slice(-1, 0, -1), "f64[N-1]"),
    ],
)
def test_slices_of_symbolic_axes(index: slice, shape: str) -> None:
    traced = record(lambda x: x[index], "f64[N]")
    assert str(traced.results[0].type) == shape
    for n in (3, 6):
        check(lambda x: x[index], RNG.normal(size=n), types=["f64[N]"])


def test_an_undecidable_slice_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"whether -M\+N is negative depends on the sizes"):
        record(lambda x, y: x[: y.shape[0]], "f64[N]", "f64[M]")


def test_slices_up_to_other_sizes() -> None:
    check(lambda x: x[: x.shape[0] // 2], RNG.normal(size=7), types=["f64[N]"])
    check(
        lambda x, y: x[: x.shape[0] - 1] @ y[1:], RNG.normal(size=7), RNG.normal(size=7), types=["f64[N]"] * 2
    )
