"""Draws in compiled functions: the eager numbers on every backend, fused, differentiable in parameters."""

import re

import numpy as np
import pytest

import graphc
from graphc import random
from graphc.backends.cpu.jit import host_has
from graphc.batching.batch import batch_graph
from graphc.ir.interpret import interpret
from tests.helpers import record
from tests.native import Native

KEY = random.key(11)
BACKENDS = ["cpu", "numba", "interpret"]
P = np.array([0.2, 0.3, 0.5])

# Integers, truth values, and reals that are exact products of powers of two: the same bits everywhere.
EXACT = {
    "bits": lambda key: random.bits(key, (33, 7)),
    "bits of 8": lambda key: random.bits(key, (33,), np.uint8),
    "bits of 64": lambda key: random.bits(key, (33, 7), np.uint64),
    "one": lambda key: random.bits(key),
    "split": lambda key: random.split(key, 5),
    "fold_in": lambda key: random.fold_in(key, 12345678901),
    "uniform": lambda key: random.uniform(key, (301,)),
    "uniform f32": lambda key: random.uniform(key, (301,), np.float32),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (301,)),
    "bernoulli f64": lambda key: random.bernoulli(key, np.float64(0.3), (301,)),
    "randint": lambda key: random.randint(key, (301,), -5, 6),
    "randint wide": lambda key: random.randint(key, (301,), -5, 10**13),
    "randint whole": lambda key: random.randint(key, (301,), -(2**63), 2**63),
    "randint i8": lambda key: random.randint(key, (301,), -5, 100, np.int8),
    "permutation": lambda key: random.permutation(key, 101),
    "permutation of lines": lambda key: random.permutation(key, np.arange(60.0).reshape(5, 12), 1, True),
    "choice": lambda key: random.choice(key, 50, (3, 4)),
    "choice without replacement": lambda key: random.choice(key, np.arange(9.0), (4,), False),
    "empty": lambda key: random.uniform(key, (0, 3)),
}
# Reals through logarithms and polynomials: equal up to rounding.
ROUNDED = {
    "uniform in an interval": lambda key: random.uniform(key, (301,), minval=-1.0, maxval=0.7),
    "normal": lambda key: random.normal(key, (301,)),
    "normal f32": lambda key: random.normal(key, (301,), np.float32),
    "truncated": lambda key: random.truncated_normal(key, -1.0, np.array([0.0, 3.0]), (60, 2)),
    "exponential": lambda key: random.exponential(key, (301,), np.float32),
    "gumbel": lambda key: random.gumbel(key, (301,)),
    "categorical": lambda key: random.categorical(key, np.log(P), shape=(100,)),
    "weighted choice": lambda key: random.choice(key, 3, (100,), p=P),
    "weighted order": lambda key: random.choice(key, 3, (3,), False, p=P),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", EXACT)
def test_a_compiled_draw_has_the_eager_bits(name, backend):
    expected = EXACT[name](KEY)
    actual = graphc.compile(EXACT[name], backend=backend)(KEY)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ROUNDED)
def test_a_compiled_draw_is_the_eager_one_up_to_rounding(name, backend):
    expected = ROUNDED[name](KEY)
    actual = graphc.compile(ROUNDED[name], backend=backend)(KEY)
    assert actual.dtype == expected.dtype
    tolerance = 0 if expected.dtype.kind == "i" else 16 * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
def test_the_bits_do_not_depend_on_the_width_of_vectors(vector_bytes):
    if vector_bytes == 64 and not host_has("avx512f"):
        pytest.skip("needs AVX-512")
    for function in (EXACT["bits"], EXACT["bits of 64"], EXACT["uniform f32"], EXACT["randint wide"]):
        program = Native(record(function, KEY).graph, vector_bytes)
        np.testing.assert_array_equal(program(KEY)[0], function(KEY))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    n = 500_000

    def draw(key):
        return random.normal(key, (n,), np.float32), random.uniform(key, (n,))

    one, two = (graphc.compile(draw, threads=threads)(KEY) for threads in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one[1], random.uniform(KEY, (n,)))


def test_symbolic_sizes_draw_the_numbers_of_fixed_ones():
    def noisy(key, x):
        first, second = random.split(key)
        return x + random.uniform(first, x.shape), random.permutation(second, x.shape[0])

    graph = record(noisy, KEY, "f64[N, M]").graph
    program = Native(graph)
    for shape in ((3, 5), (1, 1), (0, 4), (40, 33)):
        x = np.ones(shape)
        for actual, expected in zip(program(KEY, x), noisy(KEY, x), strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_a_closed_over_key_is_drawn_from_in_the_program_not_while_tracing():
    lowered = graphc.compile(lambda x: x + random.uniform(KEY, x.shape)).lower("f64[1000]")
    assert "threefry2x32" in str(lowered.graph)
    x = np.zeros(1000)
    compiled = graphc.compile(lambda x: x + random.uniform(KEY, x.shape))
    np.testing.assert_array_equal(compiled(x), random.uniform(KEY, (1000,)))


def test_seeds_data_and_parameters_may_be_traced():
    def draw(seed, step, low, high, p, chance):
        key = random.fold_in(random.key(seed), step)
        return (
            key,
            random.randint(key, (50,), low, high),
            random.bernoulli(key, p, (50,)),
            random.bernoulli(key, chance),
        )

    chances = np.linspace(0, 1, 9)
    for args in [(7, 3, -10, 10, 0.4, chances), (-1, 2**40, 0, 2**50, 0.9, chances)]:
        for actual, expected in zip(graphc.compile(draw)(*args), draw(*args), strict=True):
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)


