"""An epidemic fitted to noisy counts: `odeint` inside a loss, its Jacobian in SciPy's least squares."""

import numpy as np
from scipy import integrate, optimize

import graphc

TIMES = np.array([0.0, 3.0, 5.0, 9.0, 12.0, 14.0, 20.0, 26.0, 31.0, 40.0])  # days
TRUTH = {"contagion": 0.45, "recovery": 0.14}
START = {"susceptible": 0.99, "infected": 0.01}


def spread(state, t, p):
    """How the shares of the population change in a day (Kermack & McKendrick 1927)."""
    infections = p["contagion"] * state["susceptible"] * state["infected"]
    return {"susceptible": -infections, "infected": infections - p["recovery"] * state["infected"]}


def infected(logs):
    """The share of infected at each time; logarithms keep the parameters positive."""
    p = dict(zip(TRUTH, np.exp(logs), strict=True))
    return graphc.odeint(spread, START, TIMES, p)["infected"]


def measured(noise):
    """What was counted: SciPy's solution, with errors."""
    solution = integrate.solve_ivp(
        lambda t, y: list(spread(dict(zip(START, y, strict=True)), t, TRUTH).values()),
        (TIMES[0], TIMES[-1]),
        list(START.values()),
        t_eval=TIMES,
        rtol=1e-9,
        atol=1e-9,
    )
    return solution.y[1] + noise * np.random.default_rng(0).normal(size=TIMES.shape)


def fit(counts):
    """The parameters whose epidemic comes closest to the counts, both between 0.01 and 2 a day."""
    residuals = graphc.compile(lambda logs: infected(logs) - counts)
    jacobian = graphc.jacfwd(lambda logs: infected(logs) - counts)
    found = optimize.least_squares(residuals, np.log([0.3, 0.3]), jac=jacobian, bounds=np.log([0.01, 2.0]))
    covariance = np.linalg.inv(found.jac.T @ found.jac) * 2 * found.cost / (TIMES.size - 2)
    return dict(zip(TRUTH, np.exp(found.x).tolist(), strict=True)), np.sqrt(np.diag(covariance))


def main() -> tuple[dict[str, float], dict[str, float]]:
    exact, _ = fit(measured(noise=0.0))
    fitted, errors = fit(measured(noise=0.005))
    print("from counts without errors:", {name: round(value, 6) for name, value in exact.items()})
    print("from counts with errors of 0.005:")
    for (name, value), error in zip(fitted.items(), errors, strict=True):
        print(f"  {name:10} {value:.3f} ± {value * error:.3f}, in truth {TRUTH[name]}")
    return exact, fitted


if __name__ == "__main__":
    main()
