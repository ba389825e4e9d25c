"""Equations of motion and of populations: energy, gradients, and parameters found again from a solution."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import graphc

GRAVITY = 9.81
START = np.array([1.2, -0.6, 0.3, 0.5])  # both angles from the vertical, then their velocities
TIMES = np.linspace(0.0, 2.0, 81)


def double_pendulum(y, t, lengths, masses):
    """Two point masses on massless rods: the angular accelerations solve a 2 × 2 linear system."""
    (a, b, va, vb), (l1, l2), (m1, m2) = y, lengths, masses
    c, s = np.cos(a - b), np.sin(a - b)
    # M (a'', b'') = r, from the Lagrangian.
    m11, m12, m22 = (m1 + m2) * l1, m2 * l2 * c, l2
    r1 = -m2 * l2 * s * vb**2 - (m1 + m2) * GRAVITY * np.sin(a)
    r2 = l1 * s * va**2 - GRAVITY * np.sin(b)
    determinant = m11 * m22 - m12 * l1 * c
    return np.stack([va, vb, (m22 * r1 - m12 * r2) / determinant, (m11 * r2 - l1 * c * r1) / determinant])


def energy(y, lengths, masses):
    """Kinetic and potential energy, from the positions and velocities of the masses."""
    a, b, va, vb = np.moveaxis(y, -1, 0)
    (l1, l2), (m1, m2) = lengths, masses
    vx, vy = l1 * va * np.cos(a), l1 * va * np.sin(a)
    wx, wy = vx + l2 * vb * np.cos(b), vy + l2 * vb * np.sin(b)
    h1 = -l1 * np.cos(a)
    h2 = h1 - l2 * np.cos(b)
    kinetic = m1 * (vx**2 + vy**2) / 2 + m2 * (wx**2 + wy**2) / 2
    return kinetic + GRAVITY * (m1 * h1 + m2 * h2)


def swing(y0, lengths, masses, steps=4):
    return graphc.odeint(double_pendulum, y0, TIMES, lengths, masses, method="rk4", steps=steps)


LENGTHS, MASSES = np.array([1.0, 0.7]), np.array([1.5, 0.8])


def test_the_double_pendulum_keeps_its_energy():
    """Up to the error of the method, which falls with the fourth power of the step at least."""
    drifts = []
    for steps in (4, 8):
        path = graphc.compile(lambda *a, n=steps: swing(*a, steps=n))(START, LENGTHS, MASSES)
        assert np.ptp(path[:, 0]) > 1  # it moves
        drifts.append(np.ptp(energy(path, LENGTHS, MASSES)) / abs(energy(START, LENGTHS, MASSES)))
    assert drifts[0] < 1e-6
    assert drifts[1] < drifts[0] / 14


def test_the_double_pendulum_goes_where_scipys_does():
    solved = scipy.integrate.solve_ivp(
        lambda t, y: double_pendulum(y, t, LENGTHS, MASSES),
        (0.0, 2.0),
        START,
        method="DOP853",
        t_eval=TIMES,
        rtol=1e-12,
        atol=1e-12,
    )
    np.testing.assert_allclose(graphc.compile(swing)(START, LENGTHS, MASSES), solved.y.T, atol=1e-6)


def test_the_gradient_of_where_the_double_pendulum_ends():
    """Against central differences of the same steps in NumPy."""

    def steps_in_numpy(y, lengths, masses):
        h = (TIMES[1] - TIMES[0]) / 4
        for _ in range(4 * (len(TIMES) - 1)):
            k1 = double_pendulum(y, 0, lengths, masses)
            k2 = double_pendulum(y + h / 2 * k1, 0, lengths, masses)
            k3 = double_pendulum(y + h / 2 * k2, 0, lengths, masses)
            k4 = double_pendulum(y + h * k3, 0, lengths, masses)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return np.sum(y * [1.0, 2.0, -1.0, 0.5])

    args = (START, LENGTHS, MASSES)
    found = graphc.grad(
        lambda *a: np.sum(swing(*a)[-1] * np.array([1.0, 2.0, -1.0, 0.5])), argnums=(0, 1, 2)
    )(*args)
    for i, gradient in enumerate(found):
        for j, slope in enumerate(gradient):
            ends = []
            for h in (1e-6, -1e-6):
                moved = [a.copy() for a in args]
                moved[i][j] += h
                ends.append(steps_in_numpy(*moved))
            np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


# ---- Lotka & Volterra


def populations(y, t, p):
    hares, lynxes = y[0], y[1]
    return np.stack([p[0] * hares - p[1] * hares * lynxes, p[2] * hares * lynxes - p[3] * lynxes])


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_the_parameters_of_lotka_and_volterra_are_found_again(method):
    truth, start, times = np.array([1.1, 0.4, 0.1, 0.4]), np.array([10.0, 5.0]), np.linspace(0.0, 12.0, 25)
    counts = scipy.integrate.solve_ivp(
        lambda t, y: populations(y, t, truth), (0, 12), start, t_eval=times, rtol=1e-11, atol=1e-11
    ).y.T
    options = {"rtol": 1e-9, "atol": 1e-9} if method == "dopri5" else {"steps": 20}

    def residuals(logs):
        path = graphc.odeint(populations, counts[0], times, np.exp(logs), method=method, **options)
        return np.reshape(np.log(path) - np.log(counts), (-1,))

    guess = np.log(truth) + np.array([0.15, -0.2, 0.1, -0.1])
    compiled, jacobian = graphc.compile(residuals), graphc.jacfwd(residuals)
    fitted = scipy.optimize.least_squares(compiled, guess, jac=jacobian, xtol=1e-12, ftol=1e-15, gtol=1e-12)
    np.testing.assert_allclose(np.exp(fitted.x), truth, rtol=1e-5)
    loss = graphc.value_and_grad(lambda logs: np.sum(residuals(logs) ** 2))
    found = scipy.optimize.minimize(loss, guess, jac=True, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(np.exp(found.x), truth, rtol=1e-4)
