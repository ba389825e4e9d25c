"""Lets harness.c call an exported library: calls through its header, cases with their results."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphc.aot.build import Build
from graphc.aot.interface import (
    BAD_SIZE,
    FIRST_CHECK,
    NULL_POINTER,
    Fixed,
    Function,
    Group,
    Leaf,
    Library,
    Struct,
    Tree,
)
from graphc.aot.manifest import read_interface
from graphc.aot.structs import c_type
from graphc.ir.dims import evaluate, product

STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
_SOURCE = Path(__file__).with_name("harness.c")
_LARGEST = 64  # LARGEST in harness.c
_LIMIT = 1 << 63
# Bytes, elements or both of these many do not fit 64 bits, or no memory holds them.
_HUGE = (
    (1 << 31) + 1,
    (1 << 32) - 1,
    (1 << 60) + 1,
    1 << 61,
    1 << 62,
    _LIMIT // 3 + 1,
    _LIMIT - 64,
    _LIMIT - 1,
)


@dataclass(frozen=True)
class Case:
    """One call: arguments as Python takes them, and what must come back.

    `raises` is the exception and a part of the message of the check that must fail.
    """

    symbol: str
    arguments: Sequence[Any]
    result: Any = None
    sizes: Mapping[str, int] | None = None
    raises: tuple[str, str] | None = None
    relative: float = 1e-12
    absolute: float = 1e-12
    large: bool = False  # too slow for valgrind


def library_of(build: Build) -> Library:
    """The interface that a manifest gives."""
    return read_interface(json.loads(build[".json"].read_text())["interface"])


class Harness:
    """The program that calls a library; compiled once for each set of options."""

    def __init__(self, build: Build, cases: Sequence[Case]) -> None:
        self.build, self.library = build, library_of(build)
        self.folder = build.folder / "harness"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "calls.h").write_text(calls_text(self.library))
        (self.folder / "all.bin").write_bytes(cases_bytes(self.library, cases))
        small = [case for case in cases if not case.large]
        (self.folder / "small.bin").write_bytes(cases_bytes(self.library, small))
        weights = build.folder / f"{build.name}.safetensors"
        self.weights = [str(weights.resolve())] if weights.exists() else []

    def program(self, *options: str, compiler: str = "gcc") -> Path:
        """Compiled and linked with the static library."""
        target = self.folder / f"harness{abs(hash((compiler, *options)))}"
        if not target.exists():
            command = [compiler, "-std=c99", "-D_GNU_SOURCE", "-O1", "-g", *STRICT, *options]
            command += [f"-I{self.folder}", f"-I{self.build.folder}", "-o", str(target), str(_SOURCE)]
            checked([*command, str(self.build[".a"]), "-lm", "-lpthread"])
        return target

    def run(
        self, mode: str, *tool: str, options: Sequence[str] = (), small: bool = False, compiler: str = "gcc"
    ) -> str:
        """What the program prints; `tool` is a command that runs it, such as valgrind's."""
        cases = self.folder / ("small.bin" if small else "all.bin")
        program = self.program(*options, compiler=compiler)
        return checked([*tool, str(program), str(cases), mode, *self.weights])


def checked(command: Sequence[str]) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)} returned {done.returncode}:\n{output[-6000:]}"
    return output


def has(*tools: str) -> bool:
    """Whether all these programs are installed."""
    return all(shutil.which(tool) for tool in tools)


# ---- calls


def calls_text(library: Library) -> str:
    """The file calls.h: each function behind one signature, and the table of all."""
    parts = [f'#include "{library.name}.h"\n']
    rows = []
    for function in library.functions:
        symbol = function.symbol
        parts += [_leaf_table(function), _call(function, file_of_weights=library.weights_bytes is not None)]
        structs = sum(isinstance(p, Struct) for p in function.parameters)
        numbers = f"{len(function.sizes)}, {len(function.leaves)}, {structs}, leaves_{symbol}"
        rows.append(f'    {{"{symbol}", call_{symbol}, bytes_{symbol}, {symbol}_message, {numbers}}},')
    table = ["static const struct function FUNCTIONS[] = {", *rows, "};", ""]
    return "\n".join([*parts, *table])


def _leaf_table(function: Function) -> str:
    assert max(len(function.leaves), len(function.sizes)) <= _LARGEST
    rows = []
    for leaf in function.leaves:
        kind = {"f": "f", "b": "b"}.get(leaf.type.dtype.kind, "i")
        roles = (leaf.role != "output", leaf.role != "input", leaf.by_value)
        rows.append(f"    {{'{kind}', {leaf.type.dtype.itemsize}, {', '.join(str(int(r)) for r in roles)}}},")
    rows = rows or ["    {'i', 1, 0, 0, 0},"]
    return "\n".join([f"static const struct leaf leaves_{function.symbol}[] = {{", *rows, "};", ""])


