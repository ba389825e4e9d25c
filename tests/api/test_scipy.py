"""SciPy's solvers take compiled functions and their derivatives as they are."""

import numba
import numpy as np
import pytest

import graphc
from graphc.api.numba_interop import register
from tests.api.raising import raises_exactly

register()  # Numba does it where graphc is installed; tests also run from the source alone
integrate = pytest.importorskip("scipy.integrate")
optimize = pytest.importorskip("scipy.optimize")


def valley(x):
    """Rosenbrock's function (1960): the least value, 0, is at 1, …, 1."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


value_and_slope = graphc.value_and_grad(valley)


def cubic_pair(x):
    """Two equations of SciPy's documentation of `root`; the solution is 0.8411639, 0.1588361."""
    return np.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])


def rows_of_jacobian(function, rows):
    """x -> the Jacobian of `function`, one pullback a row."""

    def jacobian(x):
        _, pullback = graphc.vjp(function, x)
        return np.stack([pullback(row)[0] for row in np.eye(rows)])

    return graphc.compile(jacobian)


SOLUTION = [0.8411639019, 0.1588360981]


def test_values_and_gradients_have_the_types_that_scipy_expects():
    value, slope = value_and_slope(np.zeros(5))
    assert isinstance(value, float)
    assert type(slope) is np.ndarray
    assert slope.dtype == np.float64
    assert slope.flags.writeable
    assert value_and_slope(np.zeros(5, np.float32))[1].dtype == np.float32


def test_the_gradient_passes_scipys_check():
    x = np.arange(4.0) / 3
    # Forward differences with a step of 1.5e-8 of a function whose second derivatives are about 1000.
    assert optimize.check_grad(graphc.compile(valley), graphc.grad(valley), x) < 1e-4


