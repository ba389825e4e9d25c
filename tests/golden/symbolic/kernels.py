# centre(x: f64[N, 3]) -> f64[N, 3]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(N, t0, x):
    v0 = np.float64(0.0)
    for z in range(3):  # lanes
        t0[z] = v0
    for i0 in range(N):
        for i1 in range(3):  # lanes
            v1 = x[i0 * 3 + i1]
            v2 = t0[i1]
            v3 = v2 + v1
            t0[i1] = v3


@numba.njit(error_model="numpy")
def k1(N, t0, t1, t2):
    v0 = np.int64(N)
    v1 = np.float64(v0)
    v3 = np.float64(1) / v1  # programs.py:42
    for i0 in range(3):  # lanes
        v2 = t0[i0]
        v4 = v2 * v3
        t1[i0] = v4
        t2[i0] = v4


@numba.njit(error_model="numpy")
def k2(N, t3, t2, x):
    v0 = np.float64(0.0)
    for z in range(3):  # lanes
        t3[z] = v0
    for i0 in range(N):
        for i1 in range(3):  # lanes
            v1 = t2[i1]
            v2 = x[i0 * 3 + i1]
            v3 = v2 - v1  # programs.py:42
            v4 = v3 * v3
            v5 = t3[i1]
            v6 = v5 + v4
            t3[i1] = v6


@numba.njit(error_model="numpy")
def k3(N, t3, t4):
    v0 = np.int64(N)
    v1 = np.float64(v0)
    v3 = np.float64(1) / v1  # programs.py:42
    for i0 in range(3):  # lanes
        v2 = t3[i0]
        v4 = v2 * v3
        v5 = np.sqrt(v4)
        t4[i0] = v5


@numba.njit(error_model="numpy")
def k4(N, t4, t1, x, out0):
    for i0 in range(N):
        for i1 in range(3):  # lanes
            v0 = t4[i1]
            v1 = t1[i1]
            v2 = x[i0 * 3 + i1]
            v3 = v2 - v1  # programs.py:42
            v4 = v3 / v0
            out0[i0 * 3 + i1] = v4


def centre(x, out0, t0, t1, t2, t3, t4, N):
    k0(N, t0, x)
    k1(N, t0, t1, t2)
    k2(N, t3, t2, x)
    k3(N, t3, t4)
    k4(N, t4, t1, x, out0)
