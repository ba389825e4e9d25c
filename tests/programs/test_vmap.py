"""What people batch: gradients of each example, systems of equations, distances, and NumPy's functions."""

import itertools

import numpy as np
import pytest

import graphc
from tests.laws.test_symbolic_sizes import FUNCTIONS, NOT_SMOOTH
from tests.programs.checks import flat

rng = np.random.default_rng(7)
SIZES = [(3, 4, 5), (1, 2, 3), (6, 3, 3), (0, 2, 2), (33, 5, 2)]


def looped(f, *args):
    """f of each example in NumPy, stacked."""
    rows = [flat(f(*(a[i] for a in args))) for i in range(len(args[0]))]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_functions_over_examples_of_any_size(name):
    f = FUNCTIONS[name]
    many = graphc.compile(graphc.vmap(f), dynamic={"x": "f64[B, N, M]"})
    for b, n, m in SIZES:
        x = rng.normal(size=(b, n, m))
        found = flat(many(x))
        for actual, expected in zip(found, looped(f, x) if b else found, strict=True):
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
            assert len(actual) == b
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-11)
    assert many.cache_info().programs == 1


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in NOT_SMOOTH])
def test_gradients_of_each_example_for_any_size(name):
    """Also where only some of the sizes are symbolic; compared with the gradient of the function alone."""

    def loss(x):
        return np.sum(np.sin(FUNCTIONS[name](x)))

    alone = graphc.grad(graphc.compile(loss, backend="interpret"))
    many = graphc.compile(graphc.vmap(graphc.grad(loss)), dynamic={"x": "f64[B, N, M]"})
    some = graphc.compile(graphc.grad(lambda x: np.sum(graphc.vmap(loss)(x))), dynamic={"x": "f64[B, 4, 5]"})
    x = rng.normal(size=(3, 4, 5))
    expected = np.stack([alone(row) for row in x])
    np.testing.assert_allclose(many(x), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(some(x), expected, rtol=1e-9, atol=1e-10)


def test_gradients_of_a_network_for_each_example():
    def predict(params, x):
        for w, b in params[:-1]:
            x = np.maximum(x @ w + b, 0.0)
        w, b = params[-1]
        return x @ w + b

    def loss(params, x, label):
        scores = predict(params, x)
        return np.log(np.sum(np.exp(scores))) - scores[label]

    sizes = [5, 16, 16, 3]
    params = [(rng.normal(size=(n, m)), rng.normal(size=m)) for n, m in itertools.pairwise(sizes)]
    x, labels = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    each = graphc.vmap(graphc.grad(loss), in_axes=(None, 0, 0))(params, x, labels)
    mean = graphc.grad(lambda p: np.mean(graphc.vmap(loss, (None, 0, 0))(p, x, labels)))(params)
    for i in range(20):
        one = graphc.grad(loss)(params, x[i], labels[i])
        for (dw, db), (w, b) in zip(each, one, strict=True):
            np.testing.assert_allclose(dw[i], w, rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(db[i], b, rtol=1e-11, atol=1e-13)
    for (dw, db), (w, b) in zip(each, mean, strict=True):
        np.testing.assert_allclose(dw.mean(0), w, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(db.mean(0), b, rtol=1e-11, atol=1e-13)
    direction = rng.normal(size=(5, 16))
    ahead, behind = ([(params[0][0] + s * direction, params[0][1]), *params[1:]] for s in (1e-6, -1e-6))
    numeric = [(loss(ahead, x[i], labels[i]) - loss(behind, x[i], labels[i])) / 2e-6 for i in range(20)]
    np.testing.assert_allclose(np.sum(each[0][0] * direction, axis=(1, 2)), numeric, rtol=1e-6, atol=1e-7)


SYSTEMS = rng.normal(size=(8, 4, 4)) + 4 * np.eye(4)
RIGHT = rng.normal(size=(8, 4))


@pytest.mark.parametrize("mapped", [(0, 0), (0, None), (None, 0)])
def test_systems_of_equations(mapped):
    a, b = SYSTEMS if mapped[0] == 0 else SYSTEMS[0], RIGHT if mapped[1] == 0 else RIGHT[0]
    x = graphc.vmap(np.linalg.solve, mapped)(a, b)
    assert x.shape == (8, 4)
    np.testing.assert_allclose(np.einsum("...ij,...j->...i", a, x), np.broadcast_to(b, (8, 4)), atol=1e-12)

    def first(a, b):
        return np.linalg.solve(a, b)[0]

    da, db = graphc.vmap(graphc.grad(first, (0, 1)), mapped)(a, b)
    for i in range(8):
        ai, bi = a[i] if mapped[0] == 0 else a, b[i] if mapped[1] == 0 else b
        inverse = np.linalg.inv(ai)
        np.testing.assert_allclose(db[i], inverse[0], atol=1e-12)
        np.testing.assert_allclose(da[i], -np.outer(inverse[0], inverse @ bi), atol=1e-12)


def test_one_matrix_is_factored_once_for_all_right_hand_sides():
    graph = graphc.vmap(np.linalg.solve, (None, 0)).lower("f64[4, 4]", "f64[N, 4]").graph
    assert [str(n.args[0].type) for n in graph if n.op.name == "lu"] == ["f64[4, 4]"]
    solves = [n for n in graph if n.op.name == "triangular_solve"]
    assert [str(n.type) for n in solves] == ["f64[4, N]"] * 2


def test_pairwise_distances():
    a, b = rng.normal(size=(6, 3)), rng.normal(size=(9, 3))

    def distance(x, y):
        return np.sqrt(np.sum((x - y) ** 2))

    pairs = graphc.vmap(graphc.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))
    expected = np.linalg.norm(a[:, None] - b[None], axis=-1)
    np.testing.assert_allclose(pairs(a, b), expected, rtol=1e-13)
    slopes = graphc.vmap(graphc.vmap(graphc.grad(distance), (None, 0)), (0, None))(a, b)
    np.testing.assert_allclose(slopes, (a[:, None] - b[None]) / expected[..., None], rtol=1e-12)
    assert str(pairs.lower("f32[N, 3]", "f32[M, 3]").graph.outputs[0].type) == "f32[N, M]"


def test_log_densities_of_many_gaussians():
    stats = pytest.importorskip("scipy.stats")
    means, factors = rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 3))
    covariances = factors @ factors.swapaxes(1, 2) + np.eye(3)
    points = rng.normal(size=(7, 3))

    def log_density(x, mean, covariance):
        factor = np.linalg.cholesky(covariance)
        z = np.linalg.solve(factor, x - mean)
        return -0.5 * z @ z - np.sum(np.log(np.diag(factor))) - 1.5 * np.log(2 * np.pi)

    table = graphc.vmap(graphc.vmap(log_density, (None, 0, 0)), (0, None, None))(points, means, covariances)
    expected = [
        [stats.multivariate_normal(m, c).logpdf(x) for m, c in zip(means, covariances, strict=True)]
        for x in points
    ]
    np.testing.assert_allclose(table, expected, rtol=1e-11)


def test_hessians_by_nesting():
    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def hessian(x):
        _, pullback = graphc.vjp(graphc.grad(rosenbrock), x)
        return graphc.vmap(lambda g: pullback(g)[0])(np.eye(3, like=x))

    points = rng.normal(size=(4, 3))
    for (x, y, z), h in zip(points, graphc.vmap(hessian)(points), strict=True):
        expected = [
            [1200 * x * x - 400 * y + 2, -400 * x, 0],
            [-400 * x, 202 + 1200 * y * y - 400 * z, -400 * y],
            [0, -400 * y, 200],
        ]
        np.testing.assert_allclose(h, expected, rtol=1e-12, atol=1e-10)


def test_kernels_are_those_of_a_function_written_for_rows():
    def softmax(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    def softmax_of_rows(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    texts = [
        [line.partition("#")[0].rstrip() for line in str(f.lower("f32[N, 100]").kernels).splitlines()]
        for f in (graphc.vmap(softmax), graphc.compile(softmax_of_rows))
    ]
    assert texts[0] == texts[1]
