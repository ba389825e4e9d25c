"""Compiled functions mean what the plain ones mean, whatever the form of their arguments."""

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphc
from graphc.trace import tree

numbers = st.floats(-1e6, 1e6) | st.integers(-(2**31), 2**31) | st.booleans()
scalars = st.floats(-1e6, 1e6).map(np.float64) | st.floats(-1e3, 1e3, width=32).map(np.float32)
arrays = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int32]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    elements=st.integers(-100, 100),
)
leaves = numbers | scalars | arrays | st.none() | st.sampled_from(["static", np.tanh])
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


def change(leaf):
    return leaf if isinstance(leaf, str) or leaf is np.tanh else leaf + leaf


def same(result, expected):
    assert type(result) is type(expected)
    if isinstance(expected, np.ndarray | np.generic):
        assert result.dtype == expected.dtype and result.shape == expected.shape
    assert result is expected or np.array_equal(result, expected)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_compiled_functions_of_trees_are_the_functions(argument):
    def f(x):
        return {"changed": tree.tree_map(change, x), "same": x}

    result, expected = graphc.compile(f, backend="interpret")(argument), f(argument)
    got, structure = tree.flatten(result)
    wanted, shape = tree.flatten(expected)
    assert structure == shape
    for one, two in zip(got, wanted, strict=True):
        if isinstance(two, np.ndarray) and two.ndim == 0:
            two = two if two is one else two[()]  # what computing on arrays of no dimension gives
        same(one, two)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_flattening_and_rebuilding_gives_the_tree_back(argument):
    flat, structure = tree.flatten(argument)
    again, other = tree.flatten(tree.unflatten(structure, flat))
    assert structure == other and all(a is b for a, b in zip(flat, again, strict=True))
    assert len(tree.leaf_names(structure, "x")) == len(set(tree.leaf_names(structure, "x"))) == len(flat)


def test_many_threads_call_with_many_shapes(backend):
    f = graphc.compile(lambda x: (np.tanh(x) * 2 + np.sum(x), {"n": x.shape[0]}), backend=backend)
    failures = []
    barrier = threading.Barrier(4)

    def work(seed):
        rng = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(60):
            x = rng.normal(size=rng.integers(1, 6))
            y, info = f(x)
            if info["n"] != len(x) or not np.allclose(y, np.tanh(x) * 2 + np.sum(x), rtol=1e-13):
                failures.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert f.cache_info().misses == 5
