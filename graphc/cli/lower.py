"""`graphc lower`: one stage of a function's compilation, printed."""

from __future__ import annotations

import argparse
from typing import Any

import graphc
from graphc.cli.files import File, named
from graphc.cli.values import add_arg_option, bind, parse_arguments
from graphc.errors import ArgumentError

STAGES = ("graph", "kernels", "source", "cost", "llvm", "asm")


def add_lower(commands: Any) -> None:
    """Adds the command to those of the parser."""
    lower = commands.add_parser(
        "lower",
        help="show what a function is compiled to",
        description="Shows one stage of a function's compilation.",
        epilog='example: graphc lower model.py:f --arg "w=f32[784, 10]" --arg "x=f32[N, 784]" --show kernels',
    )
    lower.add_argument("function", metavar="FILE:FUNCTION", help="a Python file and a function in it")
    add_arg_option(lower)
    lower.add_argument("--show", choices=STAGES, default="graph", help="the stage to print (default: graph)")
    lower.add_argument(
        "--size",
        dest="sizes",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help='with --show cost: the value of an unknown size, such as "N=1000"',
    )
    lower.set_defaults(command=_lower)


def _lower(options: argparse.Namespace) -> int:
    path, name = named(options.function)
    file = File(path)
    function = file.function(name)
    bound = bind(function, options.function, parse_arguments(options.args, file))
    compiled = function if isinstance(function, graphc.Compiled) else graphc.compile(function)
    lowered = compiled.lower(*bound.args, **bound.kwargs)
    sizes = dict(_parse_size(text) for text in options.sizes)
    if options.show == "cost":
        print(lowered.cost().at(**sizes) if sizes else lowered.cost())
    else:
        print(getattr(lowered, options.show))
    return 0


def _parse_size(text: str) -> tuple[str, int]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not name.isidentifier() or not value.isdecimal():
        raise ArgumentError(f'--size {text!r}: write NAME=NUMBER, such as "N=1000"')
    return name, int(value)
