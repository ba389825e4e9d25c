# dropout(key: u32[2], x: f32[64, 100]) -> f32[64, 100]
# Buffers are flat arrays in C order; a scalar has one element.
import numba
import numpy as np


@numba.njit(error_model="numpy")
def threefry2x32(first: np.uint32, second: np.uint32, counter: np.uint64) -> np.uint64:
    """Both words of Threefry-2x32 (Salmon et al. 2011), each computed in the low half of 64 bits."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    rotations = np.array([13, 15, 26, 6, 17, 29, 16, 24], np.uint64)
    third = np.uint64(first) ^ np.uint64(second) ^ np.uint64(0x1BD11BDA)
    keys = np.array([np.uint64(first), np.uint64(second), third])
    x = ((counter >> half) + keys[0]) & mask
    y = ((counter & mask) + keys[1]) & mask
    for i in range(20):
        turn = rotations[i % 8]
        x = (x + y) & mask
        y = (((y << turn) | (y >> (half - turn))) & mask) ^ x
        if i % 4 == 3:
            step = i // 4 + 1
            x = (x + keys[step % 3]) & mask
            y = (y + keys[(step + 1) % 3] + np.uint64(step)) & mask
    return np.uint64((x << half) | y)


@numba.njit(error_model="numpy")
def k0(key, x, out0):
    v2 = key[1]
    v3 = key[0]
    v5 = np.float32(0.0)
    v6 = np.float32(0.9)
    v9 = np.float32(0.99999994)
    v10 = np.float32(2.3283064e-10)
    v11 = np.float32(0.5)
    v12 = np.uint64(32)
    for task in range(9):  # parallel
        for i0 in range(min(task * 768, 6400), min((task + 1) * 768, 6400)):  # lanes
            v0 = np.int64(i0)
            v1 = np.uint64(v0)
            v4 = np.uint64(threefry2x32(v3, v2, v1))  # programs.py:49
            v7 = x[i0]
            v8 = v7 / v6
            v13 = np.uint64(v4 >> v12 if 0 <= v12 < 64 else v4 - v4)
            v14 = np.uint64(v4 ^ v13)
            v15 = np.uint32(v14)
            v16 = np.float32(v15)
            v17 = v16 + v11
            v18 = v17 * v10
            v19 = np.minimum(v18, v9)
            v20 = v19 < v6
            v21 = v8 if v20 else v5
            out0[i0] = v21


def dropout(key, x, out0):
    k0(key, x, out0)
