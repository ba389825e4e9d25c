"""Every example runs and prints a result that can be checked."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from graphc.api.numba_interop import register

register()  # Numba does it where graphc is installed; tests also run from the source alone
EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name):
    """What the `main` of an example returns."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]()


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        "differentiate",
        "digits",
        "fit_ode",
        "kalman",
        "optimise",
        "simple_mlp",
    }


def test_the_digits_classifier_reaches_97_percent():
    pytest.importorskip("sklearn", reason="the images come with scikit-learn")
    assert run("digits") >= 0.97


def test_the_derivatives_of_the_first_example_are_exact(capsys):
    assert run("differentiate") == (6.0, (5.0, 6.0), 2.0)
    assert "%2: f64 = multiply y %1  # differentiate.py:10" in capsys.readouterr().out


def test_the_classic_training_script_converges():
    assert np.isclose(run("simple_mlp"), 0.061221, rtol=1e-3)


def test_the_populations_are_explained_and_keplers_equation_solved():
    pytest.importorskip("scipy", reason="BFGS is SciPy's")
    fitted, worst = run("optimise")
    # One step of Runge–Kutta is 0.25 long, which moves the best parameters by some 4e-5.
    assert np.allclose(list(fitted.values()), [1.1, 0.4, 0.9, 0.15], rtol=1e-4)
    assert worst < 1e-14


def test_the_epidemic_is_explained():
    pytest.importorskip("scipy", reason="least squares are SciPy's")
    exact, fitted = run("fit_ode")
    truth = [0.45, 0.14]
    assert np.allclose(list(exact.values()), truth, rtol=1e-6)
    assert np.allclose(list(fitted.values()), truth, rtol=0.05)


def test_the_noise_of_the_filtered_path_is_found():
    pytest.importorskip("scipy", reason="BFGS is SciPy's")
    fitted, errors = run("kalman")
    # Within three standard errors, which are those of the logarithms.
    assert np.all(np.abs(np.log(list(fitted.values())) - np.log([0.3, 2.0])) < 3 * errors)
    assert np.all(errors < 0.2)
