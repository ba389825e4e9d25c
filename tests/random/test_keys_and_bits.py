"""Keys and bits: the published test vectors of Threefry, and the numbers JAX draws from the same keys."""

import numpy as np
import pytest

from graphc import random
from graphc.ops.base import apply
from graphc.ops.elementwise.counter import Threefry2x32

# Random123's kat_vectors, threefry2x32 with 20 rounds: counter, key, result.
VECTORS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_threefry_gives_the_published_vectors(counter, key, result):
    words = apply(Threefry2x32(), *np.array(key, np.uint32), np.uint64(counter[0] << 32 | counter[1]))
    assert divmod(int(words), 2**32) == result
    seed = key[0] << 32 | key[1]
    data = counter[0] << 32 | counter[1]
    assert tuple(random.fold_in(random.key(seed), data)) == result


def test_threefry_of_many_counters_is_threefry_of_each():
    """Longer than the blocks in which they are computed, with a key for each."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2**32, (2, 40_000), np.uint32)
    counter = rng.integers(0, 2**64, 40_000, np.uint64)
    together = apply(Threefry2x32(), first, second, counter)
    for i in (0, 1, 2**14 - 1, 2**14, 39_999):
        assert together[i] == apply(Threefry2x32(), first[i], second[i], counter[i])


# What jax.random 0.10 returns (threefry_partitionable, its default).
def test_keys_are_those_of_jax():
    assert random.key(42).tolist() == [0, 42]
    assert random.key(2**40 + 5).tolist() == [256, 5]
    assert random.key(-1).tolist() == [2**32 - 1, 2**32 - 1]
    assert random.split(random.key(42)).tolist() == [[1832780943, 270669613], [64467757, 2916123636]]
    assert random.split(random.key(2**40 + 5), 3)[2].tolist() == [2588430962, 3246284531]
    grid = random.split(random.key(42), (2, 2))
    assert grid.shape == (2, 2, 2)
    assert grid[1].tolist() == [[2465931498, 255383827], [3134548294, 894150801]]
    assert random.fold_in(random.key(42), 7).tolist() == [2547012911, 1371500959]


@pytest.mark.parametrize(
    ("dtype", "four", "one"),
    [
        (np.uint8, [[162, 217], [249, 215]], 183),
        (np.uint16, [[5026, 12505], [63993, 49623]], 14519),
        (np.uint32, [[2098992034, 2919706841], [2646866425, 2409546199]], 1883912375),
        (
            np.uint64,
            [[7871734211187709741, 276886910877598708], [10591095138341673235, 13462782411356743825]],
            2179487362436112514,
        ),
    ],
)
def test_bits_are_those_of_jax(dtype, four, one):
    drawn = random.bits(random.key(42), (2, 2), dtype)
    assert drawn.dtype == dtype
    assert drawn.tolist() == four
    single = random.bits(random.key(1), dtype=dtype)
    assert single.dtype == dtype
    assert single.shape == ()
    assert single == one


@pytest.mark.parity("jax")
def test_bits_and_keys_are_those_of_the_installed_jax():
    import jax

    for seed in (0, 1, 123456789):
        ours, theirs = random.key(seed), jax.random.PRNGKey(seed)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(random.bits(ours, (33, 5)), jax.random.bits(theirs, (33, 5)))
        np.testing.assert_array_equal(random.split(ours, 5), jax.random.split(theirs, 5))
        np.testing.assert_array_equal(random.fold_in(ours, 99), jax.random.fold_in(theirs, 99))


def test_the_first_numbers_do_not_depend_on_how_many_are_drawn():
    key = random.key(5)
    np.testing.assert_array_equal(random.bits(key, (7,)), random.bits(key, (100_000,))[:7])


def test_seeds_of_numpy_integer_types_are_integers():
    for seed in (np.int32(7), np.uint64(7), np.array(7), np.int8(7)):
        assert random.key(seed).tolist() == [0, 7]
    assert random.key(np.int64(-1)).tolist() == random.key(-1).tolist()
    assert random.fold_in(random.key(3), np.int64(4)).tolist() == random.fold_in(random.key(3), 4).tolist()


def test_streams_of_split_and_folded_keys_are_uncorrelated():
    """|correlation| of independent samples of n uniform numbers is below 5/√n."""
    n = 20_000
    root = random.key(0)
    keys = [root, *random.split(root, 4), *(random.fold_in(root, 1000 + i) for i in range(4))]
    keys += [random.key(1), random.split(random.split(root)[1])[0]]
    draws = np.array([random.uniform(key, (n,)) for key in keys])
    correlation = np.corrcoef(draws) - np.eye(len(keys))
    assert np.max(np.abs(correlation)) < 5 / np.sqrt(n)
    lagged = np.corrcoef(draws[0, 1:], draws[0, :-1])[0, 1]
    assert abs(lagged) < 5 / np.sqrt(n)


def test_every_bit_is_set_half_of_the_time():
    n = 20_000
    words = random.bits(random.key(9), (n,), np.uint64)
    share = [np.mean(words >> np.uint64(bit) & np.uint64(1)) for bit in range(64)]
    assert np.max(np.abs(np.array(share) - 0.5)) < 5 * 0.5 / np.sqrt(n)
