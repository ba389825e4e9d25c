"""Arguments of functions on the command line: --arg NAME=VALUE."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc.cli.files import File
from graphc.errors import ArgumentError, ParseError
from graphc.ir.types import parse_type
from graphc.nn import Module

_REFERENCE = re.compile(r"@[^\W\d]\w*(\.\w+)*")


def add_arg_option(parser: argparse.ArgumentParser) -> None:
    """Adds --arg."""
    parser.add_argument(
        "--arg",
        dest="args",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help='the type of an argument, such as "x=f32[1000]" or "x=f64[N, 3]" with N unknown; '
        'a number: "n=3"; or "params=@model", a variable of the file; once for each argument',
    )


def parse_arguments(texts: Sequence[str], file: File) -> dict[str, Any]:
    """What the texts of --arg give for each name; a type remains text."""
    given: dict[str, Any] = {}
    for text in texts:
        name, value = parse_argument(text, file)
        if name in given:
            raise ArgumentError(f"--arg {text!r}: {name} was given before")
        given[name] = value
    return given


def parse_argument(text: str, file: File) -> tuple[str, Any]:
    """The name (`x`, or `function.x`), and the type as text, the number, or the object of one --arg."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not all(part.isidentifier() for part in name.split(".", 1)):
        raise ArgumentError(f'--arg {text!r}: write NAME=TYPE, such as "x=f32[1000]"')
    if value.startswith("@"):
        if not _REFERENCE.fullmatch(value):
            raise ArgumentError(f"--arg {text!r}: {value} is no name of a variable, such as @model")
        return name, file.value(value[1:])
    number = _number(value)
    if number is not None:
        return name, number
    try:
        parse_type(value)
    except ParseError as error:
        raise ArgumentError(f"--arg {text!r}: {error}") from None
    return name, value


def _number(text: str) -> bool | int | float | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, bool | int | float) else None


def bind(function: Callable[..., Any], what: str, given: Mapping[str, Any]) -> inspect.BoundArguments:
    """The arguments in the order of the definition; raises where they are not those of the function."""
    unknown = sorted(set(given) - set(parameter_names(function)))
    if unknown:
        known = ", ".join(parameter_names(function))
        raise ArgumentError(f"{what} has no argument {', '.join(unknown)}; its arguments are {known}")
    missing = [p.name for p in _parameters(function) if p.default is p.empty and p.name not in given]
    if missing:
        flags = " ".join(f'--arg "{name}=f64[N]"' for name in missing)
        raise ArgumentError(f"{what} also needs the type of {', '.join(missing)}, for example {flags}")
    signature = _signature(function)
    return inspect.BoundArguments(signature, {n: given[n] for n in signature.parameters if n in given})


def parameter_names(function: Callable[..., Any]) -> list[str]:
    """The names that --arg can give."""
    return [p.name for p in _parameters(function)]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = _signature(function).parameters.values()
    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Of a function, or of the `forward` of a module."""
    return inspect.signature(function.forward if isinstance(function, Module) else function)
