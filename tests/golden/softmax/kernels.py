# softmax(x: f32[64, 100]) -> f32[64, 100]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(x, row0, out0):
    for i0 in range(64):
        v1 = np.float32(-np.inf)
        for i1 in range(100):  # lanes
            v0 = x[i0 * 100 + i1]
            v1 = np.maximum(v1, v0)
        v5 = np.float32(0.0)
        for i1 in range(100):  # lanes
            v2 = x[i0 * 100 + i1]
            v3 = v2 - v1  # programs.py:17
            v4 = np.exp(v3)
            row0[i1] = v4
            v5 = v5 + v4
        v7 = np.float32(1) / v5  # programs.py:18
        for i1 in range(100):  # lanes
            v6 = row0[i1]
            v8 = v6 * v7
            out0[i0 * 100 + i1] = v8


def softmax(x, out0, row0):
    k0(x, row0, out0)
