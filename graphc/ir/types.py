"""Types of values: an array's dtype and shape, written `f32[N, 784]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import DTypeError, ParseError
from graphc.ir.dims import Dim, parse_dim, product, substitute, symbols_of

DTYPE_NAMES: dict[str, np.dtype] = {
    "bool": np.dtype(np.bool_),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    **{f"i{8 * n}": np.dtype(f"i{n}") for n in (1, 2, 4, 8)},
    **{f"u{8 * n}": np.dtype(f"u{n}") for n in (1, 2, 4, 8)},
}
_NAME_OF = {dtype: name for name, dtype in DTYPE_NAMES.items()}


def dtype_name(dtype: np.dtype) -> str:
    """The short name of a supported dtype, or a `DTypeError`."""
    name = _NAME_OF.get(dtype)
    if name is None:
        raise DTypeError(
            f"graphc does not compute with dtype {dtype}; supported: {', '.join(DTYPE_NAMES)}. "
            "Convert with .astype first."
        )
    return name


@dataclass(frozen=True)
class ArrayType:
    """dtype and shape of one array; a scalar has shape ()."""

    dtype: np.dtype
    shape: tuple[Dim, ...] = ()

    # Types are made, compared and hashed more than anything else: these say what the shared methods would.

    def __init__(self, dtype: np.dtype, shape: tuple[Dim, ...] = ()) -> None:
        dtype_name(dtype)
        vars(self).update(dtype=dtype, shape=shape)

    def __eq__(self, other: object) -> bool:
        same = other.__class__ is ArrayType
        return same and self.shape == other.shape and self.dtype == other.dtype  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        return product(self.shape)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbolic sizes, in order of appearance."""
        return tuple(dict.fromkeys(name for dim in self.shape for name in symbols_of(dim)))

    def with_shape(self, shape: tuple[Dim, ...]) -> ArrayType:
        return ArrayType(self.dtype, shape)

    def with_dtype(self, dtype: np.dtype) -> ArrayType:
        return ArrayType(dtype, self.shape)

    def substitute(self, sizes: dict[str, Dim]) -> ArrayType:
        return ArrayType(self.dtype, tuple(substitute(dim, sizes) for dim in self.shape))

    def __str__(self) -> str:
        name = dtype_name(self.dtype)
        return f"{name}[{', '.join(map(str, self.shape))}]" if self.shape else name


@dataclass(frozen=True)
class TupleType:
    """The type of an op with several results."""

    elements: tuple[ArrayType, ...]

    def __iter__(self) -> Iterator[ArrayType]:
        return iter(self.elements)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"


ValueType: TypeAlias = ArrayType | TupleType

_TYPE = r"\s*([a-z]+\d*)\s*(?:\[(.*)\])?\s*$"


def parse_type(text: str) -> ArrayType:
    """The type written `text`: `f64`, `f32[3, 4]`, `f32[N, 2*N+1]`."""
    match = re.match(_TYPE, text)
    if match is None or match[1] not in DTYPE_NAMES:
        raise ParseError(f"{text!r} is not a type; write one like f32[N, 784] or i64")
    dims = match[2]
    shape = tuple(parse_dim(part) for part in dims.split(",")) if dims and dims.strip() else ()
    return ArrayType(DTYPE_NAMES[match[1]], shape)


def type_of(array: np.ndarray | np.generic) -> ArrayType:
    """The type of a NumPy value."""
    return ArrayType(array.dtype, tuple(array.shape))
