"""Exported libraries compute what the function computes: bit for bit what it does compiled in the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import nn, optim
from graphc.aot.link import linker_for
from tests.aot.calling import Exported, undefined_symbols

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")

RNG = np.random.default_rng(0)
W, X, Y = (RNG.normal(size=s).astype(np.float32) for s in ((7, 3), (5, 7), (5, 3)))


def loss(w: Any, x: Any, y: Any) -> Any:
    """Mean squared error of one layer."""
    return np.mean((np.tanh(x @ w) - y) ** 2)


def test_values_and_gradients_are_those_of_the_process_to_the_bit(tmp_path: Path) -> None:
    build = graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path, grad=True)
    library = Exported(build)
    dynamic = {"x": ("N", None), "y": ("N", None)}
    status, got = library.call("loss", {"w": W, "x": X, "y": Y}, N=5)
    assert status == 0
    np.testing.assert_array_equal(got["out"], graphc.compile(loss, dynamic=dynamic)(W, X, Y))
    status, got = library.call("loss_grad", {"w": W, "x": X, "y": Y}, N=5)
    value, gradients = graphc.compile(graphc.value_and_grad(loss, argnums=(0, 1, 2)), dynamic=dynamic)(
        W, X, Y
    )
    np.testing.assert_array_equal(got["value"], value)
    for name, gradient in zip("wxy", gradients, strict=True):
        np.testing.assert_array_equal(got[f"grad_{name}"], gradient)


def test_a_function_with_array_results_gets_its_vector_jacobian_product(tmp_path: Path) -> None:
    def layer(w: Any, x: Any) -> Any:
        return np.tanh(x @ w)

    library = Exported(graphc.export(layer, "f32[7, 3]", "f32[5, 7]", path=tmp_path, grad=True, argnums=0))
    status, got = library.call("layer_vjp", {"w": W, "x": X, "cotangent": Y})
    assert status == 0
    expected = X.T.astype(np.float64) @ (Y * (1 - np.tanh(X.astype(np.float64) @ W) ** 2))
    np.testing.assert_allclose(got["grad_w"], expected, rtol=2e-5, atol=1e-6)


def test_numbers_are_passed_by_value_and_trees_as_structures(tmp_path: Path) -> None:
    def step(params: dict[str, Any], rate: float, counts: tuple[Any, Any], wide: bool) -> dict[str, Any]:
        grown = params["w"] * rate + np.where(wide, 1.0, 2.0)
        return {"w": grown, "both": (counts[0] + 1, counts[1] > 2)}

    types = ({"w": "f64[3]", "b": "f64"}, 0.5, ("i64", "i32[2]"), True)
    library = Exported(graphc.export(step, *types, path=tmp_path))
    leaves = {
        "params.w": np.arange(3.0),
        "params.b": 4.0,
        "rate": 0.5,
        "counts.n0": 6,
        "counts.n1": np.array([1, 3], np.int32),
        "wide": True,
    }
    status, got = library.call("step", leaves)
    assert status == 0
    np.testing.assert_array_equal(got["w"], [1.0, 1.5, 2.0])
    np.testing.assert_array_equal(got["both.n0"], 7)
    np.testing.assert_array_equal(got["both.n1"], [False, True])


@pytest.mark.parametrize("mode", ["embed", "file", "arguments"])
def test_weights_are_inside_or_in_a_file_or_arguments(tmp_path: Path, mode: Any) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))

    def predict(x: Any) -> Any:
        return model(x)

    functions = {"closed": (predict, "f32[N, 7]"), "module": (model, "f32[N, 7]")}
    library = Exported(graphc.export(functions, path=tmp_path, name="net", weights=mode))
    names = [w.name for w in library.library.weights]
    state = model.state_dict()
    transposed = {"model.0.weight.T", "model.0.bias", "model.2.weight.T", "model.2.bias"}
    listed = set() if mode == "arguments" else transposed | {"0.weight", "2.weight"}
    assert set(names) == listed and len(names) == len(listed)
    leaves: dict[str, Any] = {"x": X}
    for key, array in state.items():
        leaves[f"model.n{key.replace('.', '_')}"] = array
        suffix, value = ("_T", array.T) if array.ndim == 2 else ("", array)
        leaves[f"captured.model_{key.replace('.', '_')}{suffix}"] = value
    for symbol, function in (("net_closed", predict), ("net_module", model)):
        status, got = library.call(symbol, leaves, N=5)
        assert status == 0
        expected = graphc.compile(function, dynamic={"x": ("N", None)})(X)
        np.testing.assert_array_equal(got["out"], expected)


def test_a_training_step_updates_its_donated_arguments(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(7, 4, rng=RNG), nn.Tanh(), nn.Linear(4, 3, rng=RNG))
    opt = optim.Adam(lr=0.01)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        value, gradients = graphc.value_and_grad(lambda p: np.mean((p(x) - y) ** 2))(params)
        params, state = opt.step(params, gradients, state)
        return params, state, value

    types = (model, opt.init(model), "f32[5, 7]", "f32[5, 3]")
    build = graphc.export(step, *types, path=tmp_path, donate=("params", "state"))
    library = Exported(build)
    leaves: dict[str, Any] = {"x": X, "y": Y, "state.step": 0}
    for struct in library.functions["step"].parameters[:2]:
        for field in struct.fields:  # type: ignore[union-attr]
            leaves.setdefault(f"{struct.name}.{field.name}", np.zeros(field.type.shape, np.float32))
    for key, array in model.state_dict().items():
        leaves[f"params.n{key.replace('.', '_')}"] = array.copy()
    compiled = graphc.compile(step, donate=("params", "state"))
    state = opt.init(model)
    for _ in range(3):
        status, got = library.call("step", leaves)
        assert status == 0
        model, state, value = compiled(model, state, X, Y)
        np.testing.assert_array_equal(got["out2"], value)
        for key, array in model.state_dict().items():
            name = f"params.n{key.replace('.', '_')}"
            np.testing.assert_array_equal(got[name], array)
        leaves |= {name: array.copy() for name, array in got.items() if name in leaves}
        assert got["state.step"] == state["step"]


def test_objects_need_libc_only_and_the_library_needs_nothing(tmp_path: Path) -> None:
    build = graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path, grad=True)
    allowed = {"memcpy", "memset", "memmove"}
    for suffix in (".o", ".a", ".so"):
        assert set(undefined_symbols(build[suffix])) <= allowed


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for folder in ("a", "b"):
        build = graphc.export(loss, "f32[7, 3]", "f32[N, 7]", "f32[N, 3]", path=tmp_path / folder, grad=True)
        made.append({file.name: file.read_bytes() for file in build.files})
    assert made[0] == made[1]


def test_the_call_of_the_design(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(784, 16, rng=RNG), nn.Sigmoid(), nn.Linear(16, 10, rng=RNG))

    def predict(x: Any) -> Any:
        return model(x)

    targets = ["x86-64-v3", "x86-64-v4"]
    path = tmp_path / "build" / "mnist"
    build = graphc.export(predict, "f32[N, 784]", path=path, name="mnist", grad=True, targets=targets)
    made = {file.name for file in build.files}
    assert {"mnist.so", "mnist.h", "mnist.a", "mnist.o", "mnist.json", "mnist.py"} <= made
    x = RNG.normal(size=(3, 784)).astype(np.float32)
    if Exported(build).code.mnist_target() == 0:
        pytest.skip("this processor has neither AVX2 nor AVX-512")
    library = graphc.load(path)
    np.testing.assert_allclose(library.mnist(x), predict(x), rtol=1e-4, atol=1e-5)
    cotangent = np.ones((3, 10), np.float32)
    inner = x.astype(np.float64) @ model.state_dict()["0.weight"].T + model.state_dict()["0.bias"]
    slope = 1 / (1 + np.exp(-inner)) * (1 - 1 / (1 + np.exp(-inner)))
    expected = (cotangent @ model.state_dict()["2.weight"] * slope) @ model.state_dict()["0.weight"]
    (gradient,) = library.mnist_vjp(x, cotangent)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_a_view_that_several_functions_take_is_held_once(tmp_path: Path) -> None:
    w = RNG.normal(size=(30, 40)).astype(np.float32)

    def predict(x: Any) -> Any:
        return np.tanh(x @ w.T)

    build = graphc.export(predict, "f32[N, 40]", path=tmp_path, grad=True, weights="file")
    exported = Exported(build)
    # The gradient also takes the array as it is, for its other product.
    assert sum(weight.type.size for weight in exported.library.weights) <= 2 * w.size
    x = RNG.normal(size=(2, 40)).astype(np.float32)
    status, got = exported.call("predict", {"x": x}, N=2)
    assert status == 0
    np.testing.assert_allclose(got["out"], predict(x), rtol=1e-4, atol=1e-5)
    cotangent = np.ones((2, 30), np.float32)
    status, got = exported.call("predict_vjp", {"x": x, "cotangent": cotangent}, N=2)
    assert status == 0
    expected = (1 - np.tanh(x.astype(np.float64) @ w.T) ** 2) @ w
    np.testing.assert_allclose(got["grad_x"], expected, rtol=1e-4, atol=1e-5)


def power(x: Any) -> Any:
    """The power spectrum of every line."""
    return np.abs(np.fft.rfft(x)) ** 2


@pytest.mark.parametrize("n", [16, 100, 46])
def test_fourier_transforms_bring_their_tables_along(tmp_path: Path, n: int) -> None:
    x = RNG.normal(size=(5, n))
    library = Exported(graphc.export(power, f"f64[N, {n}]", path=tmp_path, grad=True))
    status, got = library.call("power", {"x": x}, N=5)
    assert status == 0
    np.testing.assert_allclose(got["out"], power(x), rtol=1e-12)
    weights = RNG.normal(size=(5, n // 2 + 1))
    status, got = library.call("power_vjp", {"x": x, "cotangent": weights}, N=5)
    assert status == 0
    numeric = (np.sum(weights * power(x * (1 + 1e-6))) - np.sum(weights * power(x * (1 - 1e-6)))) / 2e-6
    np.testing.assert_allclose(np.sum(got["grad_x"] * x), numeric, rtol=1e-8)


def test_complex_results_are_their_parts(tmp_path: Path) -> None:
    def spectrum(x: Any) -> Any:
        return np.fft.rfft(x)

    x = RNG.normal(size=10)
    graphc.export(spectrum, "f64[10]", path=tmp_path / "spectrum", name="spectrum")
    loaded = graphc.load(tmp_path / "spectrum").spectrum(x)
    np.testing.assert_allclose(loaded["real"] + 1j * loaded["imag"], np.fft.rfft(x), rtol=1e-14)


def test_complex_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(graphc.ArgumentError) as raised:
        graphc.export(np.abs, np.ones(3, complex), path=tmp_path)
    assert str(raised.value) == (
        "argument x of absolute is complex, and functions of a library take real arrays\n"
        "  Export a function of its parts: f(x, y) of z = x + 1j * y."
    )
