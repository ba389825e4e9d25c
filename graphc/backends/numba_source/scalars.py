"""Literals, conversions and elementwise ops as Python expressions over names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import FunctionType

import numpy as np

from graphc.backends.numba_source import support
from graphc.errors import CompilationError
from graphc.ops.base import ALL_OPS, AbstractElementwise
from graphc.ops.elementwise import incomplete_functions, special_functions

# Functions whose text goes into programs that call them.
FUNCTIONS: dict[str, FunctionType] = {
    name: function
    for module in (special_functions, incomplete_functions, support)
    for name, function in vars(module).items()
    if isinstance(function, FunctionType) and function.__module__ == module.__name__
}

# A template in which nothing of this is left keeps the dtype of its operands, in Numba and in NumPy.
_CHANGES_TYPE = re.compile(r"math\.|special\.|(?<![\w{.])\d")
_KEEPS_TYPE = re.compile(r"np\.float\d\d\(1\)|[=!<>]=? -?\d+")
_SPECIAL = re.compile(r"\bspecial\.(\w+)")


def scalar_type(dtype: np.dtype) -> str:
    """What makes a number of this dtype: `np.float32`."""
    return "np.bool_" if dtype.kind == "b" else f"np.{dtype.name}"


def literal(value: float | int | bool, dtype: np.dtype) -> str:
    """A number of exactly this dtype: f32 kernels must not compute in f64 by accident."""
    if dtype.kind == "b":
        return str(bool(value))
    if dtype.kind == "f":
        return f"{scalar_type(dtype)}({float_text(float(value), dtype)})"
    return f"{scalar_type(dtype)}({int(value)})"


def float_text(value: float, dtype: np.dtype) -> str:
    """The shortest text that reads back as `value`."""
    if not math.isfinite(value):
        return "np.nan" if value != value else ("np.inf" if value > 0 else "-np.inf")
    short = str(dtype.type(value))
    return short if dtype.type(float(short)) == value else repr(value)


def expression(op: str, operands: Sequence[str], dtypes: Sequence[np.dtype], result: np.dtype) -> str:
    """Op `op` on the names `operands` of these dtypes."""
    if op == "cast":
        return cast(operands[0], dtypes[0], result)
    if op == "bitcast":
        return f"{scalar_type(dtypes[0])}({operands[0]}).view({scalar_type(result)})"
    if op == "copy":
        return operands[0]
    cls = ALL_OPS.get(op)
    if cls is None or not issubclass(cls, AbstractElementwise):
        raise CompilationError(f"the numba backend has no expression for {op}")
    template = cls().numba_for(*dtypes)
    text = _SPECIAL.sub(r"\1", template).format(*operands)
    exact = result.kind in "fb" or result == np.int64
    keeps = result.kind == "b" or (exact and not _CHANGES_TYPE.search(_KEEPS_TYPE.sub("", template)))
    return text if keeps else f"{scalar_type(result)}({_without_parentheses(text)})"


def _without_parentheses(text: str) -> str:
    """`text` without a pair of parentheses around all of it."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and i < len(text) - 1:
            return text
    return text[1:-1] if text.startswith("(") else text


def cast(x: str, source: np.dtype, target: np.dtype) -> str:
    """x converted as NumPy's `astype` converts on x86."""
    if source == target:
        return x
    if target.kind == "b":
        return f"{x} != 0"
    if source.kind != "f" or target.kind == "f":
        return f"{scalar_type(target)}({x})"
    if target in (np.int64, np.uint64, np.int32):
        return f"to_{target.name}({x})"
    # Through 32 bits where the target is narrower, through 64 for u32.
    return f"{scalar_type(target)}(to_{'int64' if target.itemsize == 4 else 'int32'}({x}))"


def called_functions(text: str) -> list[str]:
    """The names of the functions that `text` calls, directly or not, callees first."""
    needed = {name for name in FUNCTIONS if re.search(rf"(?<![\w.]){name}\(", text)}
    pending = list(needed)
    while pending:
        inner = {n for n in FUNCTIONS[pending.pop()].__code__.co_names if n in FUNCTIONS} - needed
        needed |= inner
        pending += inner
    return [name for name in FUNCTIONS if name in needed]
