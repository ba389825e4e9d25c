"""The table of addresses through which a native entry reaches everything outside its own code.

Machine code kept on disk must not contain addresses of this process. An entry finds them in a `bytes`
object, the first item of the tuple that is its `self`; the other items keep alive what is pointed to.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from graphc.backends.signature import ArgGroup, ArgTree, Signature
from graphc.runtime import arena
from graphc.runtime.numpy_api import numpy_function

_PYTHON_FUNCTIONS: Final = (
    "PyObject_Vectorcall",
    "PyObject_CallOneArg",
    "PyFloat_FromDouble",
    "PyLong_FromLongLong",
    "PyLong_AsLongLongAndOverflow",
    "PyBool_FromLong",
    "PyTuple_New",
    "PyDict_Size",
    "PyDict_GetItem",
    "PyList_New",
    "Py_IncRef",
    "Py_DecRef",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
)
_NUMPY_FUNCTIONS: Final = ("PyArray_NewFromDescr", "PyArray_Scalar")
FUNCTIONS: Final = (*_PYTHON_FUNCTIONS, *_NUMPY_FUNCTIONS, "pthread_getspecific")
OBJECTS: Final[dict[str, object]] = {
    "ndarray": np.ndarray,
    "float": float,
    "int": int,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "None": None,
    "True": True,
    "False": False,
    "grow arena": arena.grow,
}
# Python callables that every bound entry brings along.
HOOKS: Final = ("fallback", "unflatten", "refuse", "raise error", "allocate")


def slots(signature: Signature) -> dict[str, int]:
    """The position of every name in the table of `signature`'s entry."""
    names = [*FUNCTIONS, *OBJECTS, *HOOKS, "arena key"]
    for dtype in _dtypes(signature):
        names += [f"descr {dtype.name}", f"scalar {dtype.name}"]
    for i in range(len(signature.captured)):
        names += [f"captured {i}", f"captured object {i}"]
    names += [f"key {key}" for key in keys(signature)]
    return {name: position for position, name in enumerate(names)}


def keys(signature: Signature) -> list[str]:
    """The keys of all dicts among the arguments, as interned objects that the caller keeps alive."""

    def below(tree: ArgTree) -> Iterator[str]:
        if isinstance(tree, ArgGroup):
            yield from tree.keys
            for item in tree.items:
                yield from below(item)

    return list({key: sys.intern(key) for tree in signature.given for key in below(tree)}.values())


def addresses(signature: Signature, hooks: Mapping[str, object], captured: tuple[np.ndarray, ...]) -> bytes:
    """The contents of the table. The caller keeps the hooks and the captured arrays alive."""
    known: dict[str, int] = dict(function_addresses())
    known |= {name: id(value) for name, value in OBJECTS.items()}
    known |= {name: id(hooks[name]) for name in HOOKS}
    known["arena key"] = arena.key()
    for dtype in _dtypes(signature):
        known[f"descr {dtype.name}"] = id(dtype)
        known[f"scalar {dtype.name}"] = id(dtype.type)
    for i, array in enumerate(captured):
        known |= {f"captured {i}": array.ctypes.data, f"captured object {i}": id(array)}
    known |= {f"key {key}": id(key) for key in keys(signature)}
    return np.array([known[name] for name in slots(signature)], np.uint64).tobytes()


@functools.cache
def function_addresses() -> dict[str, int]:
    """The addresses in this process of every function in `FUNCTIONS`."""
    found = {name: _address(ctypes.pythonapi[name]) for name in _PYTHON_FUNCTIONS}
    found["pthread_getspecific"] = _address(ctypes.CDLL(None)["pthread_getspecific"])
    return found | {name: numpy_function(name) for name in _NUMPY_FUNCTIONS}


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def _dtypes(signature: Signature) -> list[np.dtype]:
    types = [arg.type for arg in signature.args] + [r.type for r in signature.results if r.type is not None]
    return list({type_.dtype.name: np.dtype(type_.dtype.name) for type_ in types}.values())
