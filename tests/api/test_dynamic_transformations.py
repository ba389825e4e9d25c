"""One program serves every size through every transformation: sizes stay symbolic in what it derives."""

import numpy as np
import pytest

import graphc


def quadratic(x):
    return np.sum(np.sin(x) * np.roll(x, 1)) + np.sum(x) ** 2 / x.shape[0]


def residual(w, x):
    return np.tanh(x @ w)


def recurrence(x, a):
    def step(c, v):
        c = np.tanh(c * a + v)
        return c, c * v

    last, ys = graphc.scan(step, np.zeros(2), x)
    return np.sum(last) + np.sum(ys)


X3, W3 = np.linspace(-1.0, 1.0, 15).reshape(5, 3), np.array([0.3, -0.2, 0.8])

CASES = {
    "grad": (lambda x: graphc.grad(quadratic)(x), {"x": "f64[N]"}, lambda n: (np.linspace(0, 2, n),)),
    "hvp": (
        lambda x, v: graphc.hvp(quadratic, (x,), (v,))[0],
        {"x": "f64[N]", "v": "f64[N]"},
        lambda n: (np.linspace(0, 2, n), np.cos(np.arange(n))),
    ),
    "jvp": (
        lambda x, v: graphc.jvp(quadratic, (x,), (v,)),
        {"x": "f64[N]", "v": "f64[N]"},
        lambda n: (np.linspace(0, 2, n), np.cos(np.arange(n))),
    ),
    "hessian": (lambda x: graphc.hessian(quadratic)(x), {"x": "f64[N]"}, lambda n: (np.linspace(0, 2, n),)),
    "jacobian by the weights": (
        lambda w, x: graphc.jacobian(residual)(w, x),
        {"x": "f64[N, 3]"},
        lambda n: (W3, np.resize(X3, (n, 3))),
    ),
    "vmap of grad": (
        lambda x: graphc.vmap(graphc.grad(lambda row: np.prod(np.cos(row))))(x),
        {"x": "f64[N, 3]"},
        lambda n: (np.resize(X3, (n, 3)),),
    ),
    "grad through scan": (
        lambda x, a: graphc.grad(recurrence, argnums=(0, 1))(x, a),
        {"x": "f64[N, 2]"},
        lambda n: (np.resize(X3, (n, 2)), 0.7),
    ),
    "vmap of grad of scan": (
        lambda x, a: graphc.vmap(graphc.grad(recurrence), in_axes=(0, None))(x, a),
        {"x": "f64[B, N, 2]"},
        lambda n: (np.resize(X3, (3, n, 2)), 0.7),
    ),
    "while": (
        lambda x: graphc.grad(
            lambda x: np.sum(graphc.while_loop(lambda c: np.sum(c * c) < 50.0, lambda c: c * 1.5 + x, x))
        )(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0.5, 1.0, n),),
    ),
    "cond": (
        lambda x: graphc.grad(lambda x: graphc.cond(np.sum(x) > 2, lambda: np.sum(x**3), lambda: x[0]))(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 2, n),),
    ),
    "checkpoint": (
        lambda x: graphc.grad(lambda x: np.sum(graphc.checkpoint(np.sin)(x) ** 2))(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 2, n),),
    ),
    "root": (
        lambda x: graphc.grad(lambda x: np.sum(graphc.root(lambda y: y + y**3 / 9 - x, x)))(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 2, n),),
    ),
    "fixed point": (
        lambda x: graphc.grad(lambda x: np.sum(graphc.fixed_point(lambda y: np.cos(x * y), x)))(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 1, n),),
    ),
    "differential equation": (
        lambda x: graphc.grad(
            lambda x: np.sum(graphc.odeint(lambda y, t: -y * y, x, [0.0, 1.0], method="rk4", steps=3))
        )(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 1, n),),
    ),
    "random draws": (
        lambda x, key: graphc.grad(lambda x: np.sum(x * graphc.random.normal(key, x.shape)))(x),
        {"x": "f64[N]"},
        lambda n: (np.linspace(0, 2, n), graphc.random.key(3)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_program_for_every_size(name):
    function, dynamic, arguments = CASES[name]
    varying = graphc.compile(function, dynamic=dynamic)
    for n in (1, 2, 5, 17):
        args = arguments(n)
        fixed = graphc.compile(function)(*args)
        for a, e in zip(_flat(varying(*args)), _flat(fixed), strict=True):
            assert a.shape == e.shape
            np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-12)
    assert varying.cache_info().programs == 1


def _flat(result):
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in _flat(part)]
    return [np.asarray(result)]
