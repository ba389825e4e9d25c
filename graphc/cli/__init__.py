"""The command `graphc`: look at the code made for a function, export it, examine this installation."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import graphc
from graphc.cli.build import add_build
from graphc.cli.cache import add_cache
from graphc.cli.lower import add_lower
from graphc.doctor import examine
from graphc.errors import GraphcError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0, or 1 where something failed, or 2 for misuse."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush at exit
        return 0
    except GraphcError as error:
        print(f"graphc: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphc", description="Symbolic differentiation and native code generation for NumPy functions."
    )
    parser.add_argument("--version", action="version", version=f"graphc {graphc.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_lower(commands)
    add_build(commands)
    doctor = commands.add_parser(
        "doctor",
        help="check this installation and measure this machine",
        description="Shows versions, processor, cache and measured limits; compiles and runs a function. "
        "The exit status is 1 if something does not work.",
    )
    doctor.set_defaults(command=lambda options: examine())
    add_cache(commands)
    return parser
