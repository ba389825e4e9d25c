"""The public interface as designed: compile, differentiate, look inside."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphc


@graphc.compile
def f(x: Any, y: Any) -> Any:
    """y (x² + x)."""
    return y * (x**2 + x)


@graphc.compile
def loss(w: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w) - y) ** 2)


def _data() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def test_values_and_gradients_of_numbers_are_pythons() -> None:
    assert f(2.0, 1.0) == 6.0 and type(f(2.0, 1.0)) is float
    assert graphc.grad(f, argnums=(0, 1))(2.0, 1.0) == (5.0, 6.0)
    assert graphc.value_and_grad(f)(2.0, 1.0) == (6.0, 5.0)
    assert graphc.grad(graphc.grad(f))(2.0, 1.0) == 2.0


def test_a_loss_over_arrays_has_the_gradient_of_the_mathematics() -> None:
    w, x, y = _data()
    z = np.tanh(x @ w)
    value, slope = graphc.value_and_grad(loss)(w, x, y)
    np.testing.assert_allclose(value, np.mean((z - y) ** 2), rtol=1e-14)
    np.testing.assert_allclose(slope, x.T @ (2 * (z - y) * (1 - z**2) / y.size), rtol=1e-13)
    graphc.gradcheck(loss, w, x, y)


def test_uncompiled_and_compiled_agree_in_types_and_shapes() -> None:
    for dtype in (np.float32, np.float64):
        arguments = [a.astype(dtype) for a in _data()]
        plain, compiled = loss.__wrapped__(*arguments), loss(*arguments)
        assert compiled.dtype == plain.dtype and compiled.shape == plain.shape
        np.testing.assert_allclose(compiled, plain, rtol=1e-5)


def test_the_decorator_takes_options_or_none_and_keeps_names() -> None:
    @graphc.compile(static_argnames=("power",), threads=1, backend="cpu")
    def scaled(x: Any, power: int) -> Any:
        """x to a power."""
        return x**power if power > 0 else x

    assert (scaled.__name__, scaled.__doc__) == ("scaled", "x to a power.")
    assert scaled(3.0, power=2) == 9.0 and scaled(3.0, power=0) == 3.0
    assert f.__wrapped__(2.0, 1.0) == 6.0


def test_arrays_are_made_of_traced_numbers() -> None:
    def turn(x: Any, t: Any) -> Any:
        return np.array([x * np.cos(t), x * np.sin(t)])

    np.testing.assert_allclose(graphc.compile(turn)(2.0, 0.5), turn(2.0, 0.5), rtol=1e-15)


def test_assigning_a_traced_value_into_a_concrete_array_names_the_ways_out() -> None:
    def fill(t: Any) -> Any:
        out = np.zeros(3)
        out[0] = t
        return out

    with pytest.raises(graphc.TraceError) as caught:
        graphc.compile(fill)(1.0)
    for way in ("np.array([...])", "np.zeros_like(x)", "graphc.zeros"):
        assert way in str(caught.value)


def test_functions_of_scipy_trace_without_graphc_importing_scipy() -> None:
    x = np.linspace(0.1, 0.9, 5)
    for ufunc in (special.erf, special.erfc, special.expit, special.logit, special.gammaln, special.digamma):
        np.testing.assert_allclose(graphc.compile(lambda x, u=ufunc: u(x))(x), ufunc(x), rtol=1e-13)
    np.testing.assert_allclose(graphc.compile(special.xlogy)(x, x), special.xlogy(x, x), rtol=1e-14)
    code = "import sys, graphc; graphc.compile(lambda x: x + 1)(1.0); sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_derivatives_that_are_pulled_back_or_stopped() -> None:
    value, pullback = graphc.vjp(lambda x: np.array([x**2, 3 * x]), 2.0)
    np.testing.assert_array_equal(value, [4.0, 6.0])
    (slope,) = pullback(np.array([1.0, 10.0]))
    assert slope == 34.0
    assert graphc.grad(lambda x: x * graphc.stop_gradient(x))(3.0) == 3.0
    slope, extra = graphc.grad(lambda x: (x**2, {"seen": 2 * x}), has_aux=True)(3.0)
    assert slope == 6.0 and extra == {"seen": 6.0}


def test_transformations_nest_in_any_order() -> None:
    slope = graphc.compile(lambda x: graphc.grad(f)(x, 1.0) * 2)
    assert slope(2.0) == 10.0 and graphc.grad(slope)(2.0) == 4.0


def test_trees_are_arguments_and_results() -> None:
    def step(model: Any, rate: Any) -> Any:
        return {"w": model["w"] - rate * np.ones(2), "b": (model["b"][0] * 2, None)}

    result = graphc.compile(step)({"w": np.zeros(2), "b": (1.5, None)}, 0.5)
    np.testing.assert_array_equal(result["w"], [-0.5, -0.5])
    assert result["b"] == (3.0, None)


def test_donated_arguments_hold_the_result() -> None:
    step = graphc.compile(lambda w, g: w - 0.1 * g, donate=("w",))
    w = np.ones(4)
    assert step(w, np.ones(4)) is w
    np.testing.assert_allclose(w, 0.9)


def test_every_stage_of_a_program_can_be_read() -> None:
    lowered = f.lower(2.0, 1.0)
    assert "return" in str(lowered.graph) and "test_design_interface.py:" in str(lowered.graph)
    assert "define" in lowered.llvm and "ret" in lowered.asm
    of_types = loss.lower("f32[784, 10]", "f32[N, 784]", "f32[N, 10]")
    assert "f32[N, 10] = tanh" in str(of_types.graph)
    assert of_types.cost().at(N=64)


def test_the_source_of_a_program_runs_as_it_is_printed() -> None:
    source = graphc.compile(lambda x, y: np.sin(x) * y).lower("f64[4]", "f64[4]").source
    module = types.ModuleType("printed")
    exec(source, module.__dict__)
    (name,) = (n for n in source.split("def ")[-1:])
    x, y, out = np.linspace(0, 1, 4), np.arange(4.0), np.empty(4)
    getattr(module, name.split("(")[0])(x, y, out)
    np.testing.assert_allclose(out, np.sin(x) * y, rtol=1e-14)


BRANCHES = {
    "if": lambda x: 1.0 if x > 0 else 2.0,
    "while": lambda x: next(x for _ in iter(lambda: bool(x < 3), False)),
    "int": lambda x: int(x),
    "range": lambda x: sum(range(x)),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_python_control_flow_on_traced_values_shows_the_line(name: str) -> None:
    with pytest.raises(graphc.TraceError, match=r"(?s)traced value.*at test_design_interface\.py:\d+"):
        graphc.compile(BRANCHES[name])(2)
