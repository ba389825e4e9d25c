"""Which program a call gets: one for each form of call, made once."""

import collections
import subprocess
import sys
import threading

import numpy as np
import pytest

import graphc

Point = collections.namedtuple("Point", "x y")


def test_one_program_per_form_of_call(backend):
    f = graphc.compile(lambda x: x * 2, backend=backend)
    for x in (1.0, 2.0, 1, np.ones(3), np.zeros(3), np.ones(3, np.float32), np.ones(4), True, [1.0]):
        f(x if not isinstance(x, list) else np.float64(1))
    assert f.cache_info().programs == f.cache_info().misses == 7
    f.clear_cache()
    assert f.cache_info() == (0, 0, 0)
    assert f(2.0) == 4.0


def test_an_exception_of_the_function_comes_through_and_nothing_is_kept(backend):
    fail = [True]

    @graphc.compile(backend=backend)
    def f(x):
        if fail:
            raise KeyError("mine")
        return x * 2

    with pytest.raises(KeyError, match="mine") as caught:
        f(1.0)
    assert caught.traceback[-1].name == "f"
    fail.clear()
    assert f(1.0) == 2.0
    assert f.cache_info().programs == 1


def test_two_threads_compile_the_same_function_once(backend):
    traced = []
    barrier = threading.Barrier(4)

    @graphc.compile(backend=backend)
    def f(x):
        traced.append(threading.get_ident())
        return np.tanh(x) * 2

    results = []

    def work():
        barrier.wait()
        results.append(f(np.ones(10)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(traced) == 1 and len(results) == 4
    assert all(np.array_equal(r, results[0]) for r in results)


def test_importing_graphc_imports_nothing_heavy():
    code = (
        "import sys, numpy, graphc\n"
        "graphc.compile, graphc.grad\n"
        "heavy = {'numba', 'sympy', 'scipy', 'llvmlite', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_that_compile_different_forms_of_one_function_at_once(backend):
    """Each form is traced once, by whichever thread comes first, and gives its own answer to all."""
    traced = []
    barrier = threading.Barrier(6)

    @graphc.compile(backend=backend)
    def f(x):
        traced.append(x.shape)
        return np.cumsum(np.sin(x) * x.shape[0])

    slope = graphc.grad(lambda x: np.sum(f(x) ** 2))
    found = {}

    def work(number):
        x = np.linspace(0, 1, 2 + number % 3)
        barrier.wait()
        found[number] = (x, f(x), slope(x))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for x, y, g in found.values():
        np.testing.assert_allclose(y, np.cumsum(np.sin(x) * len(x)), rtol=1e-13)
        behind = np.cumsum((2 * np.cumsum(np.sin(x) * len(x)))[::-1])[::-1]
        np.testing.assert_allclose(g, behind * np.cos(x) * len(x), rtol=1e-12)


def test_a_thread_whose_trace_fails_does_not_disturb_the_other(backend):
    barrier = threading.Barrier(2, timeout=60)
    outcomes = {}

    @graphc.compile(backend=backend)
    def f(x):
        if x.ndim == 2:
            raise KeyError("a matrix")
        return x * 2

    def work(x):
        barrier.wait()
        try:
            outcomes[x.ndim] = f(x)
        except KeyError as error:
            outcomes[x.ndim] = error

    threads = [threading.Thread(target=work, args=(x,)) for x in (np.ones(3), np.ones((2, 2)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(outcomes[1], [2, 2, 2])
    assert isinstance(outcomes[2], KeyError)
