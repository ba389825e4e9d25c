"""The C header of a library: one declaration a function, with what each parameter must be."""

from __future__ import annotations

from graphc.aot.interface import ALIGNMENT, FIRST_CHECK, STATUSES, Function, Leaf, Library, Struct
from graphc.ir.dims import Dim
from graphc.ir.types import dtype_name
from graphc.version import VERSION

_C_TYPES = {"bool": "bool", "f32": "float", "f64": "double"}


def c_type(leaf: Leaf) -> str:
    """The C type of one element."""
    name = dtype_name(leaf.type.dtype)
    if name in _C_TYPES:
        return _C_TYPES[name]
    return f"{'u' if name[0] == 'u' else ''}int{name[1:]}_t"


def header_text(library: Library) -> str:
    """The header of a library."""
    name = library.name
    guard = f"{name.upper()}_H"
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
        *_structs(library),
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
do not matter. It must be aligned to {ALIGNMENT} bytes; calls that run at the same time need one each.
Sizes count elements unless their names end in _bytes. Every function returns 0, or another status."""


def _title(library: Library) -> str:
    architecture = library.triple.partition("-")[0]
    made = f"made by graphc {VERSION} for {architecture}"
    return f"{library.name}: {made} ({', '.join(library.levels)})."


def _comment(lines: list[str]) -> list[str]:
    body = [f" * {line}".rstrip() for line in lines]
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


def _structs(library: Library) -> list[str]:
    lines: list[str] = []
    seen: set[str] = set()
    for function in library.functions:
        for parameter in function.parameters:
            if isinstance(parameter, Struct) and parameter.tag not in seen:
                seen.add(parameter.tag)
                declared = [f"{_declared(field)};" for field in parameter.fields]
                width = max(map(len, declared))
                rows = [
                    f"    {text:{width}} /* {_described(field)} */"
                    for text, field in zip(declared, parameter.fields, strict=True)
                ]
                lines += [f"typedef struct {parameter.tag} {{", *rows, f"}} {parameter.tag};", ""]
    return lines


def _declared(leaf: Leaf) -> str:
    if leaf.by_value:
        return f"{c_type(leaf)} {leaf.name}"
    return f"{'const ' if leaf.role == 'input' else ''}{c_type(leaf)} *{leaf.name}"


def _described(leaf: Leaf) -> str:
    """The type, the Python expression that it stands for, and what becomes of it."""
    text = str(leaf.type)
    if leaf.role == "output":
        text += f", written: {leaf.path}"
    elif leaf.path != leaf.name:
        text += f": {leaf.path}"
    if leaf.role == "updated":
        text += f", overwritten with {leaf.becomes}"
    return text.replace("*/", "* /")


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
    return (
        f"const {parameter.tag} *{parameter.name}" if isinstance(parameter, Struct) else _declared(parameter)
    )


def _documentation(library: Library, function: Function) -> list[str]:
    rows = [
        (name, "the size " + symbol) for name, symbol in zip(function.size_names, function.sizes, strict=True)
    ]
    for parameter in function.parameters:
        if isinstance(parameter, Struct):
            roles = {field.role for field in parameter.fields}
            does = (
                "read" if roles == {"input"} else "written" if roles == {"output"} else "read and overwritten"
            )
            rows.append((parameter.name, f"arrays that are {does}, see {parameter.tag}"))
        else:
            rows.append((parameter.name, _described(parameter)))
    if library.weights_bytes is not None:
        rows.append(("weights", f"the file {library.name}.safetensors, {library.weights_bytes} bytes"))
    rows.append(("workspace", _workspace(function.workspace)))
    width = max(len(name) for name, _ in rows)
    lines = [function.documentation, ""] if function.documentation else []
    lines += [f"{name:{width}}  {text}" for name, text in rows]
    for number, (exception, message) in enumerate(function.errors, FIRST_CHECK):
        first = message.splitlines()[0].replace("*/", "* /")
        lines += [""] * (number == FIRST_CHECK) + [f"status {number}: {exception}: {first}"]
    return lines


def _workspace(needed: Dim) -> str:
    return f"{needed} bytes" if needed != 0 else "not used: may be null"
