# embedding(table: f32[500, 16], index: i64[10, 6]) -> f32[10, 16]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def k0(out0, index, table, status):
    v0 = np.float32(0.0)
    for z in range(160):  # lanes
        out0[z] = v0
    v2 = np.int64(500)
    v4 = np.int64(0)
    for i0 in range(10):
        for i1 in range(6):
            v1 = index[i0 * 6 + i1]
            v3 = v1 + v2  # programs.py:38
            v5 = v1 < v4
            v6 = v3 if v5 else v1
            v7 = v6 < v4
            v8 = v6 >= v2
            v9 = (v7 != 0) or (v8 != 0)
            if v9:
                status[0] = 1
            v10 = v4 if v9 else v6
            for i2 in range(16):  # lanes
                v11 = table[i2 + v10 * 16]
                v12 = out0[i0 * 16 + i2]
                v13 = v12 + v11
                out0[i0 * 16 + i2] = v13


def embedding(table, index, out0):
    status = np.zeros(1, np.int64)
    k0(out0, index, table, status)
    if status[0] == 1:
        raise IndexError('an index is out of bounds for axis 0 with size 500\n  at programs.py:38')
