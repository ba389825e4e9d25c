"""A Python file of kernels computes what the function computes, where graphc is not installed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import nn, optim
from graphc.aot.numba_support import _updated

RNG = np.random.default_rng(0)
W, X, Y = (RNG.normal(size=s).astype(np.float32) for s in ((7, 3), (5, 7), (5, 3)))
SMALL = np.array([0.1, -np.inf, 2.0], np.float32)
LARGE = RNG.normal(size=(7, 3))

# Reads (function, arguments) of calls, writes what they return or raise; graphc cannot be imported there.
RUNNER = """
import importlib, pickle, sys
sys.modules["graphc"] = None
sys.path.insert(0, sys.argv[1])
module = importlib.import_module(sys.argv[2])
def answer(name, *arguments):
    try:
        result = getattr(module, name)(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)
    same = [any(leaf is a for a in arguments) for leaf in (result if type(result) is tuple else (result,))]
    return result, arguments, same
calls = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps([answer(*call) for call in calls]))
"""


def run(build: Any, *calls: tuple[Any, ...], jit: bool = False) -> list[Any]:
    """What calls give: (result, arguments afterwards, which results are arguments), or the exception."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(build.folder), build.name],
        input=pickle.dumps(calls),
        capture_output=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": str(int(not jit)), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: list[Any] = pickle.loads(done.stdout)
    return found


def loss(w: Any, x: Any, y: Any) -> Any:
    """Mean squared error of one layer."""
    return np.mean((np.tanh(x @ w) - y) ** 2)


def test_values_and_gradients_for_every_size_as_numba_compiles_them(tmp_path: Path) -> None:
    types = ("f32[7, 3]", "f32[N, 7]", "f32[N, 3]")
    build = graphc.export(loss, *types, path=tmp_path, grad=True, argnums=0, format="numba")
    assert [file.name for file in build.files] == ["loss.py"]
    whole, part = (W, X, Y), (W, X[:2], Y[:2])
    found = run(build, ("loss", *whole), ("loss", *part), ("loss_grad", *part), jit=True)
    for (value, _, _), given in zip(found, (whole, part), strict=False):
        assert type(value) is np.float32
        np.testing.assert_allclose(value, loss(*given), rtol=1e-5)
    (value, gradient), _, _ = found[2]
    w, x, y = (a.astype(np.float64) for a in part)
    t = np.tanh(x @ w)
    np.testing.assert_allclose(value, loss(w, x, y), rtol=1e-5)
    np.testing.assert_allclose(gradient, x.T @ (2 * (t - y) * (1 - t**2)) / t.size, rtol=1e-4, atol=1e-6)


def test_trees_numbers_and_captured_arrays(tmp_path: Path) -> None:
    def mixed(params: Any, rate: float, pair: Any, mode: Any = None) -> Any:
        scaled = params["w"] * rate * SMALL
        return {"w": scaled, "both": (pair[0] + 1, [pair[1] > 2]), "p": LARGE + params["b"], "same": pair[1]}

    types = ({"w": "f32[3]", "b": "f64"}, 0.5, ("i64", "i32[2]"), None)
    build = graphc.export(mixed, *types, path=tmp_path, name="tools", format="numba")
    assert [file.name for file in build.files] == ["tools.py", "tools.npz"]
    assert "'SMALL': np.array([0.1, -np.inf, 2.0], np.float32)," in build[".py"].read_text()
    params = {"w": np.array([1, 2, -3], np.float32), "b": np.float64(2.5)}
    pair = (6, np.array([1, 3], np.int32))
    good = (params, 0.25, pair, None)
    calls = [
        good,
        (params, 0.25, pair, 1),
        (params, "fast", pair, None),
        (params, 0.25, (1.5, pair[1]), None),
    ]
    found = run(build, *(("tools", *call) for call in calls))
    result, expected = found[0][0], mixed(*good)
    np.testing.assert_allclose(result["w"], expected["w"], rtol=1e-6)
    assert result["w"].dtype == expected["w"].dtype
    assert result["both"][0] == 7 and isinstance(result["both"], tuple)
    np.testing.assert_array_equal(result["both"][1][0], [False, True])
    np.testing.assert_allclose(result["p"], LARGE + 2.5, rtol=1e-15)
    np.testing.assert_array_equal(result["same"], pair[1])
    assert found[1:] == [
        ("ValueError", "mode is 1, but this code was made for None"),
        ("TypeError", "rate must be a number of dtype float64, not 'fast'"),
        ("TypeError", "pair[0] must be a number of dtype int64, not 1.5"),
    ]


