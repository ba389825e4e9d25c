"""The length and friction of a pendulum, found from its measured angles by a C program with BFGS.

Run it from the top folder with `python -m examples.c.fit_pendulum`; it needs SciPy for the measured angles.
"""

from pathlib import Path

import numpy as np
from scipy import integrate

import graphc
from examples.c.native import BUILD, compiled, run

GRAVITY = 9.81  # m/s²
LENGTH, FRICTION = 0.73, 0.21  # m, 1/s: what is to be found
START = (1.2, 0.0)  # angle in radians, and its velocity
INTERVAL, SAMPLES = 0.05, 120  # s between measurements
STEPS = 5  # of Runge–Kutta from one measurement to the next


def motion(state, length, friction):
    """The derivatives of angle and velocity."""
    angle, velocity = state
    return velocity, -GRAVITY / length * np.sin(angle) - friction * velocity


def moved(state, slopes, dt):
    """The state after going along `slopes` for `dt`."""
    return tuple(s + dt * k for s, k in zip(state, slopes, strict=True))


def runge_kutta(state, length, friction, dt):
    """The state after one step of the classic method of fourth order (Kutta 1901)."""
    k1 = motion(state, length, friction)
    k2 = motion(moved(state, k1, dt / 2), length, friction)
    k3 = motion(moved(state, k2, dt / 2), length, friction)
    k4 = motion(moved(state, k3, dt), length, friction)
    slopes = tuple((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
    return moved(state, slopes, dt)


def misfit(logs, angles):
    """The mean squared distance to the measured angles; `logs` are those of length and friction."""
    length, friction = np.exp(logs[0]), np.exp(logs[1])  # which keeps both positive
    dt = INTERVAL / STEPS

    def between(state, measured):
        state = graphc.fori_loop(0, STEPS, lambda i, s: runge_kutta(s, length, friction, dt), state)
        return state, (state[0] - measured) ** 2

    _, squares = graphc.scan(between, START, angles)
    return np.mean(squares)


def measure() -> np.ndarray:
    """The angles of the true pendulum, by SciPy."""
    times = INTERVAL * np.arange(1, SAMPLES + 1)
    solution = integrate.solve_ivp(
        lambda t, state: motion(state, LENGTH, FRICTION),
        (0.0, times[-1]),
        START,
        method="DOP853",
        t_eval=times,
        rtol=1e-12,
        atol=1e-12,
    )
    return solution.y[0]


def main(folder: Path = BUILD) -> dict[str, float]:
    functions = {"misfit": (misfit, "f64[2]", "f64[N]")}
    print(graphc.export(functions, name="pendulum", path=folder, grad=True, argnums=0))
    measure().tofile(folder / "pendulum_angles.bin")
    print(run(compiled("fit_pendulum", folder)), end="")
    length, friction = np.fromfile(folder / "pendulum_found.bin")
    print(f"truth:  length {LENGTH:.6f} m, friction {FRICTION:.6f} 1/s")
    return {"length": float(length), "friction": float(friction)}


if __name__ == "__main__":
    main()
