"""Functions as one Python file of Numba kernels, to be read, changed and used without graphc.

Around the kernels of each function stands a function that checks its arguments, makes the arrays that the
kernels write, and puts the result together.
"""

from __future__ import annotations

import builtins
import inspect
import io
import keyword
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphc import errors
from graphc.aot import numba_support
from graphc.aot.interface import Fixed, Function, Leaf, Tree
from graphc.aot.numba_function import SUPPORT, FunctionText, Stored, plain, quoted
from graphc.aot.objects import Unit
from graphc.aot.weights import Weights
from graphc.backends.numba_source.names import RESERVED
from graphc.backends.numba_source.program import (
    imports_text,
    own_exceptions,
)
from graphc.backends.numba_source.scalars import FUNCTIONS, float_text, scalar_type
from graphc.errors import ArgumentError
from graphc.lower.writer import RuntimeCheck
from graphc.version import VERSION

_SMALL = 16  # elements of an array that is written into the text


def numba_files(name: str, units: Sequence[Unit], weights: Weights, *, in_file: bool) -> dict[str, bytes]:
    """NAME.py, and NAME.npz with the arrays that functions close over; small ones are in the text.

    in_file: all of them go to NAME.npz.
    """
    units = [replace(unit, function=plain(unit.function)) for unit in units]
    stored = Stored(weights)
    written = [FunctionText(unit, stored, alone=len(units) == 1) for unit in units]
    _check_names(name, units, written)
    listed = {key: array for key, array in stored.arrays.items() if not in_file and _is_small(array)}
    beside = {key: array for key, array in stored.arrays.items() if key not in listed}
    parts = [*_head(name, units, written, beside=bool(beside)), *_weights_text(listed, beside)]
    for unit, text in zip(units, written, strict=True):
        parts += [*text.pieces.kernels, text.text(unit.function)]
    files = {f"{name}.py": ("\n\n\n".join(parts) + "\n").encode()}
    return files | ({f"{name}.npz": _npz(beside)} if beside else {})


def _check_names(name: str, units: Sequence[Unit], written: Sequence[FunctionText]) -> None:
    """Raises where a function, or the file, would be called what the text has another use for."""
    taken = {*RESERVED, *keyword.kwlist, *FUNCTIONS, *SUPPORT, *vars(errors), "Path", "pathlib", "_weights"}
    taken.update(kernel.name for text in written for kernel in text.plan.kernels)
    for symbol in (name, *(unit.function.symbol for unit in units)):
        if symbol in taken:
            raise ArgumentError(
                f"{symbol!r} cannot be a name in a Python file of kernels, where it means something else; "
                "choose another with name=…"
            )


def _head(
    name: str, units: Sequence[Unit], written: Sequence[FunctionText], *, beside: bool
) -> Iterator[str]:
    """Documentation, imports, exceptions, and the functions that all others share."""
    checks: list[RuntimeCheck] = [check for unit in units for check in unit.plan.checks]
    support = dict.fromkeys(part for text in written for part in text.pieces.support)
    kernels = [kernel for text in written for kernel in text.pieces.kernels]
    used = "\n".join(text.text(unit.function) for text, unit in zip(written, units, strict=True))
    helpers = [f for f in SUPPORT if f"{f}(" in used or (f == "_flat" and "_updated(" in used)]
    imports = imports_text(checks, uses_math=any("math." in part for part in (*support, *kernels)))
    path = "from pathlib import Path\n\n" if beside else ""
    yield f"{_title(name, units, beside=beside)}\n\n{path}{imports}"
    yield from map(_exception, own_exceptions(checks))
    yield from (inspect.getsource(vars(numba_support)[f]).rstrip() for f in helpers)
    yield from support


def _title(name: str, units: Sequence[Unit], *, beside: bool) -> str:
    about = """
It needs NumPy and Numba. Kernels take flat arrays in C order, in which a number has one element; their
comments name the lines that the code comes from. Objects of classes are dicts of their arrays here."""
    if beside:
        about += f"\nThe arrays that functions close over are in {name}.npz, which must lie beside this file."
    signatures = "\n".join(f"    {_signature(unit.function)}" for unit in units)
    first = f"{name}: functions as Numba kernels, made by graphc {VERSION}."
    return f'"""{quoted(first)}\n\n{quoted(signatures)}\n{quoted(about)}\n"""'


def _signature(function: Function) -> str:
    """`f(x: f32[N, 3], params: …) -> f32[N]`: trees are left to the function's own documentation."""
    leaves = function.leaves
    parameters = [f"{argument.name}: {_type(argument.tree, leaves)}" for argument in function.arguments]
    return f"{function.symbol}({', '.join(parameters)}) -> {_type(function.results, leaves)}"


def _type(tree: Tree, leaves: Sequence[Leaf]) -> str:
    if isinstance(tree, int):
        return str(leaves[tree].type)
    if isinstance(tree, Fixed):
        return repr(tree.value)
    if tree.kind == "tuple":
        return f"({', '.join(_type(item, leaves) for item in tree.items)})"
    return "…"


def _exception(name: str) -> str:
    """An exception of graphc's, defined anew."""
    cls = vars(errors)[name]
    base = next(b.__name__ for b in cls.__mro__ if b.__name__ in vars(builtins))
    return f'class {name}({base}):\n    """{inspect.getdoc(cls)}"""'


# ---- arrays


def _is_small(array: np.ndarray) -> bool:
    return array.size <= _SMALL


def _weights_text(listed: Mapping[str, np.ndarray], beside: Mapping[str, np.ndarray]) -> Iterator[str]:
    """The dict of all arrays that functions close over."""
    if not listed and not beside:
        return
    lines = ["# The arrays that functions close over, flat."]
    rows = [f"    {key!r}: {_array_text(array)}," for key, array in listed.items()]
    lines += ["_weights = {", *rows, "}"] if rows else ["_weights = {}"]
    if beside:
        lines += [
            'with np.load(Path(__file__).with_suffix(".npz")) as _file:',
            "    _weights.update({name: _file[name].reshape(-1) for name in _file})",
        ]
    yield "\n".join(lines)


def _array_text(array: np.ndarray) -> str:
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        elements = [float_text(float(value), array.dtype) for value in flat]
    else:
        elements = [str(value) for value in flat.tolist()]
    return f"np.array([{', '.join(elements)}], {scalar_type(array.dtype)})"


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A file that `numpy.load` reads. No dates."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), member.getvalue())
    return file.getvalue()
