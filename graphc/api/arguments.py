"""From the arguments of a call to flat values: which are traced, which are static, which are refused."""

from __future__ import annotations

import enum
import functools
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Literal, NoReturn, Protocol, TypeAlias, runtime_checkable
from weakref import WeakValueDictionary

import numpy as np
from numpy.lib.array_utils import byte_bounds

from graphc.backends.base import ArgumentKind
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DonationError, located
from graphc.ir.types import DTYPE_NAMES, ArrayType
from graphc.ops.base import AbstractTraced
from graphc.trace.context import leaked, user_line_with_text

_SUPPORTED = frozenset(DTYPE_NAMES.values())
_INT64 = np.iinfo(np.int64)
_PARTS: dict[np.dtype, np.dtype] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}
ComplexKind: TypeAlias = Literal["", "array", "python complex"]


@dataclass(frozen=True, eq=False)
class Leaf:
    """What is known of a traced argument before the call: part of the specialisation's key.

    Made by `leaf_of` only: equal leaves are one object, so that comparing and hashing keys costs little.
    """

    kind: ArgumentKind
    type: ArrayType
    # A complex array or number is passed as floats: its parts are along a last axis of length 2.
    parts: ComplexKind = ""


_making = threading.Lock()
_leaves: WeakValueDictionary[tuple[ArgumentKind, ArrayType, ComplexKind], Leaf] = WeakValueDictionary()


def leaf_of(kind: ArgumentKind, type_: ArrayType, parts: ComplexKind = "") -> Leaf:
    """The leaf of this kind and type."""
    with _making:
        return _leaves.setdefault((kind, type_, parts), Leaf(kind, type_, parts))


@dataclass(frozen=True)
class Static:
    """An argument that is part of the program. `key` compares types as well as values."""

    key: Any
    value: Any = field(compare=False)