def test_a_training_step_overwrites_what_is_donated(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))
    opt = optim.SGD(lr=0.1)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        value, gradients = graphc.value_and_grad(lambda p: np.mean((p(x) - y) ** 2))(params)
        params, state = opt.step(params, gradients, state)
        return params, state, value

    types = (model, opt.init(model), "f32[N, 7]", "f32[N, 3]")
    build = graphc.export(step, *types, path=tmp_path, donate=("params", "state"), format="numba")
    w0, b0, w2, b2 = (a.astype(np.float64) for a in model.state_dict().values())
    params = {key: array.copy() for key, array in model.state_dict().items()}
    ((result, after, _),) = run(build, ("step", params, opt.init(model), X, Y))
    x, y = X.astype(np.float64), Y.astype(np.float64)
    h = np.tanh(x @ w0.T + b0)
    g = 2 * (h @ w2.T + b2 - y) / y.size
    gh = (g @ w2) * (1 - h**2)
    np.testing.assert_allclose(result[2], np.mean((h @ w2.T + b2 - y) ** 2), rtol=1e-5)
    for where in (result[0], after[0]):
        np.testing.assert_allclose(where["2.weight"], w2 - 0.1 * g.T @ h, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(where["0.weight"], w0 - 0.1 * gh.T @ x, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(where["0.bias"], b0 - 0.1 * gh.sum(0), rtol=1e-4, atol=1e-6)


def test_an_updated_array_is_the_array_that_was_given(tmp_path: Path) -> None:
    def decay(x: Any, n: int) -> Any:
        return x * 0.5, n + 1

    build = graphc.export(decay, "f64[N]", 3, path=tmp_path, donate=("x", "n"), format="numba")
    calls = [np.arange(3.0), [1.0], np.arange(3, dtype=np.float32)]
    (result, after, same), *refused = run(build, *(("decay", x, 3) for x in calls))
    np.testing.assert_array_equal(result[0], [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(after[0], [0.0, 0.5, 1.0])
    assert same[0] and result[1] == 4 and type(result[1]) is int
    assert refused == [
        ("ValueError", "x is overwritten: it must be a writable array in C order"),
        ("TypeError", "x must be of dtype float64, not float32"),
    ]


@pytest.mark.parametrize(
    "array", [np.arange(6.0)[::2], np.broadcast_to(1.0, 3)], ids=["strided", "read-only"]
)
def test_an_array_that_cannot_be_overwritten_is_refused(array: Any) -> None:
    with pytest.raises(ValueError, match="x is overwritten: it must be a writable array in C order"):
        _updated("x", array, np.float64, (3,))


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    build = graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path, format="numba")
    calls = [(W, X, Y[:4]), (W, X[0], Y), (W.astype(np.float64), X, Y), (np.asfortranarray(W), X, Y)]
    found = run(build, *(("loss", *call) for call in calls))
    assert found[:3] == [
        ("ValueError", "y must be of shape (5, 3), not (4, 3)"),
        ("ValueError", "x must have 2 axes, but its shape is (7,)"),
        ("TypeError", "w must be of dtype float32, not float64"),
    ]
    np.testing.assert_allclose(found[3][0], loss(W, X, Y), rtol=1e-5)


def test_errors_of_the_function_are_raised_without_graphc(tmp_path: Path) -> None:
    def pick(x: Any, i: Any) -> Any:
        return x[i]

    def halves(x: Any) -> Any:
        return x[:-3] * 2

    functions = {"pick": (pick, "f64[N]", "i64"), "halves": (halves, "f64[N]")}
    build = graphc.export(functions, path=tmp_path, name="lib", format="numba")
    x = np.arange(5.0)
    found = run(build, ("lib_pick", x, 2), ("lib_pick", x, 9), ("lib_halves", x), ("lib_halves", x[:1]))
    assert found[0][0] == 2.0
    assert found[1][0] == "IndexError"
    assert found[1][1].startswith(
        "an index is out of bounds for axis 0 with size N\n  at test_numba_format.py"
    )
    np.testing.assert_array_equal(found[2][0], [0.0, 2.0])


def test_exceptions_of_libraries_and_of_graphc_itself_exist_there(tmp_path: Path) -> None:
    def solved(a: Any, b: Any) -> Any:
        return np.linalg.solve(b, np.ones(2)), graphc.root(lambda x, p: x**2 + p, 1.0, a)

    build = graphc.export(solved, "f64", "f64[2, 2]", path=tmp_path, format="numba")
    good, singular = np.diag([2.0, 4.0]), np.zeros((2, 2))
    found = run(build, ("solved", -2.0, good), ("solved", -2.0, singular), ("solved", 2.0, good))
    np.testing.assert_allclose(found[0][0][0], [0.5, 0.25])
    np.testing.assert_allclose(found[0][0][1], np.sqrt(2), rtol=1e-9)
    assert found[1][0] == "LinAlgError" and found[1][1].startswith(
        "Singular matrix\n  at test_numba_format.py"
    )
    assert found[2][0] == "ConvergenceError" and found[2][1].startswith("root did not converge to tol=1e-10")
    assert "class ConvergenceError(ArithmeticError):" in build[".py"].read_text()


@pytest.mark.parametrize("mode", ["embed", "file", "arguments"])
def test_weights_are_in_the_text_or_beside_it_or_arguments(tmp_path: Path, mode: Any) -> None:
    def scaled(x: Any) -> Any:
        return x * SMALL

    build = graphc.export(scaled, "f32[3]", path=tmp_path, weights=mode, format="numba")
    assert len(build.files) == (2 if mode == "file" else 1)
    x = np.ones(3, np.float32)
    further = ({"SMALL": SMALL},) if mode == "arguments" else ()
    ((result, _, _),) = run(build, ("scaled", x, *further))
    np.testing.assert_array_equal(result, SMALL)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def predict(x: Any) -> Any:
        return x @ LARGE

    made = []
    for folder in ("a", "b"):
        build = graphc.export(predict, "f64[N, 7]", path=tmp_path / folder, format="numba")
        made.append({file.name: file.read_bytes() for file in build.files})
    assert made[0] == made[1] and set(made[0]) == {"predict.py", "predict.npz"}


def test_names_of_the_user_s_cannot_hide_what_the_file_needs(tmp_path: Path) -> None:
    def k0(np_: Any, k0: Any, numba: Any, _flat: Any, t0: Any, _weights: Any) -> Any:
        return (np.sum(np_ * k0) + numba * _flat + t0 * _weights) * SMALL

    types = ("f64[N]", "f64[N]", "f64", "f64", "f64", "f64")
    build = graphc.export(k0, *types, path=tmp_path, format="numba")
    x = np.arange(4.0)
    found = run(build, ("k0", x, x, *map(np.float64, (2, 3, 4, 5))))
    np.testing.assert_allclose(found[0][0], 40.0 * SMALL, rtol=1e-7)


@pytest.mark.parametrize("name", ["np", "lambda", "min", "numba", "to_int64", "ShapeError"])
def test_names_that_mean_something_else_in_python_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(graphc.ArgumentError) as caught:
        graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path, name=name, format="numba")
    assert str(caught.value) == (
        f"{name!r} cannot be a name in a Python file of kernels, where it means something else; "
        "choose another with name=…"
    )


def test_options_that_cannot_apply_are_refused(tmp_path: Path) -> None:
    for options, text in (
        ({"format": "fortran"}, "format='fortran'; choose 'c' or 'numba'"),
        (
            {"format": "numba", "targets": ["x86-64"], "threads": 2},
            "format='numba' makes Python text, to which targets, threads cannot apply",
        ),
    ):
        with pytest.raises(graphc.ArgumentError) as caught:
            graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path, **options)  # type: ignore[arg-type]
        assert str(caught.value) == text
