"""Errors of long sums and products, against f64."""

import numpy as np
import pytest

import graphc

rng = np.random.default_rng(0)
EPS = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("shape", [(3, 200_000, 3), (16, 100_000, 16), (64, 30_000, 64), (2, 100_000, 33)])
def test_a_product_over_a_long_axis_is_summed_in_blocks(shape):
    m, k, n = shape
    a, b = rng.random((m, k), dtype=np.float32), rng.random((k, n), dtype=np.float32)
    exact = a.astype(float) @ b.astype(float)
    error = np.abs(graphc.compile(lambda a, b: a @ b)(a, b) / exact - 1)
    assert error.max() < 64 * EPS  # one chain of k terms errs by hundreds


def test_sums_of_a_million_numbers_err_by_few_units():
    x = rng.random(1_000_000, dtype=np.float32)
    wide = x.astype(float)
    results = graphc.compile(lambda x: (x.sum(), x.mean(), (x * x).sum(), x.var()))(x)
    for actual, exact in zip(results, (wide.sum(), wide.mean(), (wide**2).sum(), wide.var()), strict=True):
        assert abs(actual / exact - 1) < 8 * EPS


def test_sums_of_columns_err_less_than_one_chain_of_additions():
    x = rng.random((100_000, 3), dtype=np.float32)
    error = np.abs(graphc.compile(lambda x: x.sum(axis=0))(x) / x.astype(float).sum(axis=0) - 1)
    assert error.max() < 100 * EPS
