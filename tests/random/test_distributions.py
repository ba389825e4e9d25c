"""Draws have the distributions they are named after.

Seeds are fixed; each threshold is passed by chance alone with a probability of about 1e-6.
"""

import numpy as np
import pytest
from scipy import special, stats

from graphc import random
from graphc.random import gaussian, interval
from graphc.random.quantile import quantile

N = 100_000
KEY = random.key(2026)
FLOATS = [np.float32, np.float64]
LEVEL = 1e-6


def check_distribution(sample, distribution):
    """Mean, variance and the largest distance of the distribution functions (Kolmogorov and Smirnov)."""
    values = np.asarray(sample, np.float64).ravel()
    mean, variance, _, excess = distribution.stats(moments="mvsk")
    n = values.size
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / n)
    assert abs(values.var() - variance) < 5 * variance * np.sqrt((excess + 2) / n)
    distance = stats.kstest(values, distribution.cdf).statistic
    assert distance < np.sqrt(-np.log(LEVEL / 2) / 2 / n)


def check_counts(counts, expected):
    """Pearson's χ²."""
    statistic = np.sum((counts - expected) ** 2 / expected)
    assert statistic < stats.chi2.isf(LEVEL, len(counts) - 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (random.uniform, stats.uniform()),
        (random.normal, stats.norm()),
        (random.exponential, stats.expon()),
        (random.gumbel, stats.gumbel_r()),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_real_draw_has_its_distribution(draw, distribution, dtype):
    sample = draw(KEY, (N // 10, 10), dtype)
    assert sample.dtype == dtype
    assert sample.shape == (N // 10, 10)
    check_distribution(sample, distribution)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_in_an_interval(dtype):
    sample = random.uniform(KEY, (N,), dtype, minval=-3, maxval=5)
    assert sample.dtype == dtype
    assert sample.min() >= -3
    assert sample.max() <= 5
    check_distribution(sample, stats.uniform(-3, 8))
    ends = np.array([0.0, 10.0, 20.0])
    rows = random.uniform(KEY, (50, 3), minval=ends, maxval=ends + 1)
    assert np.array_equal(np.floor(rows), np.broadcast_to(ends, (50, 3)))


@pytest.mark.parametrize(
    ("lower", "upper"), [(-1.0, 2.0), (-np.inf, -1.0), (1.5, np.inf), (5.0, 6.0), (-9.0, -8.0)]
)
def test_truncated_normal_is_normal_between_its_bounds(lower, upper):
    sample = random.truncated_normal(KEY, lower, upper, (20_000,))
    assert sample.min() >= lower
    assert sample.max() <= upper
    distance = stats.kstest(sample, stats.truncnorm(lower, upper).cdf).statistic
    assert distance < np.sqrt(-np.log(LEVEL / 2) / 2 / 20_000)


def test_truncated_normal_far_out_is_the_inner_bound():
    assert np.all(random.truncated_normal(KEY, 45.0, np.inf, (9,)) == 45.0)
    assert np.all(random.truncated_normal(KEY, -np.inf, -45.0, (9,)) == -45.0)
    both = random.truncated_normal(KEY, np.array([-1.0, 2.0]), np.array([0.0, 3.0], np.float32))
    assert both.shape == (2,)
    assert -1 <= both[0] <= 0
    assert 2 <= both[1] <= 3


@pytest.mark.parametrize("p", [0.3, 0.999, 1e-4, np.float32(0.25), np.float64(1e-3), np.full(N, 0.1)])
def test_bernoulli_is_true_with_its_probability(p):
    sample = random.bernoulli(KEY, p, (N,))
    assert sample.dtype == np.bool_
    chance = float(np.mean(p))
    assert abs(sample.mean() - chance) < 5 * np.sqrt(chance * (1 - chance) / N)


def test_bernoulli_of_0_and_1_never_fails():
    for kind in (float, int, np.float32, np.float64):
        assert not random.bernoulli(KEY, kind(0), (N,)).any()
        assert random.bernoulli(KEY, kind(1), (N,)).all()
    assert random.bernoulli(KEY, np.array([0.0, 1.0])).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_randint_is_uniform(dtype):
    low = 0 if np.dtype(dtype).kind == "u" else -20
    sample = random.randint(KEY, (N,), low, low + 37, dtype)
    assert sample.dtype == dtype
    counts = np.bincount(sample.astype(np.int64) - low, minlength=37)
    assert len(counts) == 37
    check_counts(counts, N / 37)


def test_randint_over_wide_intervals_is_the_exact_product():
    """minval + ⌊n w / 2⁶⁴⌋ in Python's integers."""
    words = [int(w) for w in random.bits(KEY, (1000,), np.uint64)]
    for low, high in [
        (-(2**63), 2**63),
        (-5, 10**12),
        (-(2**62), 2**62 + 3),
        (0, 2**32),
        (0, 2**32 + 1),
        (7, 8),
    ]:
        expected = [low + ((high - low) * w >> 64) for w in words]
        assert random.randint(KEY, (1000,), low, high).tolist() == expected
    assert random.randint(KEY, (1000,), 0, 2**64, np.uint64).tolist() == words
    lows, highs = np.array([0, -(2**63)]), np.array([3, 2**63 - 1])
    pairs = random.randint(KEY, (500, 2), lows, highs).ravel().tolist()
    assert pairs[0::2] == [3 * w >> 64 for w in words[0::2]]
    assert pairs[1::2] == [-(2**63) + ((2**64 - 1) * w >> 64) for w in words[1::2]]


@pytest.mark.parametrize("dtype", FLOATS)
def test_categorical_draws_in_proportion_to_e_to_the_logits(dtype):
    probabilities = np.array([0.5, 0.2, 0.0, 0.3], dtype)
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) + dtype(3)
    sample = random.categorical(KEY, logits, shape=(N,))
    assert sample.dtype == np.int64
    counts = np.bincount(sample, minlength=4)
    assert counts[2] == 0
    kept = [0, 1, 3]
    check_counts(counts[kept], N * np.asarray(probabilities, np.float64)[kept])


def test_categorical_along_each_axis():
    logits = np.full((3, 4, 5), -np.inf)
    wanted = np.random.default_rng(0).integers(0, 4, (3, 5))
    np.put_along_axis(logits, wanted[:, None, :], 0.0, axis=1)
    for axis in (1, -2):
        assert np.array_equal(random.categorical(KEY, logits, axis), wanted)
        many = random.categorical(KEY, logits, axis, shape=(7, 3, 5))
        assert np.array_equal(many, np.broadcast_to(wanted, (7, 3, 5)))


def test_permutation_draws_every_order_equally_often():
    keys = random.split(KEY, 6000)
    codes = [int("".join(map(str, random.permutation(key, 3)))) for key in keys]
    orders, counts = np.unique(codes, return_counts=True)
    assert len(orders) == 6
    check_counts(counts, 1000)


def test_permutation_moves_slices_or_single_lines():
    x = np.arange(60).reshape(3, 20)
    assert np.array_equal(np.sort(random.permutation(KEY, 100)), np.arange(100))
    order = random.permutation(KEY, 20)
    assert np.array_equal(random.permutation(KEY, x, axis=1), x[:, order])
    assert np.array_equal(random.permutation(KEY, x, axis=-1), x[:, order])
    assert np.array_equal(random.permutation(KEY, x)[np.argsort(random.permutation(KEY, 3))], x)
    alone = random.permutation(KEY, x, axis=1, independent=True)
    assert np.array_equal(np.sort(alone, axis=1), x)
    assert not np.array_equal(alone[0], alone[1] - 20)
    assert random.permutation(KEY, 0).shape == (0,)
    assert random.permutation(KEY, [5, 6, 7]).shape == (3,)


def test_choice_with_and_without_replacement_and_weights():
    p = np.array([0.1, 0.0, 0.6, 0.3])
    counts = np.bincount(random.choice(KEY, 4, (N,), p=p), minlength=4)
    assert counts[1] == 0
    check_counts(counts[[0, 2, 3]], N * p[[0, 2, 3]])
    check_counts(np.bincount(random.choice(KEY, 4, (N,))), N / 4)
    assert sorted(random.choice(KEY, 10, (2, 5), replace=False).ravel().tolist()) == list(range(10))
    x = np.arange(12.0).reshape(3, 4)
    assert random.choice(KEY, x, (2, 2), axis=1).shape == (3, 2, 2)
    keys = random.split(KEY, 5000)
    first = [random.choice(key, 4, (2,), replace=False, p=p) for key in keys]
    assert all(a != b and 1 not in (a, b) for a, b in first)
    check_counts(np.bincount([a for a, _ in first], minlength=4)[[0, 2, 3]], 5000 * p[[0, 2, 3]])


@pytest.fixture
def extreme_bits(monkeypatch):
    """Makes draws of six elements use the least, the middle and the greatest words."""
    ends = [0, 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
    words = {bits: np.array([n >> (64 - bits) for n in ends], f"u{bits // 8}") for bits in (32, 64)}
    words[32][[1, 4]] = 1, 2**32 - 2
    for module in (gaussian, interval):
        monkeypatch.setattr(module, "words32", lambda key, shape: words[32])
        monkeypatch.setattr(module, "words64", lambda key, shape: words[64])


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_extreme_bits_give_finite_numbers_in_range(extreme_bits, dtype):
    bits, digits = 8 * np.dtype(dtype).itemsize, np.finfo(dtype).nmant + 1
    unit = random.uniform(KEY, (6,), dtype)
    assert unit[0] == 0
    assert unit[-1] == 1 - 2.0**-digits
    exponential, gumbel = random.exponential(KEY, (6,), dtype), random.gumbel(KEY, (6,), dtype)
    np.testing.assert_allclose([exponential[0], gumbel[0]], (bits + 1) * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(exponential[-1], 2.0**-digits, rtol=1e-6)
    np.testing.assert_allclose(gumbel[-1], -np.log(digits * np.log(2)), rtol=1e-6)
    z = random.normal(KEY, (6,), dtype)
    assert z.dtype == dtype
    np.testing.assert_allclose(z[:2], np.sqrt(2 * np.pi) * np.array([0.5, 1.5]) * 2.0**-bits, rtol=1e-6)
    np.testing.assert_allclose(z[2], -special.ndtri(2.0 ** -(bits + 1)), rtol=1e-6)
    np.testing.assert_array_equal(z[3:], -z[:3][::-1])


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 5e-7), (np.float64, 2e-15)])
def test_the_quantile_is_scipys(dtype, bound):
    spread = 10.0 ** -np.random.default_rng(0).uniform(0.01, 300 if dtype == np.float64 else 10, 50_000)
    for p in (spread.astype(dtype), (1 - spread[spread > 1e-3]).astype(dtype)):
        exact = special.ndtri(p.astype(np.float64))
        np.testing.assert_allclose(quantile(p), exact, rtol=bound, atol=bound)
