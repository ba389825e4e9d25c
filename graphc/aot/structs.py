"""The structures of a header: trees of arrays as pointers to them, and as memory that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.aot.comments import harmless
from graphc.aot.interface import Leaf, Library, Struct
from graphc.aot.names import further_names
from graphc.ir.dims import product
from graphc.ir.types import dtype_name

_C_TYPES = {"bool": "bool", "f32": "float", "f64": "double"}


def c_type(leaf: Leaf) -> str:
    """The C type of one element."""
    name = dtype_name(leaf.type.dtype)
    if name in _C_TYPES:
        return _C_TYPES[name]
    return f"{'u' if name[0] == 'u' else ''}int{name[1:]}_t"


def declared(leaf: Leaf, *, written: bool) -> str:
    """A leaf as a parameter or a field; `written` if a function writes to it."""
    if leaf.by_value:
        return f"{c_type(leaf)} {leaf.name}"
    return f"{'' if written else 'const '}{c_type(leaf)} *{leaf.name}"


def struct_lines(library: Library) -> list[str]:
    """The structures of a library, each once, and what allocates and fills them."""
    uses: dict[str, list[Struct]] = {}
    for function in library.functions:
        for parameter in function.parameters:
            if isinstance(parameter, Struct):
                uses.setdefault(parameter.tag, []).append(parameter)
    lines: list[str] = []
    for tag, structs in uses.items():
        lines += _pointers(tag, structs)
        if has_arrays(structs[0].fields):
            lines += _arrays(tag, structs[0].fields)
    return lines


def has_arrays(fields: Sequence[Leaf]) -> bool:
    """Whether one structure can hold all arrays: their sizes are known, and not 0."""
    sizes = [product(field.type.shape) for field in fields]
    return all(isinstance(size, int) and size > 0 for size in sizes) and not any(f.by_value for f in fields)


def _pointers(tag: str, structs: Sequence[Struct]) -> list[str]:
    """Fields may be written through if any of the functions that take the structure does."""
    rows = []
    for fields in zip(*(struct.fields for struct in structs), strict=True):
        written = any(field.role != "input" for field in fields)
        rows.append((declared(fields[0], written=written), fields[0]))
    return [f"typedef struct {tag} {{", *_commented(rows), f"}} {tag};", ""]


def _commented(rows: Sequence[tuple[str, Leaf]]) -> Iterator[str]:
    width = max(len(text) for text, _ in rows) + 1
    for text, field in rows:
        comment = harmless(f"{field.type}: {field.path}")
        yield f"    {text + ';':{width}} /* {comment} */"


def _is_padded(fields: Sequence[Leaf]) -> bool:
    """Whether C leaves room between arrays, or behind the last, to align them."""
    offset, largest = 0, 1
    for field in fields:
        size = field.type.dtype.itemsize
        if offset % size:
            return True
        count = product(field.type.shape)
        assert isinstance(count, int)
        offset, largest = offset + size * count, max(largest, size)
    return offset % largest != 0


def _arrays(tag: str, fields: Sequence[Leaf]) -> list[str]:
    """Memory for the arrays of a structure, and the structure that points into it."""
    held, function = further_names(tag)
    lengths = [f"[{product(f.type.shape)}]" if f.type.shape else "" for f in fields]
    members = [f"    {c_type(f)} {f.name}{length};" for f, length in zip(fields, lengths, strict=True)]
    assigned = [f"{f.name} = {'' if f.type.shape else '&'}arrays->{f.name}" for f in fields]
    whole = "" if _is_padded(fields) else ", without gaps: a file of them can be read as a whole"
    return [
        f"/* Memory for the arrays of {tag}, in this order{whole}. */",
        f"typedef struct {held} {{",
        *members,
        f"}} {held};",
        "",
        f"static inline {tag} {function}({held} *arrays)",
        "{",
        f"    {tag} pointers;",
        *(f"    pointers.{text};" for text in assigned),
        "    return pointers;",
        "}",
        "",
    ]
