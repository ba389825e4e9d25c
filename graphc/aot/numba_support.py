"""What a Python file of kernels checks its arguments with. The text of these functions is copied into it."""

from __future__ import annotations

import numpy as np


def _size(name: str, value: object, axes: int, axis: int) -> int:
    """The length of an axis of an array that must have so many axes."""
    shape = np.asarray(value).shape
    if len(shape) != axes:
        raise ValueError(f"{name} must have {axes} axes, but its shape is {shape}")
    return int(shape[axis])


def _flat(name: str, value: object, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """An array of this dtype and shape as one axis in C order; a copy if it lies in memory otherwise."""
    array = np.asarray(value)
    if array.dtype != dtype:
        raise TypeError(f"{name} must be of dtype {np.dtype(dtype)}, not {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must be of shape {shape}, not {array.shape}")
    return array.reshape(-1)


def _updated(name: str, value: object, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """The same for an array that is overwritten: it must be one already, in C order and writable."""
    if not isinstance(value, np.ndarray) or not value.flags.c_contiguous or not value.flags.writeable:
        raise ValueError(f"{name} is overwritten: it must be a writable array in C order")
    return _flat(name, value, dtype, shape)


def _number(name: str, value: object, dtype: type) -> np.ndarray:
    """A number as an array of one element."""
    number = np.asarray(value)
    if number.shape != () or not np.can_cast(number.dtype, dtype, "same_kind"):
        raise TypeError(f"{name} must be a number of dtype {np.dtype(dtype)}, not {value!r}")
    return number.astype(dtype).reshape(1)


def _fixed(name: str, value: object, expected: object) -> None:
    """Raises unless a value is the one that the code was made for."""
    if type(value) is not type(expected) or value != expected:
        raise ValueError(f"{name} is {value!r}, but this code was made for {expected!r}")
