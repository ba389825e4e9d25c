"""A Gaussian mixture with full covariances in the form of Srajer, Kukelova & Fitzgibbon (2018), ADBench.

10,000 points, 20 components in 10 dimensions: 1,320 parameters.
"""

import numpy as np
import scipy.special
import scipy.stats

import graphc

N, K, D = 10_000, 20, 10
GAMMA, M = 1.2, 2  # of the Wishart prior
ROWS, COLUMNS = np.tril_indices(D, -1)
RNG = np.random.default_rng(12)
X = RNG.normal(size=(N, D))
PARAMETERS = (
    RNG.normal(size=K),  # logits of the weights
    RNG.normal(size=(K, D)),  # means
    0.2 * RNG.normal(size=(K, D)),  # logarithms of the diagonals of the inverse covariances' factors Q
    0.2 * RNG.normal(size=(K, D * (D - 1) // 2)),  # Q below its diagonal
)


def logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=-1)) + top[..., 0]


def log_posterior(alphas, means, logs, lower, x):
    """log p(x | parameters) + log p(inverse covariances), these being Qᵀ Q with Q lower triangular."""
    q = graphc.zeros((K, D, D))
    q[:, np.arange(D), np.arange(D)] = np.exp(logs)
    q[:, ROWS, COLUMNS] = lower
    turned = np.einsum("kij,nkj->nki", q, x[:, None] - means)
    terms = alphas + np.sum(logs, axis=1) - np.sum(turned**2, axis=-1) / 2
    likelihood = np.sum(logsumexp(terms)) - N * (logsumexp(alphas) + D * np.log(2 * np.pi) / 2)
    free = D + M + 1
    constant = free * D * (np.log(GAMMA) - np.log(2) / 2) - scipy.special.multigammaln(free / 2, D)
    prior = M * np.sum(logs) - GAMMA**2 / 2 * (np.sum(np.exp(logs) ** 2) + np.sum(lower**2)) + K * constant
    return likelihood + prior


def by_scipy(alphas, means, logs, lower, x):
    """The same from SciPy's densities, component by component."""
    weights = alphas - scipy.special.logsumexp(alphas)
    terms, prior = [], 0.0
    for k in range(K):
        q = np.diag(np.exp(logs[k]))
        q[ROWS, COLUMNS] = lower[k]
        precision = q.T @ q
        normal = scipy.stats.multivariate_normal(means[k], np.linalg.inv(precision))
        terms.append(weights[k] + normal.logpdf(x))
        prior += scipy.stats.wishart(D + M + 1, np.eye(D) / GAMMA**2).logpdf(precision)
    return np.sum(scipy.special.logsumexp(terms, axis=0)) + prior


def test_the_posterior_is_that_of_scipys_densities():
    assert sum(p.size for p in PARAMETERS) == 1320
    found = graphc.compile(log_posterior)(*PARAMETERS, X)
    np.testing.assert_allclose(found, by_scipy(*PARAMETERS, X), rtol=1e-12)


def test_its_gradient_is_that_of_scipys_densities():
    gradients = graphc.grad(log_posterior, argnums=(0, 1, 2, 3))(*PARAMETERS, X)
    h = 1e-6
    for i, gradient in enumerate(gradients):
        d = RNG.normal(size=gradient.shape)
        ends = []
        for s in (h, -h):
            moved = list(PARAMETERS)
            moved[i] = PARAMETERS[i] + s * d
            ends.append(by_scipy(*moved, X))
        np.testing.assert_allclose(np.sum(gradient * d), (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-3)