@dataclass(frozen=True, eq=False)
class _Same:
    """Compares by identity, and keeps the object alive so that its identity stays its own."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


Described: TypeAlias = Leaf | Static
Name: TypeAlias = Callable[[], str]  # says which argument this is; called only for errors


@runtime_checkable
class _SupportsDLPack(Protocol):
    def __dlpack__(self, **kwargs: Any) -> Any: ...


@runtime_checkable
class _SupportsArray(Protocol):
    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


@functools.lru_cache(4096)
def _array_leaf(dtype: np.dtype, shape: tuple[int, ...]) -> Leaf | None:
    """The leaf of an array; None if graphc does not compute with its dtype."""
    return leaf_of("array", ArrayType(dtype, shape)) if dtype in _SUPPORTED and dtype.isnative else None


@functools.lru_cache(64)
def _scalar_leaf(dtype: np.dtype) -> Leaf | None:
    """The same for a NumPy scalar."""
    return leaf_of("numpy scalar", ArrayType(dtype)) if dtype in _SUPPORTED else None


@functools.lru_cache(4096)
def _complex_leaf(dtype: np.dtype, shape: tuple[int, ...], kind: ComplexKind) -> Leaf:
    return leaf_of("array", ArrayType(_PARTS[dtype], (*shape, 2)), kind)


_NUMBER_LEAVES: dict[type, Leaf] = {
    float: leaf_of("python float", ArrayType(np.dtype(np.float64))),
    int: leaf_of("python int", ArrayType(np.dtype(np.int64))),
    bool: leaf_of("python bool", ArrayType(np.dtype(np.bool_))),
}


def describe_all(
    leaves: Sequence[Any], name: Callable[[int], str]
) -> tuple[list[Any], tuple[Described, ...]]:
    """The traced ones among `leaves` as programs take them, and what each leaf is; `name` is for errors."""
    values: list[Any] = []
    described: list[Described] = []
    for index, leaf in enumerate(leaves):
        what: Described | None = None
        if type(leaf) is np.ndarray:  # by far the most frequent case
            flags = leaf.flags
            if flags.c_contiguous and flags.aligned:
                what = _array_leaf(leaf.dtype, leaf.shape)
        if what is None:
            leaf, what = describe(leaf, functools.partial(name, index))
        described.append(what)
        if type(what) is Leaf:
            values.append(leaf)
    return values, tuple(described)


def describe(value: Any, name: Name) -> tuple[Any, Described]:
    """`value` as programs take it, and what it is; an `ArgumentError` where graphc cannot compute with it."""
    cls = type(value)
    numbers = cls is np.ndarray or isinstance(value, np.generic)
    if cls is complex or (numbers and value.dtype in _PARTS):
        return _describe_complex(value)
    if cls is np.ndarray:
        leaf = _array_leaf(value.dtype, value.shape)
        if leaf is None:
            _refuse_dtype(value.dtype, f"an array of dtype {value.dtype}", name)
        return regular(value), leaf
    if cls in _NUMBER_LEAVES:
        if cls is int and not _INT64.min <= value <= _INT64.max:
            _refuse(name, f"the integer {value}, which does not fit 64 bits", "Pass a float.")
        return value, _NUMBER_LEAVES[cls]
    if isinstance(value, np.generic):
        leaf = _scalar_leaf(value.dtype)
        if leaf is None:
            _refuse_dtype(value.dtype, f"a NumPy scalar of dtype {value.dtype}", name)
        return value, leaf
    return _describe_foreign(value, name)


def _describe_complex(value: Any) -> tuple[Any, Described]:
    """The parts of complex numbers, as they lie in memory."""
    whole = regular(np.asarray(value))
    floats = whole.reshape(-1).view(_PARTS[whole.dtype]).reshape(*whole.shape, 2)
    kind: ComplexKind = "python complex" if type(value) is complex else "array"
    return floats, _complex_leaf(whole.dtype, whole.shape, kind)


def regular(array: np.ndarray) -> np.ndarray:
    """`array` itself if it is C-contiguous and aligned, else a copy that is."""
    return array if array.flags.c_contiguous and array.flags.aligned else np.array(array, order="C")


def _describe_foreign(value: Any, name: Name) -> tuple[Any, Described]:
    """The same for everything that is not a plain array or number."""
    kind = type(value).__name__
    if isinstance(value, AbstractTraced):
        raise leaked(user_line_with_text())
    if isinstance(value, np.memmap):
        return describe(np.asarray(value), name)
    if isinstance(value, np.ndarray):
        _refuse(
            name, f"a {kind}, which gives operators another meaning", "Pass a plain array: np.asarray(x)."
        )
    if isinstance(value, enum.Enum | str | bytes):
        return value, Static(static_key(value, name), value)
    if _is_buffer(value):
        return describe(np.asarray(value), name)
    if isinstance(value, type):
        return value, Static(_Same(value), value)
    if isinstance(value, _SupportsDLPack):
        return describe(_imported(np.from_dlpack, value, name), name)
    if isinstance(value, _SupportsArray):
        return describe(_imported(np.asarray, value, name), name)
    return value, Static(static_key(value, name), value)


def _imported(convert: Callable[[Any], Any], value: Any, name: Name) -> Any:
    """The NumPy array of a foreign array, sharing its memory where the other side allows it."""
    try:
        return convert(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        _refuse(
            name,
            f"a {type(value).__module__}.{type(value).__name__} that NumPy cannot read ({error})",
            "Move it to the CPU and detach it from other frameworks' gradients, or pass a NumPy array.",
        )


def _is_buffer(value: Any) -> bool:
    """Whether this is one of Python's own arrays of bytes or numbers."""
    module: Any = sys.modules.get("array")  # who has such an array has imported it
    return isinstance(value, memoryview | bytearray) or (
        module is not None and isinstance(value, module.array)
    )


