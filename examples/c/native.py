"""What the scripts here share: C programs compiled with make and run, and parameters as plain numbers."""

import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
BUILD = HERE / "build"


def compiled(program: str, folder: Path) -> Path:
    """The program, compiled by the Makefile beside this file from what was exported into `folder`."""
    if shutil.which("make") is None:
        raise SystemExit("these examples need make and a C and C++ compiler (on Debian: build-essential)")
    target = folder.resolve() / program
    subprocess.run(["make", "-s", "-C", HERE, f"BUILD={target.parent}", target], check=True)
    return target


def run(program: Path) -> str:
    """What the program prints; it finds its files in its own folder."""
    done = subprocess.run([program], cwd=program.parent, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def flat(model) -> np.ndarray:
    """All parameters of a model, one after the other: what NAME_params_arrays in C holds."""
    return np.concatenate([array.ravel() for array in model.parameters()])
