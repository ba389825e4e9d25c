"""The likelihood of a linear Gaussian state-space model: a Kalman filter, and one large normal density."""

import numpy as np
import scipy.stats

import graphc

STEPS, STATES, SEEN = 12, 3, 2
RNG = np.random.default_rng(8)
MODEL = {
    "move": 0.7 * np.linalg.qr(RNG.normal(size=(STATES, STATES)))[0],
    "see": RNG.normal(size=(SEEN, STATES)),
    "jolt": 0.3 * RNG.normal(size=(STATES, STATES)) + 0.5 * np.eye(STATES),  # factor of the covariance
    "noise": 0.2 * RNG.normal(size=(SEEN, SEEN)) + 0.6 * np.eye(SEEN),
}
OBSERVED = RNG.normal(size=(STEPS, SEEN))


def log_likelihood(model, observed):
    """Σ log p(yₜ | y₁ … yₜ₋₁) by the filter of Kalman (1960), from a standard normal first state."""
    q, r = model["jolt"] @ model["jolt"].T, model["noise"] @ model["noise"].T
    h, f = model["see"], model["move"]

    def step(carry, y):
        mean, covariance = carry
        innovation = y - h @ mean
        s = h @ covariance @ h.T + r
        gain = np.linalg.solve(s, h @ covariance).T
        log_p = -(
            innovation @ np.linalg.solve(s, innovation) + np.linalg.slogdet(s)[1] + SEEN * np.log(2 * np.pi)
        )
        mean, covariance = mean + gain @ innovation, covariance - gain @ s @ gain.T
        return (f @ mean, f @ covariance @ f.T + q), log_p / 2

    _, terms = graphc.scan(step, (np.zeros(STATES), np.eye(STATES)), observed)
    return np.sum(terms)


def dense_log_density(model, observed):
    """The same number from the covariance of all observations together."""
    q, r = model["jolt"] @ model["jolt"].T, model["noise"] @ model["noise"].T
    marginal, cross = np.eye(STATES), {}
    for t in range(STEPS):
        block = marginal
        for later in range(t, STEPS):
            cross[later, t] = block  # cov(x_later, x_t)
            block = model["move"] @ block
        marginal = model["move"] @ marginal @ model["move"].T + q
    covariance = np.block(
        [
            [
                model["see"] @ (cross[i, j] if i >= j else cross[j, i].T) @ model["see"].T + (i == j) * r
                for j in range(STEPS)
            ]
            for i in range(STEPS)
        ]
    )
    return scipy.stats.multivariate_normal(np.zeros(STEPS * SEEN), covariance).logpdf(observed.ravel())


def test_the_filter_gives_the_density_of_all_observations():
    expected = dense_log_density(MODEL, OBSERVED)
    np.testing.assert_allclose(graphc.compile(log_likelihood)(MODEL, OBSERVED), expected, rtol=1e-11)
    np.testing.assert_allclose(log_likelihood(MODEL, OBSERVED), expected, rtol=1e-11)


def test_its_gradient_is_that_of_the_dense_density():
    by_model, by_observed = graphc.grad(log_likelihood, argnums=(0, 1))(MODEL, OBSERVED)
    h = 1e-5

    def slope(move):
        return (dense_log_density(*move(h)) - dense_log_density(*move(-h))) / (2 * h)

    for name, gradient in by_model.items():
        for index in np.ndindex(gradient.shape):
            unit = np.zeros(gradient.shape)
            unit[index] = 1
            expected = slope(lambda s, n=name, u=unit: ({**MODEL, n: MODEL[n] + s * u}, OBSERVED))
            np.testing.assert_allclose(gradient[index], expected, rtol=1e-6, atol=1e-7)
    for _ in range(4):
        d = RNG.normal(size=OBSERVED.shape)
        expected = slope(lambda s, d=d: (MODEL, OBSERVED + s * d))
        np.testing.assert_allclose(np.sum(by_observed * d), expected, rtol=1e-6, atol=1e-7)
