"""The entry of one specialisation in Python: slower than the native stub, the same in every answer.

Used where native entries cannot be (see `layout.native_problem`), and the reference that tests
compare the stub with.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from graphc import errors
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.signature import ArgSpec, ArgTree, ResultSpec, Signature, Structure, sizes
from graphc.ir.dims import Dim, as_symbol, evaluate
from graphc.ir.types import ArrayType
from graphc.runtime import recycle
from graphc.runtime.donation import refuse_donation

Fallback = Callable[..., object]
_CELL_TYPES = {"python float": float, "python int": int, "python bool": bool}
_CONTAINERS: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict}
_INT64 = range(-(1 << 63), 1 << 63)
_LINE = 64


Program = Callable[[object, object, int], int]


def program_of(code: Loaded, symbol: str, *, release_lock: bool) -> Program:
    """`i64 symbol(ptr buffers, ptr dims, ptr arena)`, callable from Python; keeps `code` alive."""
    make = ctypes.CFUNCTYPE if release_lock else ctypes.PYFUNCTYPE
    pointer = ctypes.c_void_p
    native = make(ctypes.c_int64, pointer, pointer, pointer)(code.address(symbol))

    def program(buffers: object, dims: object, arena: int, _code: Loaded = code) -> int:
        return int(native(buffers, dims, arena))

    return program


def python_entry(
    signature: Signature,
    program: Program,
    captured: Sequence[np.ndarray],
    fallback: Fallback,
    unflatten: Fallback | None,
) -> Fallback:
    """A Python function that does what the stub of `signature` does."""

    def entry(*given: object, **named: object) -> object:
        args = None if named else flat_arguments(signature, given)
        env = None if args is None else matching_sizes(signature, args)
        if args is None or env is None:
            return fallback(*given, **named)
        refuse_donation(signature, args, captured)
        inputs = [_cell(spec, arg) for spec, arg in zip(signature.args, args, strict=True)]
        outputs = [_output(spec, [*args, *captured], env) for spec in signature.results]
        written = zip(outputs, signature.results, strict=True)
        memory = [o for o, spec in written if spec.is_written and isinstance(o, np.ndarray)]
        _run(signature, program, [*inputs, *captured, *memory], env)
        objects = [_object(spec, o) for spec, o in zip(signature.results, outputs, strict=True)]
        result = structured(signature.tree, objects)
        return unflatten(result) if unflatten is not None else result

    entry.__name__ = signature.name
    return entry


def flat_arguments(signature: Signature, given: Sequence[object]) -> list[object] | None:
    """The leaves of the arguments if they are nested as `signature` says, else None."""
    flat: list[object] = []
    trees = signature.given
    if len(given) == len(trees) and all(map(_unnest, trees, given, [flat] * len(trees))):
        return flat
    return None


def _unnest(tree: ArgTree, value: object, flat: list[object]) -> bool:
    if isinstance(tree, int):
        flat.append(value)
        return True
    if type(value) is not _CONTAINERS[tree.kind]:
        return False
    values: list[object] = []
    if isinstance(value, dict):
        if len(value) != len(tree.keys) or not all(key in value for key in tree.keys):
            return False
        values += [value[key] for key in tree.keys]
    elif isinstance(value, tuple | list):
        values += value
    return len(values) == len(tree.items) and all(map(_unnest, tree.items, values, [flat] * len(values)))


def matching_sizes(signature: Signature, args: Sequence[object]) -> dict[str, int] | None:
    """The values of the symbols if the arguments are exactly those of `signature`, else None."""
    if len(args) != len(signature.args):
        return None
    env: dict[str, int] = {}
    if not all(_matches(spec, arg, env) for spec, arg in zip(signature.args, args, strict=True)):
        return None
    try:
        arrays = [(arg, spec.type) for arg, spec in zip(args, signature.args, strict=True)]
        fits = all(
            arg.shape == tuple(evaluate(dim, env) for dim in type_.shape)
            for arg, type_ in arrays
            if isinstance(arg, np.ndarray)
        )
        small = all(evaluate(dim, env) in _INT64 for dim in sizes(signature))
    except ZeroDivisionError:
        return None
    return env if fits and small else None


def _matches(spec: ArgSpec, arg: object, env: dict[str, int]) -> bool:
    """All but computed sizes, binding the symbols that stand alone."""
    if spec.kind == "numpy scalar":
        return type(arg) is spec.type.dtype.type
    if spec.kind != "array":
        return type(arg) is _CELL_TYPES[spec.kind] and (spec.kind != "python int" or arg in _INT64)
    if type(arg) is not np.ndarray or arg.dtype is not np.dtype(spec.type.dtype.name):
        return False
    if not (arg.flags.c_contiguous and arg.flags.aligned and arg.ndim == spec.type.ndim):
        return False
    for size, dim in zip(arg.shape, spec.type.shape, strict=True):
        symbol = as_symbol(dim)
        if symbol is not None:
            env.setdefault(symbol, size)
    return True


def resolve_exception(name: str) -> type[Exception]:
    """The exception class called `name`: graphc's, a built-in, or `module.Class`."""
    module, _, attribute = name.rpartition(".")
    places = [importlib.import_module(module)] if module else [errors, builtins]
    for place in places:
        found = vars(place).get(attribute)
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    raise ValueError(f"{name!r} names no exception class")


