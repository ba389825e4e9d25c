"""Solutions of differential equations against closed forms and SciPy, and their derivatives."""

import re

import numpy as np
import pytest
import scipy.integrate

import graphc

BACKENDS = ("cpu", "numba", "interpret")
TIMES = np.array([0.0, 0.5, 2.0, 2.5, 6.0])


def decay(y, t, a):
    return -a * y


def pendulum(y, t, length, friction):
    return np.stack([y[1], -np.sin(y[0]) / length - friction * y[1]])


def swing(length, friction, **options):
    return graphc.odeint(pendulum, np.array([1.0, 0.0]), TIMES, length, friction, **options)


def swing_by_scipy(length, friction):
    solved = scipy.integrate.solve_ivp(
        lambda t, y: [y[1], -np.sin(y[0]) / length - friction * y[1]],
        (0.0, 6.0),
        [1.0, 0.0],
        method="DOP853",
        t_eval=TIMES,
        rtol=1e-12,
        atol=1e-13,
    )
    return solved.y.T


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"method": "rk4", "steps": 64}], ids=["dopri5", "rk4"])
def test_the_solution_is_that_of_scipy(backend, options):
    found = graphc.compile(lambda a, b: swing(a, b, **options), backend=backend)(1.5, 0.1)
    np.testing.assert_allclose(found, swing_by_scipy(1.5, 0.1), rtol=1e-6, atol=1e-7)


def test_outside_a_trace_it_is_the_same_computation():
    np.testing.assert_allclose(swing(1.5, 0.1), graphc.compile(swing)(1.5, 0.1), rtol=1e-12, atol=1e-13)
    plain = swing(1.5, 0.1, method="rk4")
    np.testing.assert_allclose(
        plain, graphc.compile(lambda a, b: swing(a, b, method="rk4"))(1.5, 0.1), rtol=1e-13
    )


def test_smaller_tolerances_give_smaller_errors():
    exact = np.exp(-1.5 * TIMES)
    errors = [
        np.max(np.abs(graphc.odeint(decay, 1.0, TIMES, 1.5, rtol=tol, atol=tol) - exact))
        for tol in (1e-4, 1e-7, 1e-10)
    ]
    assert errors[0] < 1e-3 and errors[1] < 1e-6 and errors[2] < 1e-9
    assert errors[0] > 100 * errors[1] > 1e4 * errors[2]


def test_the_fixed_steps_are_of_order_four():
    exact = np.exp(-1.5 * TIMES)
    errors = [
        np.max(np.abs(graphc.odeint(decay, 1.0, TIMES, 1.5, method="rk4", steps=n) - exact)) for n in (8, 16)
    ]
    assert 14 < errors[0] / errors[1] < 20  # 2⁴, and what higher orders add


@pytest.mark.parametrize("options", [{}, {"method": "rk4", "steps": 40}], ids=["dopri5", "rk4"])
def test_derivatives_are_those_of_the_closed_form(options):
    """y = exp(-a t): ∂y/∂a = -t y, ∂²y/∂a² = t² y."""

    def end(a):
        return graphc.odeint(decay, 1.0, TIMES, a, **options)[-1]

    exact = np.exp(-0.5 * 6.0)
    np.testing.assert_allclose(graphc.grad(end)(0.5), -6 * exact, rtol=1e-6)
    np.testing.assert_allclose(graphc.jvp(end, (0.5,), (1.0,))[1], -6 * exact, rtol=1e-6)
    np.testing.assert_allclose(graphc.jacfwd(graphc.grad(end))(0.5), 36 * exact, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [pytest.param({}, marks=pytest.mark.slow), {"method": "rk4", "steps": 40}],
    ids=["dopri5", "rk4"],
)
def test_reverse_over_reverse_mode(options):
    def end(a):
        return graphc.odeint(decay, 1.0, TIMES, a, **options)[-1]

    np.testing.assert_allclose(graphc.grad(graphc.grad(end))(0.5), 36 * np.exp(-0.5 * 6.0), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"method": "rk4", "steps": 64}], ids=["dopri5", "rk4"])
