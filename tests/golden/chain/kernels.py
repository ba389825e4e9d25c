# chain(x: f32[1000], y: f32[1000]) -> f32[1000]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(x, y, out0):
    v0 = np.float32(-0.5)
    for i0 in range(1000):  # lanes
        v1 = x[i0]
        v2 = v1 * v0  # programs.py:13
        v3 = np.exp(v2)
        v4 = v1 * v1
        v5 = v1 + v4
        v6 = y[i0]
        v7 = v6 * v5
        v8 = v7 - v3
        out0[i0] = v8


def chain(x, y, out0):
    k0(x, y, out0)
