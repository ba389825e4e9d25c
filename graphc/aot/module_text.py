"""The generated module NAME.py: the library's functions for Python, which needs NumPy and nothing of graphc.

It carries the source of `graphc.aot.loaded`, by which `graphc.load` calls libraries too, and the interface.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import keyword
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from graphc import errors
from graphc.aot.docstrings import LOADED, function_docstring, library_docstring, parameter_names
from graphc.aot.interface import Function, Library
from graphc.aot.loaded import files, function, leaves, library, plans, sizes, trees, workspace
from graphc.aot.manifest import file_facts, function_row, interface_json

_CARRIED: tuple[ModuleType, ...] = (sizes, leaves, trees, plans, workspace, files, function, library)
_WIDTH = 110
_ROW = 240  # of the interface


def module_text(made: Library, contents: Mapping[str, bytes]) -> str:
    """The module of a library with these files."""
    carried = [_Carried(module) for module in _CARRIED]
    interface = interface_json(made)
    used = [files.shared_name(made.name)]
    used += [f"{made.name}.safetensors"] if made.weights_bytes is not None else []
    facts = {name: file_facts(contents[name]) for name in used}
    own = {LOADED, "INTERFACE", "FILES", *(name for part in carried for name in part.names)}
    defined = {f.symbol: _defined_name(f.symbol, own) for f in made.functions}
    imports = _imports([line for part in carried for line in part.imports])
    needs = f"Needs Python 3.11, NumPy, and {' and '.join(used)} beside this file."
    parts = [
        _docstring([library_docstring(made), "", needs], ""),
        imports,
        f"__all__ = {_flat(list(defined.values()))}",
        *(_function(f, defined[f.symbol]) for f in made.functions),
        *_renamed(defined),
        f"INTERFACE = {_literal(interface)}\n\nFILES = {_literal(facts)}",
        "# Errors.",
        *_error_classes({name for part in carried for name in part.errors}),
        *(f"# {part.title}\n\n\n{part.text}" for part in carried),
        f"{LOADED} = Library(Path(__file__).resolve().parent, INTERFACE, FILES)",
    ]
    return "\n\n\n".join(parts) + "\n"


def package_text(name: str) -> str:
    """The package NAME that runs NAME.py: `import NAME` finds packages before it takes NAME.so, which is no
    extension module of Python's, for one."""
    return f'''"""{name}.py, for `import {name}`, which would take {name}.so for an extension module."""

from pathlib import Path

__file__ = str(Path(__file__).resolve().parent.parent / "{name}.py")
exec(compile(Path(__file__).read_text(encoding="utf-8"), __file__, "exec"))
'''


class _Carried:
    """A module to carry: its source without docstring and imports."""

    def __init__(self, module: ModuleType) -> None:
        source = inspect.getsource(module)
        tree = ast.parse(source)
        found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        self.imports = [node for node in found if not _is_own(node)]
        self.errors = [
            alias.name
            for node in found
            if isinstance(node, ast.ImportFrom) and node.module == errors.__name__
            for alias in node.names
        ]
        self.title = (ast.get_docstring(tree) or "").partition("\n")[0]
        self.text = "\n".join(source.splitlines()[found[-1].end_lineno :]).strip()
        self.names = set(_defined(tree))


def _defined(tree: ast.Module) -> Iterator[str]:
    """The global names of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_own(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "graphc"


def _imports(nodes: Sequence[ast.Import | ast.ImportFrom]) -> str:
    """All imports, once each: the future, then the standard library, then NumPy."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            plain.add(ast.unparse(node))
        else:
            named.setdefault(node.module or "", set()).update(ast.unparse(alias) for alias in node.names)
    future = ", ".join(sorted(named.pop("__future__")))
    lines = sorted(line for line in plain if "numpy" not in line)
    lines += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(named.items())]
    third = sorted(line for line in plain if "numpy" in line)
    return "\n".join([f"from __future__ import {future}", "", *lines, "", *third])


def _error_classes(names: set[str]) -> Iterator[str]:
    """The sources of the classes of graphc.errors with these names, in the order of that module."""
    source = inspect.getsource(errors)
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in names | {errors.GraphcError.__name__}:
            yield ast.get_source_segment(source, node) or ""


def _function(made: Function, name: str) -> str:
    """One function, with the parameters of the original."""
    names = parameter_names(made)
    by_name = leaves.names_of_sizes(function_row(made))
    parameters = [*names, *(["*", *by_name] if by_name else [])]
    passed = [*names, *(f"{size}={size}" for size in by_name)]
    head = _wrapped(f"def {name}(", parameters, "):", "    ")
    call = _wrapped(f'    return {LOADED}.functions["{made.symbol}"](', passed, ")", "        ")
    doc = _docstring(function_docstring(made).splitlines(), "    ")
    return f"{head}\n{doc}\n{call}"


def _wrapped(start: str, items: Sequence[str], end: str, indent: str) -> str:
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= _WIDTH:
        return line
    inside = textwrap.fill(", ".join(items), _WIDTH, initial_indent=indent, subsequent_indent=indent)
    return f"{start}\n{inside}\n{indent[4:]}{end}"


def _docstring(lines: Sequence[str], indent: str) -> str:
    """Lines as a docstring, whatever characters they have."""
    text = "\n".join(lines).rstrip()
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    escaped = "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
    body = textwrap.indent(escaped, indent).lstrip()
    return f'{indent}"""{body}\n{indent}"""'


def _defined_name(symbol: str, own: set[str]) -> str:
    """The name of a function in the module: with an underscore behind it if the name is taken."""
    taken = symbol in own or symbol in dir(builtins) or keyword.iskeyword(symbol)
    return f"{symbol}_" if taken else symbol


def _renamed(defined: Mapping[str, str]) -> list[str]:
    """A way to functions that are called like something of Python's: `from sum import sum` works."""
    renamed = {symbol: name for symbol, name in defined.items() if symbol != name}
    if not renamed:
        return []
    rows = ", ".join(f'"{symbol}": {name}' for symbol, name in renamed.items())
    return [
        f"def __getattr__(name: str) -> Any:\n    renamed = {{{rows}}}\n    if name in renamed:\n"
        "        return renamed[name]\n    raise AttributeError(name)"
    ]


def _literal(value: Any, indent: str = "") -> str:
    """A value of JSON as Python writes it; what describes one array stays on one line."""
    line = _flat(value)
    if len(indent + line) <= _ROW or not isinstance(value, dict | list):
        return line
    inside = f"{indent}    "
    if isinstance(value, list):
        rows = [f"{inside}{_literal(item, inside)}," for item in value]
        return "\n".join(["[", *rows, f"{indent}]"])
    rows = [f"{inside}{json.dumps(key)}: {_literal(item, inside)}," for key, item in value.items()]
    return "\n".join(["{", *rows, f"{indent}}}"])


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {_flat(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