def test_gradients_are_differences_of_scipys_solution(options):
    weights = np.random.default_rng(3).normal(size=(5, 2))
    found = graphc.grad(lambda a, b: np.sum(weights * swing(a, b, **options)), argnums=(0, 1))(1.5, 0.1)
    h = 1e-5
    expected = [
        np.sum(weights * (swing_by_scipy(1.5 + h, 0.1) - swing_by_scipy(1.5 - h, 0.1))) / (2 * h),
        np.sum(weights * (swing_by_scipy(1.5, 0.1 + h) - swing_by_scipy(1.5, 0.1 - h))) / (2 * h),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_derivatives_by_start_and_times():
    """y(T) = y0 exp(-a (T - t0)): by y0 the exponential, by T the slope, by t0 its negative."""

    def end(y0, t):
        return graphc.odeint(decay, y0, t, 0.5)[-1]

    by_start, by_times = graphc.grad(end, argnums=(0, 1))(2.0, TIMES)
    exact = np.exp(-3.0)
    np.testing.assert_allclose(by_start, exact, rtol=1e-7)
    np.testing.assert_allclose(by_times, [exact, 0, 0, 0, -exact], atol=1e-7)


def test_an_equation_that_mentions_time_and_closes_over_a_parameter():
    """y' = a cos t, y = y0 + a sin t."""

    def solve(a):
        return graphc.odeint(lambda y, t: a * np.cos(t), 1.0, TIMES)

    np.testing.assert_allclose(solve(2.0), 1 + 2 * np.sin(TIMES), atol=1e-6)
    np.testing.assert_allclose(graphc.jacrev(solve)(2.0), np.sin(TIMES), atol=1e-6)
    np.testing.assert_allclose(graphc.jacfwd(solve)(2.0), np.sin(TIMES), atol=1e-6)


def test_trees_as_state():
    def oscillator(state, t, omega):
        return {"x": state["v"], "v": -(omega**2) * state["x"], "rest": [np.zeros((2, 1))]}

    start = {"x": np.array([1.0, 2.0]), "v": np.zeros(2), "rest": [np.ones((2, 1))]}
    for solve in (
        graphc.odeint,
        lambda *a: graphc.compile(lambda s, w: graphc.odeint(a[0], s, a[2], w))(a[1], a[3]),
    ):
        found = solve(oscillator, start, TIMES, 3.0)
        np.testing.assert_allclose(found["x"], np.cos(3 * TIMES)[:, None] * [1.0, 2.0], atol=2e-6)
        assert found["v"].shape == (5, 2)
        np.testing.assert_array_equal(found["rest"][0], np.ones((5, 2, 1)))


def test_a_derivative_made_by_np_array_of_numbers():
    def pendulum(y, t, p):
        return np.array([y[1], -p[0] * np.sin(y[0]) - p[1] * y[1]])

    def swing(y0, p):
        return graphc.odeint(pendulum, y0, np.linspace(0.0, 2.0, 5), p)

    y0, p = np.array([0.3, 0.0]), np.array([9.8, 0.1])
    np.testing.assert_allclose(graphc.compile(swing)(y0, p), swing(y0, p), rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"method": "rk4", "steps": 64}], ids=["dopri5", "rk4"])
def test_backwards_in_time(options):
    found = graphc.odeint(lambda y, t: y * np.cos(t), 1.0, -TIMES, **options)
    np.testing.assert_allclose(found, np.exp(np.sin(-TIMES)), rtol=1e-6)


def test_one_time_and_times_that_repeat():
    np.testing.assert_array_equal(graphc.odeint(decay, 3.0, [1.0], 1.0), [3.0])
    found = graphc.odeint(decay, 1.0, [0.0, 1.0, 1.0], 1.0)
    assert found[1] == found[2]
    np.testing.assert_allclose(found[1], np.exp(-1), rtol=1e-7)