@pytest.mark.parametrize("method", ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
@pytest.mark.parametrize(
    "start", [np.zeros(5), np.zeros(5, np.int64), [0, 0, 0, 0, 0]], ids=["f64", "i64", "list"]
)
def test_minimize_with_the_gradient(method, start):
    found = optimize.minimize(value_and_slope, start, jac=True, method=method)
    np.testing.assert_allclose(found.x, np.ones(5), atol=1e-3)


def test_minimize_with_arguments_and_products_with_the_hessian():
    def scaled(x, scale):
        return scale * valley(x)

    slope = graphc.grad(scaled)

    def product(x, p, scale):
        return graphc.grad(lambda x: np.sum(slope(x, scale) * p))(x)

    options = {"args": (3.0,), "jac": True, "hessp": graphc.compile(product)}
    for method in ("Newton-CG", "trust-ncg", "trust-krylov"):
        found = optimize.minimize(graphc.value_and_grad(scaled), np.full(4, -1.0), method=method, **options)
        np.testing.assert_allclose(found.x, np.ones(4), atol=1e-4)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root_with_the_jacobian(method):
    jacobian = rows_of_jacobian(cubic_pair, 2)
    found = optimize.root(graphc.compile(cubic_pair), np.zeros(2), jac=jacobian, method=method)
    assert found.success
    np.testing.assert_allclose(found.x, SOLUTION, rtol=1e-8)


def test_an_integer_start_of_root_reaches_the_derivative_and_is_refused_there():
    """`root` hands x0 over as it is; `minimize` and `least_squares` convert it."""
    text = (
        "cannot differentiate with respect to argument x, whose dtype is int64\n"
        "  Derivatives exist with respect to real values: pass a float, or choose other argnums."
    )
    with raises_exactly(graphc.DifferentiationError, text):
        optimize.root(graphc.grad(valley), [0, 0])


def test_scalar_roots():
    def cube(x):
        return x**3 - 2.0

    compiled, slope = graphc.compile(cube), graphc.grad(cube)
    root = 2.0 ** (1 / 3)
    assert abs(optimize.brentq(compiled, 0.0, 2.0) - root) < 1e-11
    assert abs(optimize.newton(compiled, 1.0, fprime=slope, fprime2=graphc.grad(slope)) - root) < 1e-11
    pair = optimize.root_scalar(graphc.value_and_grad(cube), x0=1.0, fprime=True, method="newton")
    assert abs(pair.root - root) < 1e-11


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_fits_a_decay(method):
    t = np.linspace(0, 4, 30)
    truth = np.array([2.5, 1.3, 0.5])
    y = truth[0] * np.exp(-truth[1] * t) + truth[2]

    def residuals(p):
        return p[0] * np.exp(-p[1] * t) + p[2] - y

    jacobian = rows_of_jacobian(residuals, 30)
    start = np.array([1, 1, 1])  # integers: least_squares makes them floats
    found = optimize.least_squares(graphc.compile(residuals), start, jac=jacobian, method=method)
    np.testing.assert_allclose(found.x, truth, rtol=1e-7)
    exact = np.stack([np.exp(-1.3 * t), -2.5 * t * np.exp(-1.3 * t), np.ones(30)], axis=1)
    np.testing.assert_allclose(jacobian(truth), exact, rtol=1e-13)


def test_curve_fit():
    def model(t, a, b):
        return a * np.exp(-b * t)

    t = np.linspace(0, 2, 40)
    found, _ = optimize.curve_fit(graphc.compile(model), t, model(t, 3.0, 0.7), p0=[1.0, 1.0])
    np.testing.assert_allclose(found, [3.0, 0.7], rtol=1e-7)


@pytest.mark.parametrize("method", ["RK45", "DOP853", "LSODA", "Radau", "BDF"])
def test_solve_ivp_with_a_compiled_right_hand_side(method):
    """A stiff linear system with the solution y₀ = 2e⁻ᵗ - e⁻²⁰ᵗ, y₁ = -e⁻ᵗ + e⁻²⁰ᵗ."""

    def rate(t, y):
        return np.stack([18.0 * y[0] + 38.0 * y[1], -19.0 * y[0] - 39.0 * y[1]])

    jacobian = graphc.compile(
        lambda t, y: np.stack([graphc.vjp(lambda y: rate(t, y), y)[1](e)[0] for e in np.eye(2)])
    )
    options = {"jac": jacobian} if method in ("LSODA", "Radau", "BDF") else {}
    compiled = graphc.compile(rate)
    found = integrate.solve_ivp(compiled, (0, 2), [1, 0], method=method, rtol=1e-8, atol=1e-10, **options)
    slow, fast = np.exp(-found.t), np.exp(-20 * found.t)
    np.testing.assert_allclose(found.y, [2 * slow - fast, fast - slow], atol=1e-6)
    # Time comes as Python's float or NumPy's, and one program serves each, however many steps there are.
    assert compiled.cache_info().programs <= 2


def test_quad_integrates_a_compiled_function():
    integral, _ = integrate.quad(graphc.compile(lambda x: np.exp(-x * x)), -np.inf, np.inf)
    assert abs(integral - np.sqrt(np.pi)) < 1e-8


def test_scipy_minimises_a_function_that_calls_compiled_code_from_numba():
    """A loop of Numba's around value and gradient, which SciPy then polishes."""

    @numba.njit
    def descend(x, steps):
        value = 0.0
        for _ in range(steps):
            value, slope = value_and_slope(x)
            x = x - 1e-3 * slope
        return x, value

    x, value = descend(np.zeros(3), 2000)
    expected = np.zeros(3)
    for _ in range(2000):
        expected = expected - 1e-3 * value_and_slope(expected)[1]
    np.testing.assert_allclose(x, expected, rtol=1e-9)
    found = optimize.minimize(value_and_slope, x, jac=True)
    assert found.fun < 1e-10 < value


def test_an_exception_inside_the_solver_is_the_users_own():
    def inverse(x):
        return np.sum(np.linalg.inv(np.reshape(x, (2, 2))))

    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        optimize.minimize(graphc.value_and_grad(inverse), np.ones(4), jac=True)
