"""Reads the text form of a graph (see `graphc.ir.printer`)."""

from __future__ import annotations

import ast
import base64
import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import field, fields
from functools import cache
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import GraphcError, ParseError
from graphc.ir.dims import parse_dim
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ir.printer import BARE_NAME, LETTERS
from graphc.ir.types import DTYPE_NAMES, ArrayType, TupleType, ValueType, parse_type

_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BLANKS = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"#\s*([^\n]*?)\s*(?=\n|$)")
_REFERENCE = re.compile(r'%\d+|"(?:[^"\\]|\\.)*"|' + BARE_NAME)
_WORD = re.compile(r"[A-Za-z_]\w*")
_ARRAY_TYPE = re.compile(r"[a-z]+\d*(?:\[[^\]]*\])?")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RETURN = re.compile(r"return(?=[\s#]|$)")
_LETTERS = re.compile(r"([a-zA-Z]*),([a-zA-Z]*)->([a-zA-Z]*)\]")
_ENCODED = re.compile(r'base64"([^"]*)"')
_OPENING, _CLOSING = "([{", ")]}"


def parse_graph(text: str) -> Graph:
    """The graph written `text`; a `ParseError` names line and column of what is wrong."""
    reader = _Reader(text)
    reader.skip()
    graph = reader.graph()
    reader.skip()
    if reader.at < len(text):
        raise reader.error("expected the end of the text")
    return graph


@cache
def registered_ops(*, regions: bool = False) -> dict[str, type[AbstractOp]]:
    """All ops by name, every module of `graphc.ops` loaded; with `regions` also those of `graphc.control`."""
    for name in ("graphc.ops", "graphc.control") if regions else ("graphc.ops",):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    table: dict[str, type[AbstractOp]] = importlib.import_module("graphc.ops.base").ALL_OPS
    return table


@dataclass
class _Reader:
    """A position in the text and the grammar's rules, each of which reads one thing there."""

    text: str
    at: int = 0
    builder: Builder = field(default_factory=Builder)

    def error(self, message: str, at: int | None = None) -> ParseError:
        place = self.at if at is None else at
        line = self.text.count("\n", 0, place) + 1
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        shown = self.text.splitlines()[line - 1] if self.text else ""
        return ParseError(f"line {line}, column {column}: {message}\n  {shown}\n  {' ' * (column - 1)}^")

    # ---- characters

    def skip(self, pattern: re.Pattern[str] = _SPACE) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def accept(self, symbol: str) -> bool:
        found = self.text.startswith(symbol, self.at)
        self.at += len(symbol) * found
        return found

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            raise self.error(f"expected {symbol!r}")

    def read(self, pattern: re.Pattern[str], what: str) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self.error(f"expected {what}")
        self.at = match.end()
        return match[0]

    def separated(self, end: str, element: Callable[[], None]) -> None:
        """Comma-separated elements up to `end`, which is consumed."""
        self.skip()
        while not self.accept(end):
            element()
            self.skip()
            if not self.accept(","):
                self.expect(end)
                return
            self.skip()

    # ---- graphs

    def graph(self) -> Graph:
        self.expect("graph(")
        scope: dict[str, Node] = {}
        labels: list[str] = []
        self.separated("):", lambda: labels.append(self.parameter(scope)))
        self.skip()
        while not self.at_return():
            self.statement(scope)
            self.skip()
        outputs = []
        self.skip(_BLANKS)
        while self.at < len(self.text) and self.text[self.at] not in "\n#}":
            outputs.append(self.reference(scope))
            self.accept(",")
            self.skip(_BLANKS)
        inputs = tuple(scope[label] for label in labels)
        named = labels and not labels[0].startswith("%")
        return Graph(inputs, tuple(outputs), tuple(map(_unquoted, labels)) if named else ())

    def at_return(self) -> bool:
        found = _RETURN.match(self.text, self.at) is not None
        self.at += len("return") * found
        return found

    def parameter(self, scope: dict[str, Node]) -> str:
        label = self.new_label(scope)
        self.expect(":")
        self.skip()
        type_ = self.array_type()
        scope[label] = self.builder.add(registered_ops()["input"](len(scope), type_))  # type: ignore[call-arg]
        return label

    def new_label(self, scope: dict[str, Node]) -> str:
        start = self.at
        label = self.read(_REFERENCE, "a name or %number")
        if label in scope:
            raise self.error(f"{label} is defined twice", start)
        return label

    def reference(self, scope: dict[str, Node]) -> Node:
        start = self.at
        label = self.read(_REFERENCE, "an operand")
        if label not in scope:
            raise self.error(f"{label} is not defined", start)
        return scope[label]

    def statement(self, scope: dict[str, Node]) -> None:
        start = self.at
        label = self.new_label(scope)
        self.expect(":")
        self.skip(_BLANKS)
        stated = self.value_type()
        self.skip(_BLANKS)
        self.expect("=")
        self.skip(_BLANKS)
        op = self.op()
        args = []
        self.skip(_BLANKS)
        while self.at < len(self.text) and self.text[self.at] not in "\n#":
            args.append(self.reference(scope))
            self.skip(_BLANKS)
        comment = _COMMENT.match(self.text, self.at)
        node = self.node(op, args, comment[1] if comment else None, start)
        if node.type != stated:
            raise self.error(f"{label} is declared {stated}, but {op.name} gives {node.type}", start)
        scope[label] = node

    def node(self, op: AbstractOp, args: list[Node], source: str | None, start: int) -> Node:
        try:
            return self.builder.add(op, *args, source=source)
        except (GraphcError, TypeError, ValueError) as error:
            raise self.error(str(error), start) from None

    # ---- types

    def value_type(self) -> ValueType:
        if not self.accept("("):
            return self.array_type()
        elements: list[ArrayType] = []
        self.separated(")", lambda: elements.append(self.array_type()))
        return TupleType(tuple(elements))

    def array_type(self) -> ArrayType:
        start = self.at
        written = self.read(_ARRAY_TYPE, "a type such as f32[N, 784]")
        try:
            return parse_type(written)
        except ParseError as error:
            raise self.error(str(error), start) from None

    # ---- ops and their parameters

    def op(self) -> AbstractOp:
        start = self.at
        name = self.read(_WORD, "an op")
        cls = registered_ops().get(name) or registered_ops(regions=True).get(name)
        if cls is None or name == "input":
            raise self.error(f"there is no op called {name!r}", start)
        given: dict[str, Any] = {}
        if self.accept("["):
            given = self.parameters(name)
        declared = [f.name for f in fields(cls) if f.metadata.get("text", True)]
        if sorted(declared) != sorted(given):
            raise self.error(f"{name} takes the parameters {declared}, got {list(given)}", start)
        return cls(**given)

    def parameters(self, name: str) -> dict[str, Any]:
        special = _SPECIAL.get(name)
        start = self.at
        given = special(self) if special is not None else None
        if given is not None:
            return given
        self.at = start
        found: dict[str, Any] = {}
        self.separated("]", lambda: self.parameter_value(found))
        return found

    def parameter_value(self, found: dict[str, Any]) -> None:
        name = self.read(_WORD, "a parameter's name")
        self.expect("=")
        found[name] = self.value()

    def value(self) -> Any:
        start = self.at
        if self.accept("{"):
            return self.region()
        chunk = self.chunk()
        if _ARRAY_TYPE.fullmatch(chunk) and "[" in chunk:
            return parse_type(chunk)
        if chunk.startswith("(") and ("{" in chunk or "[" in chunk):
            self.at = start + 1
            elements: list[Any] = []
            self.separated(")", lambda: elements.append(self.value()))
            return tuple(elements)
        try:
            return _literal(ast.parse(chunk.strip(), mode="eval").body)
        except (SyntaxError, ParseError):
            raise self.error(f"{chunk!r} is not a parameter's value", start) from None

    def region(self) -> Graph:
        self.skip()
        inner = _Reader(self.text, self.at)
        graph = inner.graph()
        self.at = inner.at
        self.skip()
        self.expect("}")
        return graph

    def chunk(self) -> str:
        """The text up to the next comma or bracket that closes what is open here."""
        start, depth = self.at, 0
        while self.at < len(self.text):
            string = _STRING.match(self.text, self.at)
            if string is not None:
                self.at = string.end()
                continue
            c = self.text[self.at]
            if depth == 0 and c in ",])}":
                break
            depth += (c in _OPENING) - (c in _CLOSING)
            self.at += 1
        return self.text[start : self.at]