def _call(function: Function, *, file_of_weights: bool) -> str:
    symbol = function.symbol
    sizes = [f"g->sizes[{i}]" for i in range(len(function.sizes))]
    made, passed, position, structs = [], list(sizes), 0, 0
    for parameter in function.parameters:
        fields = parameter.fields if isinstance(parameter, Struct) else (parameter,)
        values = [_value(leaf, position + i) for i, leaf in enumerate(fields)]
        position += len(fields)
        if isinstance(parameter, Struct):
            made.append(f"    {parameter.tag} struct{structs} = {{{', '.join(values)}}};")
            passed.append(f"g->null_struct == {structs} ? NULL : &struct{structs}")
            structs += 1
        else:
            passed += values
    passed += ["g->weights", "g->weights_bytes"] * file_of_weights + ["g->workspace", "g->workspace_bytes"]
    return "\n".join(
        [
            f"static int call_{symbol}(const struct given *g)",
            "{",
            *made,
            f"    return {symbol}({', '.join(passed)});",
            "}",
            f"static int64_t bytes_{symbol}(const int64_t *sizes)",
            "{",
            "    (void)sizes;",
            f"    return {symbol}_workspace_bytes({', '.join(s.removeprefix('g->') for s in sizes)});",
            "}",
            "",
        ]
    )


def _value(leaf: Leaf, position: int) -> str:
    return f"*(const {c_type(leaf)} *)g->leaves[{position}]" if leaf.by_value else f"g->leaves[{position}]"


# ---- cases


def cases_bytes(library: Library, cases: Sequence[Case]) -> bytes:
    """The file of cases, and of sizes that no memory holds."""
    numbers = {f.symbol: i for i, f in enumerate(library.functions)}
    parts = [_integers(len(cases))]
    for case in cases:
        parts += _case(numbers[case.symbol], library.functions[numbers[case.symbol]], case)
    refused = [
        _integers(i, status, workspace, *sizes)
        for i, function in enumerate(library.functions)
        for sizes, status, workspace in refusals(function)
    ]
    return b"".join([*parts, _integers(len(refused)), *refused])


def _integers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def _case(number: int, function: Function, case: Case) -> Iterator[bytes]:
    sizes = case.sizes or {}
    status, message = _expected_status(function, case)
    workspace = evaluate(function.workspace, sizes)
    yield _integers(number, status) + struct.pack("<dd", case.relative, case.absolute)
    yield _integers(workspace, *(sizes[symbol] for symbol in function.sizes))
    yield _integers(len(message.encode())) + message.encode() + b"\0"
    given: dict[int, Any] = {}
    assert len(function.arguments) == len(case.arguments), f"{function.symbol} takes {function.arguments}"
    for argument, value in zip(function.arguments, case.arguments, strict=True):
        given |= flattened(argument.tree, value)
    expected = flattened(function.results, case.result) if not status else {}
    for i, leaf in enumerate(function.leaves):
        shape = tuple(evaluate(dim, sizes) for dim in leaf.type.shape)
        yield _integers(leaf.type.dtype.itemsize * int(np.prod(shape, dtype=object)))
        if leaf.role != "output":
            yield _array(given[i], leaf, shape)
        if leaf.role != "input" and not status:
            yield _array(expected[i], leaf, shape)


def _array(value: Any, leaf: Leaf, shape: tuple[int, ...]) -> bytes:
    array = np.asarray(value)
    assert array.shape == shape, f"{leaf.path}: {array.shape} is not {leaf.type} = {shape}"
    assert leaf.kind != "array" or array.dtype == leaf.type.dtype, f"{leaf.path} is {array.dtype}"
    return np.ascontiguousarray(array, leaf.type.dtype).tobytes()


def flattened(tree: Tree, value: Any) -> dict[int, Any]:
    """The value of each leaf."""
    if isinstance(tree, int):
        return {tree: value}
    if isinstance(tree, Fixed):
        assert value == tree.value
        return {}
    assert isinstance(tree, Group)
    if tree.keys and isinstance(value, Mapping):
        items = [value[key] for key in tree.keys]
    elif tree.keys:
        items = [getattr(value, key) for key in tree.keys]
    else:
        items = list(value)
    found: dict[int, Any] = {}
    for child, item in zip(tree.items, items, strict=True):
        found |= flattened(child, item)
    return found


def _expected_status(function: Function, case: Case) -> tuple[int, str]:
    if case.raises is None:
        return 0, ""
    exception, text = case.raises
    for status, (name, message) in enumerate(function.errors, FIRST_CHECK):
        if name == exception and text in message:
            return status, f"{name}: {message}"
    raise AssertionError(f"{function.symbol} has no check {case.raises}, only {function.errors}")


def refusals(function: Function) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Sizes that no memory holds, or too small: each with the status for null pointers, and the workspace."""
    count = len(function.sizes)
    rows = {(huge,) * count for huge in _HUGE if count}
    rows |= {(small,) * count for small in range(3) if count}
    rows |= {tuple(huge if i == j else 3 for j in range(count)) for huge in _HUGE for i in range(count)}
    for row in sorted(rows):
        sizes = dict(zip(function.sizes, row, strict=True))
        needed = evaluate(function.workspace, sizes)
        pointers = [leaf for leaf in function.leaves if not leaf.by_value]
        counted = [*(evaluate(dim, sizes) for leaf in pointers for dim in leaf.type.shape), needed]
        lengths = [
            evaluate(product((leaf.type.dtype.itemsize, *leaf.type.shape)), sizes) for leaf in pointers
        ]
        fits = all(0 <= number < _LIMIT for number in (*counted, *lengths))
        if not fits or any(lengths):
            yield row, NULL_POINTER if fits else BAD_SIZE, needed if 0 <= needed < _LIMIT else -1