def test_single_precision():
    found = graphc.compile(lambda a: graphc.odeint(decay, np.float32(1), TIMES, a))(np.float32(0.5))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.exp(-0.5 * TIMES), rtol=1e-4)


def test_all_examples_of_a_batch_step_for_themselves():
    lengths = np.array([0.5, 1.0, 4.0])
    found = graphc.vmap(lambda a: swing(a, 0.1))(lengths)
    np.testing.assert_allclose(found, [swing_by_scipy(a, 0.1) for a in lengths], rtol=1e-5, atol=1e-6)
    slopes = graphc.vmap(graphc.grad(lambda a: graphc.odeint(decay, 1.0, TIMES, a)[-1]))(lengths)
    np.testing.assert_allclose(slopes, -6 * np.exp(-6 * lengths), rtol=1e-5, atol=1e-7)


# ---- errors


def raised(error, function, *args):
    with pytest.raises(error) as caught:
        function(*args)
    return str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_solution_that_ends_before_the_last_time(backend):
    """y' = y², y(0) = 1 has a pole at t = 1."""

    def solve(y0):
        return graphc.odeint(lambda y, t: y * y, y0, np.array([0.0, 2.0]), max_steps=500)

    text = raised(graphc.ConvergenceError, graphc.compile(solve, backend=backend), 1.0)
    assert re.fullmatch(
        r"odeint did not reach every time in t within max_steps=500"
        r"(: the residual is 1 after \d+ steps)?\n"
        r"  at test_odeint.py:\d+\n"
        r"  t must increase or decrease throughout. Raise max_steps or the tolerances; a stiff equation "
        r"needs an implicit method.",
        text,
    ), text


@pytest.mark.parametrize("derivative", [graphc.grad, graphc.jacfwd])
def test_no_derivative_of_a_solution_that_was_not_reached(derivative):
    """The value is not asked for, and the derivative raises all the same."""

    def end(y0):
        return graphc.odeint(lambda y, t: y * y, y0, [0.0, 2.0], max_steps=500)[-1]

    assert "odeint did not reach" in raised(graphc.ConvergenceError, derivative(end), 1.0)


def test_outside_a_trace_the_error_tells_how_far_it_came():
    text = raised(graphc.ConvergenceError, lambda: graphc.odeint(lambda y, t: y * y, 1.0, [0.0, 2.0]))
    assert "the residual is 1 after" in text


def test_times_in_no_order():
    text = raised(graphc.ConvergenceError, lambda: graphc.odeint(decay, 1.0, [0.0, 2.0, 1.0, 3.0], 1.0))
    assert "t must increase or decrease throughout" in text


def test_a_state_that_is_not_finite():
    assert "odeint did not reach" in raised(
        graphc.ConvergenceError, lambda: graphc.odeint(decay, np.nan, [0.0, 1.0], 1.0, max_steps=100)
    )


def test_arguments_of_another_kind():
    text = raised(graphc.ShapeError, lambda: graphc.odeint(lambda y, t: y[:1], np.ones(2), [0.0, 1.0]))
    assert "f of odeint returned * with shapes [(1,)], but y0 is * with shapes [(2,)]" in text
    text = raised(graphc.ArgumentError, lambda: graphc.odeint(decay, 1.0, [0.0, 1.0], 1.0, method="euler"))
    assert "method='euler'" in text and "Choose 'dopri5' or 'rk4'." in text
    text = raised(graphc.ArgumentError, lambda: graphc.odeint(decay, 1.0, [0.0, 1.0], 1.0, steps=0))
    assert "odeint with max_steps=10000 and steps=0" in text
    text = raised(graphc.ShapeError, lambda: graphc.odeint(decay, 1.0, 1.0, 1.0))
    assert "odeint at times t of shape ()" in text
    text = raised(graphc.DTypeError, lambda: graphc.odeint(decay, np.arange(2), [0.0, 1.0], 1.0))
    assert "y0 is an array of int64" in text
