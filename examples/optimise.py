"""SciPy and Numba around compiled functions: fit a model of hares and lynxes, solve Kepler's equation."""

import numba
import numpy as np
from scipy import integrate, optimize

import graphc

TRUTH = {"growth": 1.1, "predation": 0.4, "decline": 0.9, "conversion": 0.15}
STEP, STEPS = 0.25, 40


def rate(y, p):
    """How fast hares and lynxes become more (Lotka 1925, Volterra 1926)."""
    hares, lynxes = y[0], y[1]
    return np.stack(
        [
            p["growth"] * hares - p["predation"] * hares * lynxes,
            p["conversion"] * hares * lynxes - p["decline"] * lynxes,
        ]
    )


def simulate(y, p):
    """The populations after each step of the classic Runge–Kutta method."""
    path = [y]
    for _ in range(STEPS):
        k1 = rate(y, p)
        k2 = rate(y + STEP / 2 * k1, p)
        k3 = rate(y + STEP / 2 * k2, p)
        k4 = rate(y + STEP * k3, p)
        y = y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return np.stack(path)


def fit(counts):
    """The parameters whose simulation comes closest to the counts, found by BFGS from a rough guess."""

    def error(logs):  # logarithms keep the parameters positive
        p = dict(zip(TRUTH, np.exp(logs), strict=True))
        return np.mean((simulate(counts[0], p) - counts) ** 2)

    guess = np.log([0.8, 0.3, 0.7, 0.1])
    # The simulation, its gradient and nothing else: one native call for each step of BFGS.
    found = optimize.minimize(graphc.value_and_grad(error), guess, jac=True, method="BFGS")
    return dict(zip(TRUTH, np.exp(found.x), strict=True)), found


def kepler(anomaly, eccentricity, mean):
    """Zero where `anomaly` is the eccentric anomaly of a planet with this mean anomaly."""
    return anomaly - eccentricity * np.sin(anomaly) - mean


kepler_and_slope = graphc.value_and_grad(kepler)


@numba.njit
def anomalies(eccentricity, means):
    """Newton's method for each planet, in Numba's machine code, which calls graphc's directly."""
    result = np.empty_like(means)
    for i in range(means.size):
        x = means[i] + eccentricity
        for _ in range(20):
            value, slope = kepler_and_slope(x, eccentricity, means[i])
            x -= value / slope
            if abs(value) < 1e-15:
                break
        result[i] = x
    return result


def main() -> tuple[dict[str, float], float]:
    compiled = graphc.compile(rate)
    solution = integrate.solve_ivp(
        lambda t, y: compiled(y, TRUTH),
        (0, STEP * STEPS),
        [5.0, 2.0],
        t_eval=STEP * np.arange(STEPS + 1),
        rtol=1e-9,
        atol=1e-9,
    )
    fitted, found = fit(solution.y.T)
    print(f"BFGS: {found.nit} iterations, {found.nfev} values and gradients")
    for name, value in fitted.items():
        print(f"  {name:10} {value:.4f}, in truth {TRUTH[name]}")

    means = np.linspace(0, np.pi, 1000)
    worst = float(np.max(np.abs(kepler(anomalies(0.8, means), 0.8, means))))
    print(f"Kepler's equation: 1000 solutions, largest error {worst:.0e}")
    return fitted, worst


if __name__ == "__main__":
    main()
