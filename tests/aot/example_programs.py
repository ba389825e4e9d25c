"""Programs to export: loops, trees, arguments that are updated, random numbers, derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import graphc
from graphc import optim
from tests.aot.example import Example, each, normal

# ---- loops


def scanned(x: Any, h: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        carry = np.tanh(carry + row)
        return carry, carry * 2.0

    return graphc.scan(step, h, x)


def newton(x: Any) -> Any:
    def better(state: Any) -> Any:
        y, n = state
        return 0.5 * (y + x / y), n + 1

    def far(state: Any) -> Any:
        y, n = state
        return (np.abs(y * y - x) > 1e-10) & (n < 60)

    return graphc.while_loop(far, better, (x + 1.0, 0))


def powers(x: Any, n: Any) -> Any:
    return graphc.fori_loop(0, n, lambda i, y: y * x + i, x)


# ---- trees and updates


def tree(params: Any, both: Any, x: Any) -> Any:
    y = x * params["w"] + params["deep"]["b"]
    return {"y": y, "parts": [both[0] * 2, {"z": both[1] > 0}], "b": params["deep"]["b"] + 1.0}


@graphc.compile(donate=("x", "v"))
def moved(x: Any, v: Any, dt: float) -> Any:
    v = v - dt * x
    return x + dt * v, v


def moved_by_numpy(x: Any, v: Any, dt: float) -> Any:
    v = v - dt * x
    return x + dt * v, v


@graphc.compile(donate="count")
def counted(count: Any, x: Any) -> Any:
    return count + 1, x * (count + 1)


_ADAM = optim.Adam(lr=0.01)


def _squares(p: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ p["w"] + p["b"] - y) ** 2)


@graphc.compile(donate=("params", "state"))
def trained(params: Any, state: Any, x: Any, y: Any) -> Any:
    value, gradients = graphc.value_and_grad(_squares)(params, x, y)
    params, state = _ADAM.step(params, gradients, state)
    return params, state, value


def trained_by_hand(params: Any, state: Any, x: Any, y: Any) -> Any:
    """Kingma and Ba (2015), algorithm 1."""
    error = x @ params["w"] + params["b"] - y
    gradients = {"w": 2 / error.size * x.T @ error, "b": 2 / error.size * error.sum(0)}
    t = state["step"] + 1
    after: Any = {"step": np.asarray(t), **{name: {} for name in _ADAM.slots()}}
    stepped = {}
    for key, g in gradients.items():
        m = 0.9 * state["exp_avg"][key] + 0.1 * g
        v = 0.999 * state["exp_avg_sq"][key] + 0.001 * g * g
        after["exp_avg"][key], after["exp_avg_sq"][key] = m, v
        stepped[key] = params[key] - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return stepped, after, np.mean(error**2)


# ---- randomness


def drawn(key: Any, x: Any) -> Any:
    one, other = graphc.random.split(key)
    return x + graphc.random.normal(one, x.shape), graphc.random.uniform(other, (5,))


# ---- derivatives


def energy(x: Any, y: Any) -> Any:
    return np.sum(np.sin(x) * y) + 0.5 * np.sum(x**2)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_hessian(x: Any) -> np.ndarray:
    h = np.zeros((len(x), len(x)))
    for i in range(len(x) - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i, i + 1] -= 400 * x[i]
        h[i + 1, i] -= 400 * x[i]
        h[i + 1, i + 1] += 200
    return h


def curve(x: Any) -> Any:
    return np.array([x[0] * x[1], np.sin(x[1]) + x[2], x[0] ** 2])


def curve_jacobian(x: Any) -> np.ndarray:
    return np.array([[x[1], x[0], 0], [0, np.cos(x[1]), 1], [2 * x[0], 0, 0]])


def layer(w: Any, x: Any) -> Any:
    return np.tanh(x @ w)


def pulled(w: Any, x: Any, g: Any) -> Any:
    _, pullback = graphc.vjp(layer, w, x)
    return pullback(g)


def pulled_by_hand(w: Any, x: Any, g: Any) -> Any:
    inner = g * (1 - np.tanh(x @ w) ** 2)
    return x.T @ inner, inner @ w.T


def _pair(N: int) -> tuple[Any, ...]:
    return normal(N), normal(N)


def _adam_state(w: np.ndarray, b: np.ndarray, step: int) -> Any:
    state = _ADAM.init({"w": w, "b": b})
    slots = {name: {"w": np.abs(normal(*w.shape)), "b": np.abs(normal(*b.shape))} for name in _ADAM.slots()}
    return {**state, **slots, "step": np.asarray(step, state["step"].dtype)}


_W, _B = normal(5, 3), normal(3)

PROGRAMS: Mapping[str, Example] = {
    "scanned": Example(
        scanned, ("f64[T, N]", "f64[N]"), each(lambda T, N: (normal(T, N), normal(N)), "T", "N")
    ),
    "newton": Example(newton, ("f64",), [({}, (np.array(x),)) for x in (0.0, 1.0, 2.0, 1e6)]),
    "powers": Example(
        powers,
        ("f64[N]", "i64"),
        [({"N": 3}, (np.array([0.5, -1.0, 2.0]), np.array(n))) for n in (-4, 0, 1, 2, 9)],
    ),
    "tree": Example(
        tree,
        ({"w": "f64[N]", "deep": {"b": "f64"}}, ("i16", ["i8[3]"][0]), "f64[N]"),
        each(
            lambda N: (
                {"w": normal(N), "deep": {"b": np.array(0.5)}},
                (np.array(5, np.int16), np.array([1, 0, -1], np.int8)),
                normal(N),
            ),
            "N",
        ),
    ),
    "moved": Example(
        moved,
        ("f64[N]", "f64[N]", 0.1),
        each(lambda N: (normal(N), normal(N), 0.1), "N"),
        oracle=moved_by_numpy,
    ),
    "counted": Example(
        counted,
        (3, "f64[2]"),
        [({}, (n, normal(2))) for n in (0, -5, 1 << 40)],
        oracle=lambda count, x: (count + 1, x * (count + 1)),
    ),
    "trained": Example(
        trained,
        ({"w": "f64[5, 3]", "b": "f64[3]"}, _adam_state(_W, _B, 0), "f64[N, 5]", "f64[N, 3]"),
        [
            ({"N": n}, ({"w": _W, "b": _B}, _adam_state(_W, _B, t), normal(n, 5), normal(n, 3)))
            for n, t in ((1, 0), (7, 3), (64, 100))
        ],
        oracle=trained_by_hand,
    ),
    "drawn": Example(
        drawn,
        ("u32[2]", "f64[N]"),
        each(lambda N: (graphc.random.key(N), normal(N)), "N"),
    ),
    "energy": Example(
        graphc.value_and_grad(energy, argnums=(0, 1)),
        ("f64[N]", "f64[N]"),
        each(_pair, "N"),
        oracle=lambda x, y: (energy(x, y), (np.cos(x) * y + x, np.sin(x))),
    ),
    "hessian": Example(
        graphc.hessian(rosenbrock),
        ("f64[6]",),
        [({}, (normal(6),)) for _ in range(2)],
        oracle=rosenbrock_hessian,
    ),
    "jacobian": Example(
        graphc.jacobian(curve), ("f64[3]",), [({}, (normal(3),)) for _ in range(2)], oracle=curve_jacobian
    ),
    "pulled": Example(
        pulled,
        ("f64[K, M]", "f64[N, K]", "f64[N, M]"),
        each(
            lambda K, M, N: (normal(K, M), normal(N, K), normal(N, M)), "K", "M", "N", sizes=(0, 1, 2, 7, 33)
        ),
        oracle=pulled_by_hand,
    ),
}
