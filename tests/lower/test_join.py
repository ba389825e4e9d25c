"""Small kernels in a row become one, and keep what passes between them in registers."""

import numpy as np

import graphc


def kernels(function, *types):
    return graphc.compile(function).lower(*types).kernels.kernels


def test_a_long_formula_of_numbers_is_one_kernel_without_intermediate_memory():
    def f(x, y):
        for i in range(300):
            x, y = 0.5 * np.sin(x + i) + 0.1 * y, 0.3 * np.cos(y) + 0.2 * x
        return x - y

    lowered = graphc.compile(graphc.grad(f, argnums=(0, 1))).lower(1.0, 2.0).kernels
    assert len(lowered.kernels) <= 3, "4,000 statements a kernel"
    compiled = graphc.compile(f)
    np.testing.assert_allclose(compiled(1.0, 2.0), f(1.0, 2.0), rtol=1e-13)


def test_domains_that_do_not_fuse_are_joined():
    def f(x):
        y = np.sin(x)
        z = np.cumsum(y)[::-1]
        return np.cumsum(z) * np.sum(y), z[:3]

    (kernel,) = kernels(f, "f64[12]")
    assert not any(b.space == "arena" and b.size == 1 for b in kernel.buffers), "the sum is in a register"
    x = np.linspace(0, 2, 12)
    for a, e in zip(graphc.compile(f)(x), f(x), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-13)


def test_large_kernels_products_and_unknown_sizes_stay_on_their_own():
    def f(x):
        return np.cumsum(np.sin(x))[::-1] * np.sum(x)

    assert len(kernels(f, "f64[100000]")) > 1
    assert len(kernels(f, "f64[N]")) > 1
    chain = kernels(lambda x, w: np.sum(np.tanh(x @ w)) * x[0], "f64[20, 30]", "f64[30, 40]")
    assert len(chain) > 1


def test_an_update_in_place_still_waits_for_its_readers():
    step = graphc.compile(lambda w, x: (w - 0.1 * x * np.sum(w), np.cumsum(w)), donate=("w",))
    w, x = np.arange(5.0), np.ones(5)
    updated, running = step(w, x)
    assert updated is w
    np.testing.assert_allclose(updated, np.arange(5.0) - 1.0, atol=1e-15)
    np.testing.assert_array_equal(running, [0, 1, 3, 6, 10])