def _unquoted(label: str) -> str:
    return str(json.loads(label)) if label.startswith('"') else label


def _literal(node: ast.expr) -> Any:
    """A number, string, dtype, type, size, or tuple of them."""
    match node:
        case ast.Tuple(elts=elements):
            return tuple(_literal(e) for e in elements)
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() as value)):
            return -value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf")):
            return -float("inf")
        case ast.Name(id="inf" | "nan" as word):
            return float(word)
        case ast.Name(id=name) if name in DTYPE_NAMES:
            return DTYPE_NAMES[name]
    return parse_dim(ast.unparse(node))


def _item(reader: _Reader) -> dict[str, Any]:
    index = int(reader.read(re.compile(r"\d+"), "the number of a result"))
    reader.expect("]")
    return {"index": index}


def _contraction(reader: _Reader) -> dict[str, Any] | None:
    match = _LETTERS.match(reader.text, reader.at)
    if match is None:
        return None
    reader.at = match.end()
    return {
        name: tuple(LETTERS.index(c) for c in part)
        for name, part in zip(("left", "right", "out"), match.groups(), strict=True)
    }


def _constant(reader: _Reader) -> dict[str, Any]:
    """`1.5: f32`, `[1, 2]: i64[2]` or `base64"…": f32[100]`."""
    start = reader.at
    encoded = _ENCODED.match(reader.text, reader.at)
    written = reader.text[start : reader.text.find(":", start)] if encoded is None else encoded[0]
    reader.at = start + len(written)
    reader.expect(":")
    reader.skip(_BLANKS)
    type_ = reader.array_type()
    reader.expect("]")
    shape: Any = type_.shape
    try:
        data = base64.b64decode(encoded[1]) if encoded else _numbers(written, type_.dtype)
        np.frombuffer(data, type_.dtype).reshape(shape)
    except (ValueError, OverflowError):
        raise reader.error(f"{written!r} is not a constant of type {type_}", start) from None
    return {"dtype": type_.dtype, "shape": shape, "data": data}


def _numbers(written: str, dtype: np.dtype) -> bytes:
    words = written.replace("[", " ").replace("]", " ").replace(",", " ").split()
    return b"".join(_number(word, dtype) for word in words)


def _number(word: str, dtype: np.dtype) -> bytes:
    if word.startswith('nan"'):
        return bytes.fromhex(word[4:-1])[::-1]
    if dtype.kind == "b":
        if word not in ("True", "False"):
            raise ValueError(word)
        return np.bool_(word == "True").tobytes()
    return np.array(float(word) if dtype.kind == "f" else int(word), dtype).tobytes()


_SPECIAL: dict[str, Callable[[_Reader], dict[str, Any] | None]] = {
    "item": _item,
    "contract": _contraction,
    "const": _constant,
}
