"""The C header of a library: one declaration a function, with what each parameter must be."""

from __future__ import annotations

import re

from graphc.aot.comments import harmless
from graphc.aot.interface import ALIGNMENT, FIRST_CHECK, STATUSES, Function, Leaf, Library, Struct
from graphc.aot.structs import declared, struct_lines
from graphc.version import VERSION


def header_text(library: Library) -> str:
    """The header of a library."""
    name = library.name
    guard = f"GRAPHC_{name}_H"
    lines = [
        *_comment([_title(library), "", *_CONVENTIONS.splitlines()]),
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdbool.h>",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *_statuses(library),
        *_weights(library),
        *_threads(library),
        *struct_lines(library),
    ]
    for function in library.functions:
        lines += _declarations(library, function)
    lines += [
        "/* The target whose code runs on this processor; null if there is none for it. */",
        f"const char *{name}_target(void);",
        "",
    ]
    lines += ["#ifdef __cplusplus", "}", "#endif", "", f"#endif /* {guard} */", ""]
    return "\n".join(lines)


_CONVENTIONS = f"""\
Arrays are in C order (the last axis is contiguous) and aligned to their elements; numbers that are only read
are passed by value. Arrays that are written must not overlap others; arrays without elements may be null.
Functions allocate nothing and keep no data: the workspace holds all intermediate results, and its contents
do not matter. It must be aligned to {ALIGNMENT} bytes (posix_memalign, aligned_alloc), better to 4096, as are
large arrays; calls that run at the same time need one each.
Sizes count elements unless their names end in _bytes. Every function returns 0, or another status: below
{FIRST_CHECK} nothing was written; after a status from {FIRST_CHECK} on, what was written has no meaning."""


def _title(library: Library) -> str:
    architecture = library.triple.partition("-")[0]
    made = f"made by graphc {VERSION} for {architecture}"
    return f"{library.name}: {made} ({', '.join(library.levels)})."


def _comment(lines: list[str]) -> list[str]:
    body = [f" * {harmless(line)}".rstrip() for line in lines]
    return ["/*", *body, " */"]


def _statuses(library: Library) -> list[str]:
    prefix = library.name.upper()
    rows = [(f"{prefix}_{name} = {i}", meaning) for i, (name, meaning) in enumerate(STATUSES)]
    listed = [f"    {text}, /* {meaning} */" for text, meaning in rows]
    listed.append(f"    {prefix}_FIRST_CHECK = {FIRST_CHECK} /* from here on: see the function's comment */")
    return ["/* What functions return. */", "enum {", *listed, "};", ""]


def _weights(library: Library) -> list[str]:
    if library.weights_bytes is None:
        return []
    prefix = library.name.upper()
    text = [
        f"{library.name}.safetensors, read or mapped to an address that is a multiple of {ALIGNMENT}.",
        "Functions compare its header with the one that they were built with, and change nothing in it.",
    ]
    return [*_comment(text), f"#define {prefix}_WEIGHTS_BYTES {library.weights_bytes}", ""]


def _threads(library: Library) -> list[str]:
    if library.threads == 1:
        return []
    text = [
        f"Large kernels use up to {library.threads} threads, which start at their first use and are kept.",
        "This sets how many are used from now on; results do not depend on it.",
    ]
    return [*_comment(text), f"void {library.name}_set_threads(int64_t threads);", ""]


def _described(leaf: Leaf) -> str:
    """The type, the Python expression that it stands for, and what becomes of it."""
    text = str(leaf.type)
    if leaf.role == "output":
        text += f", written: {leaf.path}"
    elif leaf.path != leaf.name:
        text += f": {leaf.path}"
    if leaf.role == "updated":
        text += f", overwritten with {leaf.becomes}"
    return harmless(text)


def _declarations(library: Library, function: Function) -> list[str]:
    parameters = [f"int64_t {name}" for name in function.size_names]
    parameters += [_parameter(p) for p in function.parameters]
    if library.weights_bytes is not None:
        parameters += ["const void *weights", "int64_t weights_bytes"]
    parameters += ["void *workspace", "int64_t workspace_bytes"]
    symbol = function.symbol
    sizes = ", ".join(f"int64_t {name}" for name in function.size_names) or "void"
    lines = _comment(_documentation(library, function))
    if isinstance(function.workspace, int):
        lines += [f"#define {symbol.upper()}_WORKSPACE_BYTES {function.workspace}"]
    separator = ",\n" + " " * len(f"int {symbol}(")
    return [
        *lines,
        f"int {symbol}({separator.join(parameters)});",
        "",
        f"/* The bytes of workspace that {symbol} needs; -1 for impossible sizes. */",
        f"int64_t {symbol}_workspace_bytes({sizes});",
        "",
        f"/* What a status of {symbol} means. */",
        f"const char *{symbol}_message(int status);",
        "",
    ]


def _parameter(parameter: Leaf | Struct) -> str:
    if isinstance(parameter, Struct):
        return f"const struct {parameter.tag} *{parameter.name}"
    return declared(parameter, written=parameter.role != "input")


def _documentation(library: Library, function: Function) -> list[str]:
    rows = [(name, "a size, from 0 on") for name in function.size_names]
    for parameter in function.parameters:
        rows += _struct_rows(parameter) if isinstance(parameter, Struct) else [_row(parameter)]
    if library.weights_bytes is not None:
        rows.append(("weights", f"the file {library.name}.safetensors, {library.weights_bytes} bytes"))
    rows.append(("workspace", _workspace(function)))
    width = max(len(name) for name, _ in rows)
    lines = [function.documentation, ""] if function.documentation else []
    lines += [f"{name:{width}}  {text}" for name, text in rows]
    for number, (exception, message) in enumerate(function.errors, FIRST_CHECK):
        first = message.splitlines()[0]
        lines += [""] * (number == FIRST_CHECK) + [f"status {number}: {exception}: {first}"]
    return lines


def _row(leaf: Leaf) -> tuple[str, str]:
    return leaf.name, _described(leaf)


def _struct_rows(struct: Struct) -> list[tuple[str, str]]:
    """What a function does with a structure; field by field if it treats them differently."""
    roles = {field.role for field in struct.fields}
    sources = {_source(field) for field in struct.fields}
    if roles == {"input"}:
        return [(struct.name, f"{struct.tag}, whose arrays are read")]
    if roles == {"output"}:
        return [(struct.name, f"{struct.tag}, whose arrays are written")]
    if roles == {"updated"} and len(sources) == 1:
        return [(struct.name, f"{struct.tag}, whose arrays are read, then overwritten with {sources.pop()}")]
    own = [(f"  {field.name}", _described(field)) for field in struct.fields if field.role == "updated"]
    return [(struct.name, f"{struct.tag}, whose arrays are read, and of which these are overwritten:"), *own]


def _source(field: Leaf) -> str:
    """The tree that an updated field is part of afterwards: `result[0]` if params.w becomes result[0].w."""
    inside = re.sub(r"^\w+", "", field.path)
    return field.becomes.removesuffix(inside) if field.becomes.endswith(inside) else field.becomes


def _workspace(function: Function) -> str:
    if function.workspace == 0:
        return "not used: may be null"
    if isinstance(function.workspace, int):
        return f"{function.workspace} bytes"
    return f"{function.symbol}_workspace_bytes({', '.join(function.size_names)}) bytes"
