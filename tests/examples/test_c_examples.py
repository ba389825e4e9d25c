"""The C and C++ examples compile without a warning, and compute what Python and mathematics say."""

from __future__ import annotations

import importlib
import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import nn, optim

EXAMPLES = Path(__file__).parents[2] / "examples" / "c"
MISSING = [tool for tool in ("make", "cc", "c++") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"compiles C programs: {', '.join(MISSING)} not found")


def run(name: str, folder: Path, **options: Any) -> Any:
    """What the `main` of an example returns."""
    return importlib.import_module(f"examples.c.{name}").main(folder, **options)


def test_every_c_example_is_tested() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - {"native"}
    programs = {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".c", ".cpp")}
    assert scripts == programs == {"train_mlp", "train_digits", "fit_pendulum", "classify", "minimise"}


def test_c_trains_the_classic_network_to_the_losses_of_python(tmp_path: Path) -> None:
    in_c, in_python = run("train_mlp", tmp_path)
    assert len(in_c) == 100
    np.testing.assert_array_equal(in_c, in_python)
    np.testing.assert_allclose(in_c[-1], 0.061221, rtol=1e-3)  # as examples/simple_mlp.py


def test_c_trains_the_digits_classifier_to_the_losses_of_python(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the images come with scikit-learn")
    from examples.digits import Classifier, split

    epochs = 2
    in_c, in_python, accuracy_in_c, accuracy_in_python = run("train_digits", tmp_path, epochs=epochs)
    np.testing.assert_array_equal(in_c, in_python)
    assert accuracy_in_c == accuracy_in_python > 0.85
    # The trainer of examples/digits.py takes the same batches; its programs are those of one size each.
    train, _, _ = split()
    rng = np.random.default_rng(0)
    trainer = graphc.Trainer(Classifier(rng), loss=nn.CrossEntropyLoss(), optimizer=optim.AdamW(lr=2e-3))
    history = trainer.fit(*train, epochs=epochs, batch_size=32, rng=rng, progress=False)
    counts = np.diff([*range(0, len(train[1]), 32), len(train[1])])
    means = np.average(in_c.reshape(epochs, -1), axis=1, weights=counts)
    np.testing.assert_allclose(means, history.loss, rtol=1e-3)


def test_c_finds_the_length_and_friction_of_the_pendulum(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="the measured angles are SciPy's")
    found = run("fit_pendulum", tmp_path)
    # Steps of 0.01 s move the best parameters by some 1e-8.
    np.testing.assert_allclose([found["length"], found["friction"]], [0.73, 0.21], rtol=1e-6)


def test_cpp_scores_digits_with_mapped_weights_as_python_does(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the images come with scikit-learn")
    in_c, in_python = run("classify", tmp_path)
    assert in_c.shape == (300, 10)
    np.testing.assert_array_equal(in_c, in_python)


def test_cpp_takes_newtons_steps(tmp_path: Path) -> None:
    path = run("minimise", tmp_path)
    np.testing.assert_array_equal(path[0], [-1.2, 1.0])
    for before, after in itertools.pairwise(path):
        x, y = before
        gradient = [-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)]
        hessian = [[1200 * x**2 - 400 * y + 2, -400 * x], [-400 * x, 200]]
        np.testing.assert_allclose(after, before - np.linalg.solve(hessian, gradient), rtol=1e-11)
    np.testing.assert_allclose(path[-1], [1.0, 1.0], rtol=1e-12)


def test_a_program_without_its_data_says_so(tmp_path: Path) -> None:
    run("train_mlp", tmp_path)
    (tmp_path / "mlp_inputs.bin").unlink()
    done = subprocess.run([tmp_path / "train_mlp"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("mlp_inputs.bin: cannot be opened; run the Python script of this example first\n")