def raise_status(signature: Signature, status: int) -> None:
    """Raises the run-time error with the number `status`."""
    if not 1 <= status <= len(signature.errors):
        raise errors.VerificationError(
            f"the program of {signature.name} returned the unknown status {status}"
        )
    name, message = signature.errors[status - 1]
    raise resolve_exception(name)(message)


def structured(structure: Structure, objects: Sequence[object]) -> object:
    """`objects` arranged in the tuples and lists of `structure`."""
    if isinstance(structure, int):
        return objects[structure]
    items = [structured(item, objects) for item in structure.items]
    return tuple(items) if structure.kind == "tuple" else items


def _cell(spec: ArgSpec, arg: object) -> np.ndarray:
    return arg if isinstance(arg, np.ndarray) else np.array(arg, spec.type.dtype)


def _output(spec: ResultSpec, inputs: Sequence[object], env: Mapping[str, int]) -> object:
    if spec.argument is not None:
        return inputs[spec.argument]
    if spec.type is None:
        return None
    # Sizes below zero are refused by the program itself, with the user's line.
    return recycle.empty(tuple(max(0, evaluate(dim, env)) for dim in spec.type.shape), spec.type.dtype)


def allocate_requested(signature: Signature, request: int) -> np.ndarray:
    """The array that a native entry asks for; `request` points to a result's position and its sizes."""
    position, dims = (ctypes.c_int64 * 2).from_address(request)
    type_ = signature.results[position].type
    assert type_ is not None
    shape = tuple((ctypes.c_int64 * type_.ndim).from_address(dims)) if type_.ndim else ()
    return recycle.empty(shape, type_.dtype)


def _object(spec: ResultSpec, output: object) -> object:
    if not isinstance(output, np.ndarray) or spec.kind in ("array", "argument", "updated argument"):
        return output
    return output[()] if spec.kind == "numpy scalar" else output.item()


def _run(
    signature: Signature, program: Program, arrays: Sequence[np.ndarray], env: Mapping[str, int]
) -> None:
    buffers = (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays))
    dims = (ctypes.c_int64 * max(1, len(env)))(*(env[symbol] for symbol in signature.symbols))
    scratch = _scratch(max(0, evaluate(signature.arena, env)))
    aligned = -(-scratch.ctypes.data // _LINE) * _LINE if scratch.size else 0
    status = program(buffers, dims, aligned)
    if status:
        raise_status(signature, status)


def _scratch(size: int) -> np.ndarray:
    return np.empty(size + _LINE if size else 0, np.uint8)


def describe_mismatch(signature: Signature, args: Sequence[object]) -> str:
    """Which argument does not fit `signature`, and how."""
    flat = flat_arguments(signature, args)
    if flat is None and signature.nesting is not None:
        return f"the arguments of {signature.name} are not nested as those it was compiled for"
    if len(args) != len(signature.given):
        return f"{signature.name} takes {len(signature.args)} arguments, not {len(args)}"
    for spec, arg in zip(signature.args, flat or (), strict=True):
        shape = arg.shape if isinstance(arg, np.ndarray) else ()
        if not (_matches(spec, arg, {}) and _fits(spec.type.shape, shape)):
            wanted = f"{'a C-contiguous array' if spec.kind == 'array' else 'a ' + spec.kind} {spec.type}"
            return f"argument {spec.name!r} of {signature.name} must be {wanted}, not {_describe(arg)}"
    return f"the sizes of the arguments of {signature.name} do not fit each other"


def refuse_overflow(signature: Signature, args: Sequence[object]) -> None:
    """Raises MemoryError for arguments that fit, but whose results no 64-bit size can count."""
    flat = flat_arguments(signature, args) or []
    env: dict[str, int] = {}
    pairs = list(zip(signature.args, flat, strict=False))
    if len(pairs) < len(signature.args) or not all(_matches(spec, arg, env) for spec, arg in pairs):
        return
    shapes = [(spec.type.shape, arg.shape) for spec, arg in pairs if isinstance(arg, np.ndarray)]
    if all(tuple(evaluate(n, env) for n in wanted) == found for wanted, found in shapes):
        largest = max((evaluate(dim, env) for dim in sizes(signature)), default=0)
        if largest not in _INT64:
            raise MemoryError(f"{signature.name} needs {largest} bytes for one array")


def _fits(dims: Sequence[Dim], shape: Sequence[int]) -> bool:
    return all(not isinstance(dim, int) or dim == size for dim, size in zip(dims, shape, strict=True))


def _describe(arg: object) -> str:
    if isinstance(arg, np.ndarray):
        shape = ", ".join(map(str, arg.shape))
        layout = "" if arg.flags.c_contiguous and arg.flags.aligned else " that is not contiguous and aligned"
        return f"{type(arg).__name__} {arg.dtype.str}[{shape}]{layout}"
    return f"{type(arg).__name__} {arg!r}"


def normalise(array: object, type_: ArrayType) -> np.ndarray:
    """`array` as entries accept it: a plain, C-contiguous, aligned ndarray with the exact dtype object.

    Copies only where it must; raises TypeError where the values would change their dtype.
    """
    found = np.asarray(array)
    if found.dtype != type_.dtype and found.dtype.newbyteorder("=") != type_.dtype:
        raise errors.DTypeError(f"expected {type_}, got an array of {found.dtype}")
    exact = np.dtype(type_.dtype.name)
    plain = np.require(found.astype(exact, copy=False), requirements=("C", "A", "E"))
    return plain if plain.dtype is exact else plain.view(exact)
