# centre(x: f64[N, 3]) -> f64[N, 3]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(N, partial0, x, t0):
    v0 = np.float64(0.0)
    for task in range(((N//((N//64)+25025))+1)):  # parallel
        for z in range(3):  # lanes
            partial0[task * 3 + z] = v0
        for i0 in range(min(task * ((N//64)+25025), N), min((task + 1) * ((N//64)+25025), N)):
            for i1 in range(3):  # lanes
                v1 = x[i0 * 3 + i1]
                v2 = partial0[task * 3 + i1]
                v3 = v2 + v1
                partial0[task * 3 + i1] = v3
    for z in range(3):  # lanes
        v5 = np.float64(0.0)
        for task in range(((N//((N//64)+25025))+1)):
            v4 = partial0[task * 3 + z]
            v5 = v5 + v4
        t0[z] = v5


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
def k2(N, partial0_, t2, x, t3):
    v0 = np.float64(0.0)
    for task in range(((N//((N//64)+7717))+1)):  # parallel
        for z in range(3):  # lanes
            partial0_[task * 3 + z] = v0
        for i0 in range(min(task * ((N//64)+7717), N), min((task + 1) * ((N//64)+7717), N)):
            for i1 in range(3):  # lanes
                v1 = t2[i1]
                v2 = x[i0 * 3 + i1]
                v3 = v2 - v1  # programs.py:42
                v4 = v3 * v3
                v5 = partial0_[task * 3 + i1]
                v6 = v5 + v4
                partial0_[task * 3 + i1] = v6
    for z in range(3):  # lanes
        v8 = np.float64(0.0)
        for task in range(((N//((N//64)+7717))+1)):
            v7 = partial0_[task * 3 + z]
            v8 = v8 + v7
        t3[z] = v8


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
    for task in range(((N//((N//64)+4001))+1)):  # parallel
        for i0 in range(min(task * ((N//64)+4001), N), min((task + 1) * ((N//64)+4001), N)):
            for i1 in range(3):  # lanes
                v0 = t4[i1]
                v1 = t1[i1]
                v2 = x[i0 * 3 + i1]
                v3 = v2 - v1  # programs.py:42
                v4 = v3 / v0
                out0[i0 * 3 + i1] = v4


def centre(x, out0, partial0, partial0_, t0, t1, t2, t3, t4, N):
    k0(N, partial0, x, t0)
    k1(N, t0, t1, t2)
    k2(N, partial0_, t2, x, t3)
    k3(N, t3, t4)
    k4(N, t4, t1, x, out0)
