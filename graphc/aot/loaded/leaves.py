"""What is accepted for each array and number that a C function takes, and how the rest is refused."""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from graphc.aot.loaded.sizes import Size
from graphc.errors import ArgumentError, DonationError, DTypeError, ShapeError

INT64 = range(-(1 << 63), 1 << 63)


class Leaf:
    """One array or number: `row` is its place in the interface, `function` the name for errors."""

    def __init__(self, row: Mapping[str, Any], function: str) -> None:
        self.name = f"{'' if row['role'] == 'output' else 'argument '}{row['path']} of {function}"
        self.type: str = row["type"]
        self.dtype = np.dtype(row["dtype"])
        self.shape = tuple(Size(dim) for dim in row["shape"])
        self.kind: str = row["kind"]
        self.role: str = row["role"]
        # The library reads such a number from a register, and everything else from memory.
        self.by_value = self.role == "input" and not self.shape
        self.is_number = self.by_value or self.kind != "array"

    def taken(self, value: Any) -> Any:
        """`value` as the library takes it: a C-contiguous array of the right dtype, or a Python number."""
        if self.is_number:
            return self._number(value)
        if type(value) is np.ndarray and value.dtype is self.dtype and value.ndim == len(self.shape):
            flags = value.flags
            if flags.c_contiguous and flags.aligned and (self.role == "input" or flags.writeable):
                return value
        return self._array(value)

    def shape_for(self, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
        """The shape for these sizes; None where a division by zero is in it."""
        try:
            return tuple(dim.value(sizes) for dim in self.shape)
        except ZeroDivisionError:
            return None

    def delivered(self, cell: np.ndarray) -> Any:
        """What the library wrote, as the kind of result that it is."""
        if self.kind == "array":
            return cell
        return cell[()] if self.kind == "numpy scalar" else cell.item()

    def refuse(self, what: str, remedy: str = "") -> NoReturn:
        """Raises an ArgumentError that tells what was given, what is wanted, and what to do."""
        raise ArgumentError(f"{self.name} is {what}, but the library takes {self.type}" + remedy)

    # ---- arrays

    def _array(self, value: Any) -> np.ndarray:
        found = self._plain(value)
        self._check_dtype(found)
        if found.ndim != len(self.shape):
            raise ShapeError(f"{self.name} is {type_text(found)}, but the library takes {self.type}")
        regular = found.flags.c_contiguous and found.flags.aligned
        if self.role != "input":
            if not isinstance(value, np.ndarray):
                self.refuse(f"a {type(value).__name__}", " and overwrites it\n  Pass a NumPy array.")
            if not found.flags.writeable:
                raise DonationError(f"{self.name} is overwritten, but it is read-only. Pass a copy.")
            if not regular:
                raise DonationError(
                    f"{self.name} is overwritten, but it is not contiguous in C order. "
                    "Pass np.ascontiguousarray(x), and use the result."
                )
        return found if regular else np.array(found, self.dtype, order="C")

    def _plain(self, value: Any) -> np.ndarray:
        """`value` as a plain array; shared memory where other libraries allow it."""
        if type(value) is np.ndarray:
            return value
        if isinstance(value, np.ndarray) and not isinstance(value, np.memmap):
            kind = type(value).__name__
            self.refuse(
                f"a {kind}, which gives operators another meaning", "\n  Pass a plain array: np.asarray(x)."
            )
        convert = conversion_of(value)
        if convert is None:
            self.refuse(f"{shown(value)}, no array", f"\n  Pass np.asarray(x, dtype=np.{self.dtype.name}).")
        try:
            return convert(value)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            self.refuse(
                f"a {type(value).__module__}.{type(value).__name__} that NumPy cannot read ({error})",
                "\n  Move it to the CPU and detach it from other frameworks' gradients.",
            )

    def _check_dtype(self, found: np.ndarray) -> None:
        if found.dtype != self.dtype:
            native = found.dtype.newbyteorder("=") == self.dtype
            order = f" in another byte order ({found.dtype.str})" if native else ""
            raise DTypeError(
                f"{self.name} is {type_text(found)}{order}, but the library takes {self.type}\n"
                f"  Convert it first: x.astype(np.{self.dtype.name})."
            )

    # ---- numbers

    def _number(self, value: Any) -> Any:
        kind, cls = self.dtype.kind, type(value)
        if (cls is float and kind == "f") or (cls is bool and kind == "b"):
            return value
        if cls is int and kind in "iuf":
            return self._whole(value)
        if cls in (float, bool, int, complex) or isinstance(value, str | bytes):
            self.refuse(shown(value))
        found = self._plain(value)
        if found.shape:
            raise ShapeError(
                f"{self.name} is {type_text(found)}, but the library takes one number {self.type}"
            )
        self._check_dtype(found)
        return found.item()

    def _whole(self, value: int) -> int | float:
        if self.dtype.kind == "f":
            if value not in INT64:
                self.refuse(f"the integer {shown(value)}, which does not fit 64 bits", "\n  Pass a float.")
            return float(value)
        limits = np.iinfo(self.dtype)
        if not limits.min <= value <= limits.max:
            self.refuse(f"the integer {shown(value)}, which does not fit")
        return value


def leaves_in(row: Mapping[str, Any]) -> list[Leaf]:
    """The arrays and numbers of a function, in the order of its parameters."""
    rows = [field for p in row["parameters"] for field in p.get("fields", [p])]
    return [Leaf(field, row["symbol"]) for field in rows]


def origin_of(symbol: str, leaves: Sequence[Leaf]) -> tuple[int, int] | None:
    """The array and the axis that give a size: the first argument with this dimension alone."""
    for i, leaf in enumerate(leaves):
        for axis, dim in enumerate(leaf.shape):
            if dim.symbol == symbol and leaf.role != "output" and not leaf.is_number:
                return i, axis
    return None


def names_of_sizes(row: Mapping[str, Any]) -> dict[str, str]:
    """The sizes that no array gives: what they are called as arguments, and their symbols."""
    leaves, taken = leaves_in(row), {argument["name"] for argument in row["arguments"]}
    return {
        f"size_{text}" if text in taken else text: symbol
        for symbol, text in zip(row["sizes"], row["size_names"], strict=True)
        if origin_of(symbol, leaves) is None
    }


def conversion_of(value: Any) -> Callable[[Any], np.ndarray] | None:
    """What makes an array of a value without looking into it: of buffers, and of other libraries' arrays."""
    if isinstance(value, np.memmap | np.generic | array.array | memoryview | bytearray):
        return np.asarray
    if hasattr(type(value), "__dlpack__"):
        return np.from_dlpack
    return np.asarray if hasattr(type(value), "__array__") else None


def type_text(found: np.ndarray) -> str:
    """The type of an array as interfaces write it: f32[5, 7]."""
    dtype = found.dtype
    name = f"{dtype.kind}{8 * dtype.itemsize}" if dtype.kind in "iuf" else dtype.name
    return f"{name}[{', '.join(map(str, found.shape))}]" if found.shape else name


def shown(value: Any) -> str:
    """A value for an error, its type and its beginning."""
    try:
        text = repr(value)
    except Exception as error:  # the value is foreign, and its repr may do anything
        text = f"<{type(error).__name__} in repr>"
    text = text if len(text) <= 40 else text[:37] + "..."
    return text if type(value) is int or value is None else f"the {type(value).__name__} {text}"