def test_a_dropout_is_one_kernel_that_stores_no_mask():
    def dropout(key, x):
        return np.where(random.bernoulli(key, 0.9, x.shape), x / 0.9, 0.0)

    lowered = graphc.compile(dropout).lower("u32[2]", "f32[N, 128]")
    text = str(lowered.kernels)
    assert re.findall(r"^k\d+\(.*", text, re.M) == ["k0(in0: u32[2], in1: f32[128*N], out0: f32[128*N]; N):"]
    assert "arena: 0 bytes" in text
    x = np.arange(1280, dtype=np.float32).reshape(10, 128)
    np.testing.assert_allclose(graphc.compile(dropout)(KEY, x), dropout(KEY, x), rtol=1e-6)


@pytest.mark.skipif(not host_has("avx512f"), reason="reads the code made for AVX-512")
def test_a_round_is_an_addition_a_rotation_and_a_xor_on_full_vectors():
    asm = graphc.compile(lambda key, x: x * random.bernoulli(key, 0.9, x.shape), threads=1)
    text = asm.lower("u32[2]", "f32[N]").asm
    rotations = re.findall(r"\tvprold\t.*%zmm", text)
    assert len(rotations) >= 20
    assert not re.findall(r"\tcall\w*\t.*threefry", text)


def test_gradients_flow_through_location_and_scale():
    def mean_square(location, scale, key):
        return np.mean((location + scale * random.normal(key, (1000,))) ** 2)

    z = random.normal(KEY, (1000,))
    slopes = graphc.grad(mean_square, argnums=(0, 1))(0.5, 2.0, KEY)
    y = 0.5 + 2 * z
    np.testing.assert_allclose(slopes, (np.mean(2 * y), np.mean(2 * y * z)), rtol=1e-12)


def test_gradients_flow_through_the_ends_of_intervals():
    u = random.uniform(KEY, (100,))

    def uniform(low, high, key):
        return np.sum(random.uniform(key, (100,), minval=low, maxval=high) ** 2)

    y = -1 + 3 * u
    expected = (np.sum(2 * y * (1 - u)), np.sum(2 * y * u))
    np.testing.assert_allclose(graphc.grad(uniform, argnums=(0, 1))(-1.0, 2.0, KEY), expected, rtol=1e-12)

    def truncated(low, high):
        return np.sum(np.sin(random.truncated_normal(KEY, low, high, (20, 3))))

    low, high = np.array([-1.0, 0.5, -3.0]), np.array([0.5, 2.0, 3.0])
    graphc.gradcheck(truncated, low, high)


def test_a_key_has_no_gradient_and_stops_none():
    def loss(w, key):
        mask = random.bernoulli(key, 0.5, w.shape)
        return np.sum(np.where(mask, w, 0.0) ** 2) + np.sum(random.exponential(key, (3,)))

    w = np.arange(8.0)
    mask = random.bernoulli(KEY, 0.5, (8,))
    np.testing.assert_array_equal(graphc.grad(loss)(w, KEY), 2 * w * mask)


def test_a_loop_in_python_threads_keys_through_a_compiled_step():
    @graphc.compile
    def step(key, x):
        key, draw = random.split(key)
        return key, x + random.normal(draw, x.shape)

    key, x = random.key(0), np.zeros(4)
    expected_key, expected = random.key(0), np.zeros(4)
    for _ in range(5):
        key, x = step(key, x)
        expected_key, draw = random.split(expected_key)
        expected = expected + random.normal(draw, (4,))
    np.testing.assert_array_equal(key, expected_key)
    np.testing.assert_allclose(x, expected, rtol=1e-13)


def random_walk(scale, key, x):
    """Seven steps; the key is carried, and the number of the step is folded in for a second draw."""

    def step(carry, i):
        key, x = carry
        key, first = random.split(key)
        second = random.fold_in(first, i)
        x = x + scale * random.normal(first, x.shape) + random.bernoulli(second, 0.5, x.shape)
        return (key, x), np.sum(x)

    return graphc.scan(step, (key, x), np.arange(7))


@pytest.mark.parametrize("backend", BACKENDS)
def test_keys_are_carried_through_loops(backend):
    x = np.zeros(3)
    (expected_key, expected), sums = random_walk(0.5, KEY, x)
    (key, y), totals = graphc.compile(random_walk, backend=backend)(0.5, KEY, x)
    np.testing.assert_array_equal(key, expected_key)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    np.testing.assert_allclose(totals, sums, rtol=1e-13)


def test_gradients_of_loops_draw_the_same_numbers_again():
    slope = graphc.grad(lambda scale: np.sum(random_walk(scale, KEY, np.zeros(3))[0][1]))(0.5)
    key, total = KEY, 0.0
    for _ in range(7):
        key, draw = random.split(key)
        total += np.sum(random.normal(draw, (3,)))
    np.testing.assert_allclose(slope, total, rtol=1e-12)


@pytest.mark.parametrize("draw", [*EXACT.values(), *ROUNDED.values()], ids=[*EXACT, *ROUNDED])
def test_many_keys_at_once_draw_what_each_draws(draw):
    keys = random.split(KEY, 5)
    traced = record(draw, KEY)
    graph, _ = batch_graph(traced.graph, 5, [True] + [False] * len(traced.captured))
    expected = np.stack([draw(key) for key in keys])
    (defined,) = interpret(graph, keys, *traced.captured)
    assert defined.dtype == expected.dtype
    np.testing.assert_array_equal(defined, expected)
    tolerance = 16 * np.finfo(expected.dtype).eps if expected.dtype.kind == "f" else 0
    (native,) = Native(graph)(keys, *traced.captured)
    np.testing.assert_allclose(native, expected, rtol=tolerance, atol=tolerance)
