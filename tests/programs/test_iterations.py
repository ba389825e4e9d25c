"""Iterations that end when they are done: Newton's method, and k-means."""

import numpy as np
import scipy.optimize

import graphc

# ---- Newton's method


def newton(f, x0, steps=50):
    """A zero of the scalar f by Newton's method, as a user writes it."""
    slope = graphc.grad(f)

    def goes_on(state):
        x, change, k = state
        return (np.abs(change) > 1e-13 * (1 + np.abs(x))) & (k < steps)

    def step(state):
        x, _, k = state
        change = -f(x) / slope(x)
        return x + change, change, k + 1

    return graphc.while_loop(goes_on, step, (x0, np.inf, 0))[0]


def kepler(mean, eccentricity):
    """The eccentric anomaly E: E - e sin E = M."""
    return newton(lambda anomaly: anomaly - eccentricity * np.sin(anomaly) - mean, mean + eccentricity)


def test_newtons_method_solves_keplers_equation():
    for mean, eccentricity in ((0.3, 0.1), (2.0, 0.8), (3.1, 0.95)):
        expected = scipy.optimize.brentq(
            lambda x, m=mean, e=eccentricity: x - e * np.sin(x) - m, -1, 5, xtol=1e-15
        )
        np.testing.assert_allclose(graphc.compile(kepler)(mean, eccentricity), expected, rtol=1e-13)


def test_its_derivative_through_the_loop_is_the_implicit_one():
    """∂E/∂M = 1 / (1 - e cos E), ∂E/∂e = sin E / (1 - e cos E)."""
    mean, eccentricity = 2.0, 0.6
    anomaly = scipy.optimize.brentq(lambda x: x - eccentricity * np.sin(x) - mean, 0, 5, xtol=1e-15)
    expected = np.array([1.0, np.sin(anomaly)]) / (1 - eccentricity * np.cos(anomaly))
    np.testing.assert_allclose(graphc.grad(kepler, argnums=(0, 1))(mean, eccentricity), expected, rtol=1e-12)


# ---- k-means


def k_means(points, centres):
    """Centres, labels and steps of the algorithm of Lloyd (1982), which ends when no centre moves."""

    def nearest(centres):
        return np.argmin(np.sum((points[:, None] - centres) ** 2, axis=-1), axis=1)

    def step(state):
        centres, _, k = state
        members = (nearest(centres)[:, None] == np.arange(len(centres))).astype(points.dtype)
        sizes = np.sum(members, axis=0)[:, None]
        means = members.T @ points / np.maximum(sizes, 1)
        new = np.where(sizes > 0, means, centres)
        return new, np.max(np.abs(new - centres)), k + 1

    centres, _, steps = graphc.while_loop(lambda state: state[1] > 0, step, (centres, np.inf, 0))
    return centres, nearest(centres), steps


def k_means_in_numpy(points, centres):
    steps = 0
    while True:
        labels = np.array(
            [min(range(len(centres)), key=lambda j: np.sum((p - centres[j]) ** 2)) for p in points]
        )
        new = np.array([points[labels == j].mean(axis=0) for j in range(len(centres))])
        steps += 1
        if np.allclose(new, centres, rtol=0, atol=1e-13):
            return new, labels, steps
        centres = new


def test_k_means_finds_what_loops_find():
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(size=(50, 2)) + c for c in ([0, 0], [4, 1], [1, 5])])
    start = points[[0, 1, 2]]  # all in one cluster: several steps
    centres, labels, steps = graphc.compile(k_means)(points, start)
    expected = k_means_in_numpy(points, start)
    np.testing.assert_allclose(centres, expected[0], rtol=1e-12)
    np.testing.assert_array_equal(labels, expected[1])
    assert steps > 3 and abs(int(steps) - expected[2]) <= 2  # the last ones move by rounding


def test_a_centre_moves_with_the_points_of_its_cluster():
    """∂centre/∂point = 1/size for the members, 0 for all others: labels have no derivative."""
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.normal(size=(8, 2)), rng.normal(size=(6, 2)) + 9])
    start = points[[0, 10]]
    _, labels, _ = graphc.compile(k_means)(points, start)
    found = graphc.grad(lambda p: k_means(p, start)[0][0, 1])(points)
    expected = np.zeros((14, 2))
    expected[labels == 0, 1] = 1 / np.sum(labels == 0)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
