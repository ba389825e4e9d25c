# layernorm(x: f32[16, 64], gamma: f32[64], beta: f32[64], weights: f32[16, 64]) -> f32[16, 64], f32[64], f32[64]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(out1, out2, x, weights, row0, gamma, row1, out0):
    v0 = np.float32(0.0)
    for z in range(64):  # lanes
        out1[z] = v0
    for z in range(64):  # lanes
        out2[z] = v0
    v6 = np.float32(0.015625)
    v12 = np.float32(1e-05)
    v30 = np.float32(-0.015625)
    v31 = np.float32(0.5)
    v35 = np.float32(2.0)
    for i0 in range(16):
        v5 = np.float32(0.0)
        for i1 in range(64):  # lanes
            v1 = x[i0 * 64 + i1]
            v2 = weights[i0 * 64 + i1]
            v3 = out2[i1]
            v4 = v3 + v2
            out2[i1] = v4
            v5 = v5 + v1
        v7 = v5 * v6  # programs.py:22
        v11 = np.float32(0.0)
        for i1 in range(64):  # lanes
            v8 = x[i0 * 64 + i1]
            v9 = v8 - v7
            v10 = v9 * v9  # programs.py:23
            v11 = v11 + v10
        v13 = v11 * v6
        v14 = v13 + v12  # programs.py:24
        v15 = np.sqrt(v14)
        v16 = np.float32(1) / v15
        v29 = np.float32(0.0)
        for i1 in range(64):  # lanes
            v17 = weights[i0 * 64 + i1]
            v18 = v17 * v16 if v17 != 0 else v17
            row0[i1] = v18
            v19 = x[i0 * 64 + i1]
            v20 = v19 - v7  # programs.py:22
            v21 = gamma[i1]
            v22 = v21 * v20  # programs.py:24
            v23 = v22 * v16
            v24 = v16 * v23
            v25 = v17 * v24 if v17 != 0 else v17
            v26 = v20 * v18
            v27 = out1[i1]
            v28 = v27 + v26
            out1[i1] = v28
            v29 = v29 + v25
        v32 = v31 / v15
        v33 = v29 * v32 if v29 != 0 else v29
        v34 = v33 * v30  # programs.py:23
        v44 = np.float32(0.0)
        for i1 in range(64):  # lanes
            v36 = x[i0 * 64 + i1]
            v37 = v36 - v7  # programs.py:22
            v38 = v37 * v35  # programs.py:23
            v39 = v38 * v34
            v40 = row0[i1]
            v41 = gamma[i1]
            v42 = v41 * v40  # programs.py:24
            v43 = v42 + v39
            row1[i1] = v43
            v44 = v44 + v43
        v45 = v44 * v30  # programs.py:22
        for i1 in range(64):  # lanes
            v46 = row1[i1]
            v47 = v46 + v45
            out0[i0 * 64 + i1] = v47


def layernorm(x, gamma, beta, weights, out0, out1, out2, row0, row1):
    k0(out1, out2, x, weights, row0, gamma, row1, out0)
