"""The generated coefficients are those that the generator computes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from graphc.backends.cpu.math import coefficients, generate


@pytest.mark.slow
def test_committed_coefficients_are_those_the_generator_computes() -> None:
    for single, committed in ((True, coefficients.SINGLE), (False, coefficients.DOUBLE)):
        assert generate.table(single) == committed


def test_committed_words_of_two_over_pi_are_its_bits() -> None:
    assert generate.two_over_pi_words() == coefficients.TWO_OVER_PI_WORDS[2:]


def test_mpmath_is_not_imported_at_run_time() -> None:
    program = "import sys, graphc.backends.cpu.math; sys.exit('mpmath' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
