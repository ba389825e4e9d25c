"""`f.profile(...)` runs the real kernels one by one, and leaves the arguments alone."""

import numpy as np
import pytest

import graphc


def test_every_kernel_is_measured_beside_its_limit():
    f = graphc.compile(lambda x, w: np.tanh(x @ w) / np.sum(x, axis=1, keepdims=True))
    x, w = np.ones((200, 300)), np.ones((300, 100))
    profile = f.profile(x, w, rounds=3)
    names = [kernel.name for kernel in f.lower(x, w).cost().kernels]
    assert len(profile.seconds) == len(names) and all(t >= 0 for t in profile.seconds)
    slowest = max(zip(profile.seconds, names, strict=True))[1]
    product = next(k.name for k in profile.cost.kernels if "matmul" in k.operations)
    assert slowest == product, "12 MFLOP take longer than everything else"
    text = str(profile).splitlines()
    assert text[0].split()[:3] == ["kernel", "measured", "roofline"]
    assert [line.split()[0] for line in text[1:-1]] == [*names, "total"]
    assert text[-1] == "least of 3 rounds"


def test_updates_in_place_do_not_reach_the_arguments():
    f = graphc.compile(lambda x, g: x - g, donate=("x",))
    x = np.ones(1000)
    f.profile(x, np.ones(1000), rounds=5)
    np.testing.assert_array_equal(x, 1.0)


def test_loops_and_symbolic_sizes_are_measured():
    f = graphc.compile(
        lambda x: graphc.scan(lambda c, v: (np.sin(c) + v, None), 0.0, x)[0], dynamic={"x": "f64[N]"}
    )
    short, long = f.profile(np.ones(100)).total, f.profile(np.ones(10_000)).total
    assert 10 * short < long


def test_other_backends_say_that_they_cannot():
    with pytest.raises(graphc.UnsupportedError, match="cannot be profiled; compile with backend='cpu'"):
        graphc.compile(lambda x: x + 1, backend="numba").profile(1.0)
