# mlp_step(params['b1']: f32[32], params['w1']: f32[8, 32], params['w2']: f32[32, 4], x: f32[100, 8], y: f32[100, 4]) -> f32[32], f32[8, 32], f32[32, 4], f32
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(x, params_w1, params_b1, t0):
    for i0 in range(100):
        for i1 in range(32):
            v0 = np.float32(0.0)
            for depth in range(8):
                v0 = v0 + x[i0 * 8 + depth] * params_w1[depth * 32 + i1]
            v1 = params_b1[i1]
            v2 = v0 + v1  # programs.py:28
            v3 = np.tanh(v2)
            t0[i0 * 32 + i1] = v3


@numba.njit(error_model="numpy")
def k1(t0, params_w2, t1, y, t2):
    v1 = np.float32(0.005)
    for i0 in range(100):
        for i1 in range(4):
            v0 = np.float32(0.0)
            for depth in range(32):
                v0 = v0 + t0[i0 * 32 + depth] * params_w2[depth * 4 + i1]
            t1[i0 * 4 + i1] = v0
            v2 = y[i0 * 4 + i1]
            v3 = v0 - v2  # programs.py:29
            v4 = v3 * v1
            t2[i0 * 4 + i1] = v4


@numba.njit(error_model="numpy")
def k2(t2, params_w2, t0, t3):
    v3 = np.float32(1.0)
    for i0 in range(100):
        for i1 in range(32):
            v0 = np.float32(0.0)
            for depth in range(4):
                v0 = v0 + t2[i0 * 4 + depth] * params_w2[depth + i1 * 4]
            v1 = t0[i0 * 32 + i1]
            v2 = v1 * v1  # programs.py:28
            v4 = v3 - v2
            v5 = v4 * v0
            t3[i0 * 32 + i1] = v5


@numba.njit(error_model="numpy")
def k3(t4, t3):
    v0 = np.float32(0.0)
    for z in range(32):  # lanes
        t4[z] = v0
    for i0 in range(100):
        for i1 in range(32):  # lanes
            v1 = t3[i0 * 32 + i1]
            v2 = t4[i1]
            v3 = v2 + v1
            t4[i1] = v3


@numba.njit(error_model="numpy")
def k4(t4, params_b1):
    v0 = np.float32(0.01)
    for i0 in range(32):  # lanes
        v1 = t4[i0]
        v2 = v1 * v0  # programs.py:34
        v3 = params_b1[i0]
        v4 = v3 - v2
        params_b1[i0] = v4


@numba.njit(error_model="numpy")
def k5(x, t3, params_w1):
    v1 = np.float32(0.01)
    for i0 in range(8):
        for i1 in range(32):
            v0 = np.float32(0.0)
            for depth in range(100):
                v0 = v0 + x[i0 + depth * 8] * t3[depth * 32 + i1]
            v2 = v0 * v1  # programs.py:34
            v3 = params_w1[i0 * 32 + i1]
            v4 = v3 - v2
            params_w1[i0 * 32 + i1] = v4


@numba.njit(error_model="numpy")
def k6(t0, t2, params_w2):
    v1 = np.float32(0.01)
    for i0 in range(32):
        for i1 in range(4):
            v0 = np.float32(0.0)
            for depth in range(100):
                v0 = v0 + t0[i0 + depth * 32] * t2[depth * 4 + i1]
            v2 = v0 * v1  # programs.py:34
            v3 = params_w2[i0 * 4 + i1]
            v4 = v3 - v2
            params_w2[i0 * 4 + i1] = v4


@numba.njit(error_model="numpy")
def k7(y, t1, out3):
    v4 = np.float32(0.0)
    for i0 in range(400):  # lanes
        v0 = y[i0]
        v1 = t1[i0]
        v2 = v1 - v0  # programs.py:29
        v3 = v2 * v2
        v4 = v4 + v3
    v5 = np.float32(400.0)
    v6 = v4 / v5
    out3[0] = v6


def mlp_step(params_b1, params_w1, params_w2, x, y, out3, t0, t3, t1, t2, t4):
    k0(x, params_w1, params_b1, t0)
    k1(t0, params_w2, t1, y, t2)
    k2(t2, params_w2, t0, t3)
    k3(t4, t3)
    k4(t4, params_b1)
    k5(x, t3, params_w1)
    k6(t0, t2, params_w2)
    k7(y, t1, out3)