def static_key(value: Any, name: Name) -> Any:
    """A hashable stand-in for a static value: equal only for equal values of equal types."""
    if isinstance(value, tuple):
        return (type(value), tuple(static_key(item, name) for item in value))
    if isinstance(value, float):
        return (type(value), value.hex())  # tells 0.0 from -0.0, and NaN equals itself
    if isinstance(value, MethodType):
        return (MethodType, value.__func__, static_key(value.__self__, name))
    try:
        hash(value)
    except TypeError:
        _refuse(
            name,
            f"a {type(value).__name__}, which is neither an array, a number nor a tree of them; "
            "as a static value it would have to be hashable",
            "Pass arrays or numbers, a tuple instead of a list or set, or a hashable object.",
        )
    return (type(value), value, *_read_by_identity(value))


def _read_by_identity(value: Any) -> tuple[Any, ...]:
    """The arrays and numbers an ordinary object holds: replacing one makes another program."""
    cls = type(value)
    by_identity: Any = object.__eq__
    plain = cls.__eq__ is by_identity and cls.__dictoffset__ != 0
    if not plain or isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType):
        return ()
    held = sorted(vars(value).items())
    arrays = ((key, _Same(v)) for key, v in held if isinstance(v, np.ndarray))
    numbers = ((key, type(v), v) for key, v in held if isinstance(v, bool | int | float | str | np.generic))
    return (*arrays, *numbers)


def check_donated(
    values: Sequence[Any], donated: Sequence[bool], names: Sequence[str], captured: Sequence[np.ndarray]
) -> None:
    """Raises where a donated array cannot be overwritten: read-only, or shared with another array."""
    for value, is_donated, name in zip(values, donated, names, strict=True):
        if is_donated and not value.flags.writeable:
            raise DonationError(
                f"argument {name!r} is overwritten, but it is read-only. Pass a copy, or do not donate it."
            )
    arrays = [(v, d, f"argument {n!r}") for v, d, n in zip(values, donated, names, strict=True)]
    arrays += [(array, False, "an array that the function refers to") for array in captured]
    spans = ((*byte_bounds(v), d, name) for v, d, name in arrays if type(v) is np.ndarray and v.size)
    reached: list[tuple[int, bool, str]] = []  # arrays that start before the next one: (end, donated, name)
    for start, end, is_donated, name in sorted(spans):
        reached = [other for other in reached if other[0] > start]
        for _, other_donated, other_name in reached:
            if is_donated or other_donated:
                first, second = (name, other_name) if is_donated else (other_name, name)
                raise DonationError(
                    f"{first} is overwritten, but it shares memory with {second}. Pass a copy of one of them."
                )
        reached.append((end, is_donated, name))


def _refuse_dtype(dtype: np.dtype, what: str, name: Name) -> NoReturn:
    remedies = {
        "c": "Convert it first: x.astype(np.complex128).",
        "O": "Build it from numbers of one shape, with a dtype: np.array(values, dtype=np.float64).",
        "M": "Subtract a reference time and convert: (t - t0) / np.timedelta64(1, 's').",
        "m": "Convert it to a number of units: t / np.timedelta64(1, 's').",
        "V": "Pass its fields as separate arrays, for example a dict of them.",
        "U": "Encode the text as integers first.",
        "S": "Encode the text as integers first.",
        "f": "Convert it first: x.astype(np.float32) or x.astype(np.float64).",
    }
    if not dtype.isnative and dtype.newbyteorder("=") in _SUPPORTED:
        remedy = f"Convert it to this machine's byte order: x.astype(np.{dtype.newbyteorder('=').name})."
    else:
        remedy = remedies.get(dtype.kind, f"Supported are {', '.join(DTYPE_NAMES)}.")
    _refuse(name, f"{what}, which graphc does not compute with", remedy)


def _refuse(name: Name, what: str, remedy: str) -> NoReturn:
    raise ArgumentError(located(f"argument {name()} is {what}", None, remedy))
