"""The command `graphc`: look at the code made for a function, at this installation, at the cache."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import graphc
from graphc.doctor import examine
from graphc.errors import ArgumentError, GraphcError, ParseError
from graphc.ir.types import parse_type
from graphc.runtime.cache import DiskCache

STAGES = ("graph", "kernels", "source", "cost", "llvm", "asm")


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
    _add_lower(commands)
    doctor = commands.add_parser(
        "doctor",
        help="check this installation and measure this machine",
        description="Shows versions, processor, cache and measured limits; compiles and runs a function. "
        "The exit status is 1 if something does not work.",
    )
    doctor.set_defaults(command=lambda options: examine())
    _add_cache(commands)
    return parser


# ---- graphc lower


def _add_lower(commands: Any) -> None:
    lower = commands.add_parser(
        "lower",
        help="show what a function is compiled to",
        description="Shows one stage of a function's compilation.",
        epilog='example: graphc lower model.py:f --arg "w=f32[784, 10]" --arg "x=f32[N, 784]" --show kernels',
    )
    lower.add_argument("function", metavar="FILE:FUNCTION", help="a Python file and a function in it")
    lower.add_argument(
        "--arg",
        dest="args",
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help='the type of an argument, such as "x=f32[1000]" or "x=f64[N, 3]" with N unknown, '
        'or its value if it is a number: "n=3"; once for each argument',
    )
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
    function = _load(options.function)
    given = dict(_parse_argument(text) for text in options.args)
    _check_names(function, options.function, given)
    compiled = function if isinstance(function, graphc.Compiled) else graphc.compile(function)
    bound = inspect.signature(function).bind(**given)  # in the order of the definition
    lowered = compiled.lower(*bound.args, **bound.kwargs)
    sizes = dict(_parse_size(text) for text in options.sizes)
    if options.show == "cost":
        print(lowered.cost().at(**sizes) if sizes else lowered.cost())
    else:
        print(getattr(lowered, options.show))
    return 0


def _load(text: str) -> Any:
    """The object that FILE:FUNCTION names; the file is run as a module."""
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise ArgumentError(f"{text!r} does not name a function; write it as model.py:function")
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"there is no file {file!r}")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ArgumentError(f"{file!r} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(path.resolve().parent))  # as if the file were run itself
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        names = sorted(n for n, value in vars(module).items() if _is_own_function(value, module.__name__))
        raise ArgumentError(f"{file} has no function {name!r}; it has {', '.join(names) or 'none'}")
    return found


def _is_own_function(value: Any, module: str) -> bool:
    return (
        inspect.isfunction(inspect.unwrap(value)) and value.__module__ == module if callable(value) else False
    )


def _parse_argument(text: str) -> tuple[str, Any]:
    """The name and the type (as text) or the number of one --arg."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier():
        raise ArgumentError(f'--arg {text!r}: write NAME=TYPE, such as "x=f32[1000]"')
    try:
        number = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        number = None
    if isinstance(number, bool | int | float):
        return name, number
    try:
        parse_type(value)
    except ParseError as error:
        raise ArgumentError(f"--arg {text!r}: {error}") from None
    return name, value


def _parse_size(text: str) -> tuple[str, int]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not name.isidentifier() or not value.isdecimal():
        raise ArgumentError(f'--size {text!r}: write NAME=NUMBER, such as "N=1000"')
    return name, int(value)


def _check_names(function: Callable[..., Any], text: str, given: dict[str, Any]) -> None:
    """Raises where the arguments are not those of the function."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p.name for p in parameters if p.name in known and p.default is p.empty]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ArgumentError(
            f"{text} has no argument {', '.join(unknown)}; its arguments are {', '.join(known)}"
        )
    missing = [name for name in required if name not in given]
    if missing:
        flags = " ".join(f'--arg "{name}=f64[N]"' for name in missing)
        raise ArgumentError(f"{text} also needs the type of {', '.join(missing)}, for example {flags}")


# ---- graphc cache


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="list or clear compiled code on disk")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="show every entry, its size and age").set_defaults(command=_list_cache)
    actions.add_parser("clear", help="remove every entry").set_defaults(command=_clear_cache)


def _list_cache(options: argparse.Namespace) -> int:
    from datetime import datetime

    cache = DiskCache()
    entries = cache.entries()
    for entry in entries:
        used = datetime.fromtimestamp(entry.last_use).isoformat(" ", "minutes")
        print(f"{entry.key[:16]}  {entry.size:>10,} bytes  last used {used}")
    total = sum(entry.size for entry in entries)
    print(f"{cache.directory or 'switched off'}: {len(entries)} entries, {total:,} of {cache.limit:,} bytes")
    return 0


def _clear_cache(options: argparse.Namespace) -> int:
    cache = DiskCache()
    print(f"{cache.directory or 'switched off'}: {cache.clear()} entries removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
