"""Hessians, Jacobians and gradients of loops: the workloads where derivatives are the program.

Every function is written once on a module of NumPy's names (`np`, or `jax.numpy`, or Autograd's), which is
what graphc, JAX and Autograd differentiate; CasADi gets the same formula on its scalar symbols, as C code
compiled with -O3 and called through its buffer interface, the fastest way into it from Python.
"""

from __future__ import annotations

import importlib.util
import shutil
import types
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from benchmarks.casadi_code import compiled_c
from benchmarks.workloads import Call, Workload

DT = 0.002

Scope: TypeAlias = dict[str, Any]  # names to formulas, and to what formulas mention
Derive: TypeAlias = Callable[[Any, Any], Any]


# ---- formulas


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic_loss(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.mean(np.logaddexp(z * 0.0, z) - y * z)


def tanh_layer(x: Any, w: Any, b: Any) -> Any:
    return np.tanh(w @ x + b)


def arm(x: Any, u: Any, p: Any) -> Any:
    """Accelerations of a two-link arm with torques u, masses and lengths p."""
    q1, q2, w1, w2 = x[0], x[1], x[2], x[3]
    m1, m2, l1, l2 = p[0], p[1], p[2], p[3]
    c2, s2 = np.cos(q2), np.sin(q2)
    k, b = m2 * l1 * l2, m2 * l2 * l2
    m11, m12 = (m1 + m2) * l1 * l1 + b + 2.0 * k * c2, b + k * c2
    h, s12 = k * s2, np.sin(q1 + q2) * (9.81 * m2 * l2)
    r1 = u[0] + h * (2.0 * w1 * w2 + w2 * w2) - (m1 + m2) * l1 * 9.81 * np.sin(q1) - s12
    r2 = u[1] - h * w1 * w1 - s12
    det = m11 * b - m12 * m12
    return np.array([w1, w2, (b * r1 - m12 * r2) / det, (m11 * r2 - m12 * r1) / det])


def runge_kutta(x: Any, u: Any, p: Any) -> Any:
    """One step of the classical Runge–Kutta method (Kutta 1901)."""
    k1 = arm(x, u, p)
    k2 = arm(x + DT / 2 * k1, u, p)
    k3 = arm(x + DT / 2 * k2, u, p)
    k4 = arm(x + DT * k3, u, p)
    return x + DT / 6 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def arm_cost(x: Any, u: Any, p: Any) -> Any:
    return np.sum(runge_kutta(x, u, p) ** 2)


def on(module: Any, formulas: Scope) -> Scope:
    """The same formulas on another module with NumPy's names."""
    scope: Scope = {**formulas, "np": module}
    for name, f in formulas.items():
        if isinstance(f, types.FunctionType):
            scope[name] = types.FunctionType(f.__code__, scope, name)
    return scope


# ---- forms


def _graphc(derive: Derive, args: Sequence[Any], formulas: Scope) -> Callable[[], Call]:
    def form() -> Call:
        import graphc

        compiled = derive(graphc, formulas)
        return lambda: compiled(*args)

    return form


def _jax(derive: Derive, args: Sequence[Any], formulas: Scope) -> Callable[[], Call]:
    def form() -> Call:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        compiled = jax.jit(derive(jax, on(jnp, formulas)))
        device = [jax.device_put(a) for a in args]
        return lambda: jax.block_until_ready(compiled(*device))

    return form


def _autograd(derive: Derive, args: Sequence[Any], formulas: Scope) -> Callable[[], Call]:
    def form() -> Call:
        import autograd
        import autograd.numpy as anp

        compiled = derive(autograd, on(anp, formulas))
        return lambda: compiled(*args)

    return form


def _torch(derive: Derive, args: Sequence[Any], formulas: Scope) -> Callable[[], Call]:
    def form() -> Call:
        import torch

        derived = derive(torch.func, on(_numpy_names(torch), formulas))
        tensors = [torch.from_numpy(np.asarray(a)) for a in args]
        return lambda: derived(*tensors)

    return form


def _numpy_names(torch: Any) -> Any:
    """PyTorch's functions under NumPy's names."""
    other = {"array": torch.stack, "max": torch.amax}
    same = [
        "sum",
        "mean",
        "cos",
        "sin",
        "tanh",
        "exp",
        "log",
        "sqrt",
        "logaddexp",
        "concatenate",
        "stack",
        "einsum",
    ]
    return types.SimpleNamespace(**other, **{name: getattr(torch, name) for name in same})


def _casadi(
    derive: Derive, args: Sequence[Any], formulas: Scope, *, copies: bool = True
) -> Callable[[], Call]:
    def form() -> Call:
        import casadi

        # Loops need expressions of matrices; everything else is faster written out number by number.
        kind = casadi.MX if getattr(derive, "has_loops", False) else casadi.SX
        symbols = [kind.sym(f"x{i}", *np.shape(a)) for i, a in enumerate(args)]
        return compiled_c(symbols, derive(casadi, symbols), args, copies=copies)

    return form


def forms(formulas: Scope, args: Sequence[Any], **derivations: Derive) -> dict[str, Callable[[], Call]]:
    """For each peer `derive(module, formulas)` compiled and applied to `args`; CasADi's gets its symbols.

    CasADi's form also needs a C compiler, and is left out without one.
    """
    makers = {"graphc": _graphc, "jax": _jax, "torch": _torch, "autograd": _autograd, "casadi": _casadi}
    made = {}
    for peer, derive in derivations.items():
        missing = peer == "casadi" and (shutil.which("cc") is None or importlib.util.find_spec(peer) is None)
        if not missing:
            made[peer] = makers[peer](derive, args, formulas)
        if not missing and peer == "casadi":
            made["casadi bare"] = _casadi(derive, args, formulas, copies=False)
    return made


def every_number(result: Any) -> np.ndarray:
    """Every number of a result, in one array."""
    if isinstance(result, tuple | list):
        return np.concatenate([every_number(r) for r in result])
    return np.asarray(result, np.float64).reshape(-1)


FORMULAS: Scope = {
    "np": np,
    "DT": DT,
    **{f.__name__: f for f in (rosenbrock, logistic_loss, tanh_layer, arm, runge_kutta, arm_cost)},
}


def derivative_workloads() -> list[Workload]:
    rng = np.random.default_rng(0)
    x20 = rng.normal(size=20)
    w, x, y = rng.normal(size=10), rng.normal(size=(100, 10)), (rng.random(100) > 0.5) * 1.0
    square, shift, point = rng.normal(size=(50, 50)) / 7, rng.normal(size=50), rng.normal(size=50)
    state, torque, body = np.array([0.3, -0.4, 0.1, 0.2]), rng.normal(size=2), np.array([1.0, 0.8, 1.0, 0.7])
    torques = rng.normal(size=(1000, 2))

    def hessian(name: str) -> dict[str, Any]:
        return dict.fromkeys(("graphc", "jax", "torch", "autograd"), lambda m, f: m.hessian(f[name]))

    def casadi_rosenbrock(c: Any, s: Any) -> Any:
        value = c.sum1(100 * (s[0][1:] - s[0][:-1] ** 2) ** 2 + (1 - s[0][:-1]) ** 2)
        return [c.hessian(value, s[0])[0]]

    def casadi_logistic(c: Any, s: Any) -> Any:
        z = s[1] @ s[0]
        return [c.hessian(c.sum1(c.log1p(c.exp(z)) - s[2] * z) / 100, s[0])[0]]

    def casadi_tanh(c: Any, s: Any) -> Any:
        return [c.jacobian(c.tanh(s[1] @ s[0] + s[2]), s[0])]

    def casadi_arm(c: Any, s: Any) -> Any:
        return c.sumsqr(casadi_step(c, *s))

    argnums = {"argnums": (0, 1, 2)}
    arms = (state, torque, body)
    rows = [
        ("Hessian of Rosenbrock, 20", (x20,), {**hessian("rosenbrock"), "casadi": casadi_rosenbrock}),
        (
            "Hessian of logistic loss, 100x10",
            (w, x, y),
            {**hessian("logistic_loss"), "casadi": casadi_logistic},
        ),
        (
            "Jacobian of a tanh layer, 50 to 50",
            (point, square, shift),
            {
                "graphc": lambda m, f: m.jacobian(f["tanh_layer"]),
                "jax": lambda m, f: m.jacfwd(f["tanh_layer"]),
                "torch": lambda m, f: m.jacrev(f["tanh_layer"]),
                "autograd": lambda m, f: m.jacobian(f["tanh_layer"]),
                "casadi": casadi_tanh,
            },
        ),
        (
            "robot arm, one step, value",
            arms,
            {
                "graphc": lambda m, f: m.compile(f["arm_cost"]),
                "jax": lambda m, f: f["arm_cost"],
                "torch": lambda m, f: f["arm_cost"],
                "casadi": lambda c, s: [casadi_arm(c, s)],
            },
        ),
        (
            "robot arm, one step, gradients",
            arms,
            {
                "graphc": lambda m, f: m.grad(f["arm_cost"], **argnums),
                "jax": lambda m, f: m.grad(f["arm_cost"], **argnums),
                "torch": lambda m, f: m.grad(f["arm_cost"], **argnums),
                "casadi": lambda c, s: [c.gradient(casadi_arm(c, s), v) for v in s],
            },
        ),
        (
            "robot arm, scan of 1000 steps, value",
            (state, torques, body),
            {
                "graphc": lambda m, f: m.compile(_rollout(m.scan, f)),
                "jax": lambda m, f: _rollout(m.lax.scan, f),
                "torch": lambda m, f: _rollout(_python_scan, f),
                "casadi": _with_loops(lambda c, s: [_casadi_rollout(c, *s)]),
            },
        ),
        (
            "robot arm, scan of 1000 steps, gradients",
            (state, torques, body),
            {
                "graphc": lambda m, f: m.grad(_rollout(m.scan, f), **argnums),
                "jax": lambda m, f: m.grad(_rollout(m.lax.scan, f), **argnums),
                "torch": lambda m, f: m.grad(_rollout(_python_scan, f), **argnums),
                "casadi": _with_loops(lambda c, s: [c.gradient(_casadi_rollout(c, *s), v) for v in s]),
            },
        ),
    ]
    return [
        Workload(name, forms(FORMULAS, args, **derivations), every_number, tolerance=1e-6)
        for name, args, derivations in rows
    ]


def _rollout(scan: Any, formulas: Scope) -> Callable[..., Any]:
    """The cost of the last state after a scan over the torques."""
    step, module = formulas["runge_kutta"], formulas["np"]

    def cost(x: Any, us: Any, p: Any) -> Any:
        last, _ = scan(lambda x, u: (step(x, u, p), None), x, us)
        return module.sum(last**2)

    return cost


def _python_scan(f: Any, carry: Any, xs: Any) -> tuple[Any, None]:
    """The loop that PyTorch's users write."""
    for x in xs:
        carry, _ = f(carry, x)
    return carry, None


def _with_loops(derive: Derive) -> Derive:
    """Marks a derivation that uses CasADi's loops."""
    derive.has_loops = True  # type: ignore[attr-defined]
    return derive


def _casadi_rollout(c: Any, x: Any, us: Any, p: Any) -> Any:
    """The cost of the last state, by CasADi's `mapaccum`."""
    shapes = (4, 2, 4)
    symbols = [c.SX.sym(name, n) for name, n in zip("xup", shapes, strict=True)]
    step = c.Function("step", symbols, [casadi_step(c, *symbols)])
    count = us.shape[0]
    states = step.mapaccum(count)(x, us.T, c.repmat(p, 1, count))
    return c.sumsqr(states[:, -1])


def casadi_step(c: Any, x: Any, u: Any, p: Any) -> Any:
    """`runge_kutta` on CasADi's symbols."""
    functions = types.SimpleNamespace(cos=c.cos, sin=c.sin, array=lambda items: c.vertcat(*items))
    return on(functions, FORMULAS)["runge_kutta"](x, u, p)
