"""Initial values of layers: uniform in ±1/√in, from the user's generator or from the system."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from graphc import nn
from graphc.nn.initial import split_mix, uniform


def test_split_mix_is_the_published_generator():
    """The first numbers for the seed 1234567, as Vigna's reference implementation gives them."""
    assert split_mix(1234567, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_values_without_a_generator_are_uniform(dtype):
    values = uniform(0.25, (101, 1001), dtype, None)
    assert values.shape == (101, 1001) and values.dtype == dtype and values.flags.writeable
    assert abs(values).max() <= 0.25
    assert stats.kstest(values.ravel().astype(float), stats.uniform(-0.25, 0.5).cdf).pvalue > 1e-6
    neighbours = np.corrcoef(values.ravel()[:-1].astype(float), values.ravel()[1:].astype(float))[0, 1]
    assert abs(neighbours) < 0.02


def test_each_layer_without_a_generator_differs():
    assert not np.array_equal(nn.Linear(10, 10).weight, nn.Linear(10, 10).weight)


def test_a_generator_or_seed_decides_the_values():
    """As NumPy draws them: the weight first, then the bias."""
    generator = np.random.default_rng(3)
    weight, bias = generator.uniform(-0.5, 0.5, (3, 4)), generator.uniform(-0.5, 0.5, 3)
    for rng in (3, np.random.default_rng(3)):
        layer = nn.Linear(4, 3, dtype=np.float64, rng=rng)
        np.testing.assert_array_equal(layer.weight, weight)
        np.testing.assert_array_equal(layer.bias, bias)


def test_neither_numpys_generators_nor_openssl_are_imported_for_a_model():
    code = (
        "import sys\nfrom graphc import nn\nnn.Linear(3, 4)\n"
        "print([m for m in ('numpy.random', '_hashlib', 'sympy', 'numba', 'llvmlite') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
