"""Newton's method in C++ on an exported gradient and Hessian: the bottom of Rosenbrock's curved valley.

Run it from the top folder with `python -m examples.c.minimise`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphc
from examples.c.native import BUILD, compiled, run


class Expansion(NamedTuple):
    """A function at a point; its names are those of the C function's parameters."""

    value: Any
    gradient: Any
    hessian: Any


def valley(x):
    """Rosenbrock's function of two variables, smallest at (1, 1) (Rosenbrock 1960)."""
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def expansion(x):
    """Value, gradient and Hessian of Rosenbrock's function."""
    value, gradient = graphc.value_and_grad(valley)(x)
    return Expansion(value, gradient, graphc.hessian(valley)(x))


def main(folder: Path = BUILD) -> np.ndarray:
    print(graphc.export({"expansion": (expansion, "f64[2]")}, name="valley", path=folder))
    print(run(compiled("minimise", folder)), end="")
    return np.fromfile(folder / "valley_path.bin").reshape(-1, 2)


if __name__ == "__main__":
    main()
