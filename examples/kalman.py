"""A Kalman filter by `scan`: the likelihood of a noisy path, and the noise that makes it most likely."""

import numpy as np
from scipy import optimize

import graphc

TRUTH = {"jolt": 0.3, "blur": 2.0}  # standard deviations: of the acceleration, of what is seen
STEPS = 400
MOVE = np.array([[1.0, 1.0], [0.0, 1.0]])  # position and velocity, one second later
PUSH = np.array([0.5, 1.0])  # what an acceleration does to both in a second


def observed(rng):
    """Positions of something that is pushed around, seen with errors."""
    state, seen = np.zeros(2), []
    for _ in range(STEPS):
        state = MOVE @ state + PUSH * rng.normal(scale=TRUTH["jolt"])
        seen.append(state[0] + rng.normal(scale=TRUTH["blur"]))
    return np.array(seen)


def negative_log_likelihood(logs, seen):
    """-Σ log p(yₜ | y₁ … yₜ₋₁): steps predict, compare with what is seen, and correct (Kalman 1960)."""
    jolt, blur = np.exp(logs[0]), np.exp(logs[1])

    def step(carry, y):
        mean, covariance = carry
        mean = MOVE @ mean
        covariance = MOVE @ covariance @ MOVE.T + jolt**2 * np.outer(PUSH, PUSH)
        surprise, variance = y - mean[0], covariance[0, 0] + blur**2
        gain = covariance[:, 0] / variance
        corrected = mean + gain * surprise, covariance - np.outer(gain, covariance[0])
        return corrected, (np.log(2 * np.pi * variance) + surprise**2 / variance) / 2

    start = (np.zeros(2), np.eye(2))
    return np.sum(graphc.scan(step, start, seen)[1])


def main() -> tuple[dict[str, float], np.ndarray]:
    seen = observed(np.random.default_rng(3))
    loss = graphc.value_and_grad(negative_log_likelihood)
    found = optimize.minimize(loss, np.zeros(2), args=(seen,), jac=True, method="BFGS")
    # The second derivative at the maximum tells how well the parameters are known.
    curvature = graphc.hessian(negative_log_likelihood)(found.x, seen)
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    fitted = dict(zip(TRUTH, np.exp(found.x).tolist(), strict=True))
    print(f"{STEPS} observations, {found.nfev} values and gradients")
    for (name, value), error in zip(fitted.items(), errors, strict=True):
        print(f"  {name} {value:.3f} ± {value * error:.3f}, in truth {TRUTH[name]}")
    return fitted, errors


if __name__ == "__main__":
    main()
