"""`graphc build`: functions of a file as a C library, or as one Python file of kernels."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import graphc
from graphc.aot.build import Build
from graphc.aot.names import identifier
from graphc.backends.cpu.target import MACHINES, SYSTEMS, machines_named
from graphc.cli.files import File, named
from graphc.cli.values import add_arg_option, bind, parameter_names, parse_arguments
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError

_EXAMPLES = """\
examples:
  graphc build model.py:predict --arg "x=f32[N, 784]" --grad
  graphc build model.py:predict --arg "x=f32[N, 784]" --target x86-64,x86-64-v3,x86-64-v4
  graphc build model.py:train_step --arg params=@model --arg state=@state \\
      --arg "x=f32[N, 784]" --arg "y=i64[N]" --donate params,state
  graphc build model.py:loss,predict --arg w=@w --arg "x=f32[N, 3]" --arg "loss.y=f32[N]" --name net
"""


@dataclass(frozen=True)
class _Asked:
    """One function of the command line, with the arguments that --arg gives for it."""

    text: str
    name: str
    function: Any
    given: dict[str, Any]

    @property
    def types(self) -> tuple[Any, ...]:
        """Its arguments by position; raises where they are not those of the function."""
        bound = bind(self.function, self.text, self.given)
        for name in bound.kwargs:
            self._refuse(name)
        return tuple(bound.args)

    def _refuse(self, name: str) -> None:
        """Raises for an argument that cannot be passed by position."""
        before = list(takewhile(lambda other: other != name, parameter_names(self.function)))
        absent = [other for other in before if other not in self.given]
        if absent:
            raise ArgumentError(f"{self.text}: {name} is given, but not {absent[0]} before it; give that too")
        raise ArgumentError(
            f"{self.text} takes {name} by name only, which C functions cannot; "
            "export a function that takes it by position"
        )


def add_build(commands: Any) -> None:
    """Adds the command to those of the parser."""
    build = commands.add_parser(
        "build",
        help="export functions as a C library",
        description="Makes a C library of functions: header, object, static and shared library, manifest.",
        epilog=f"{_EXAMPLES}\ntargets: native, {', '.join([*MACHINES, *SYSTEMS])}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument(
        "functions",
        nargs="+",
        metavar="FILE:FUNCTION[,FUNCTION...]",
        help="a Python file and functions in it; with several, the C functions are called NAME_FUNCTION, and "
        "--arg FUNCTION.NAME=VALUE concerns one of them",
    )
    add_arg_option(build)
    build.add_argument(
        "--grad",
        action="store_true",
        help="add the derivative of every function: value and gradient of one "
        "real number (NAME_grad), else the vector-Jacobian product (NAME_vjp)",
    )
    build.add_argument(
        "--argnums",
        metavar="ARGUMENTS",
        help='what to differentiate by, names or numbers: "w,b" or "0,1" '
        "(default: every argument of real numbers)",
    )
    build.add_argument(
        "--target",
        dest="targets",
        action="append",
        default=[],
        metavar="TARGET[,TARGET...]",
        help="processors, of which the library takes the best at run time (default: native)",
    )
    build.add_argument("--out", default="build", metavar="FOLDER", help="where files go (default: build)")
    build.add_argument("--name", help="of the library (default: the function, or the file of several)")
    build.add_argument(
        "--weights",
        choices=("embed", "file", "arguments"),
        default="embed",
        help="where arrays are that functions close over: in the library, in a file to be mapped, "
        "or among the arguments (default: embed)",
    )
    build.add_argument(
        "--donate",
        default="",
        metavar="ARGUMENTS",
        help="arguments overwritten with results of the same type",
    )
    build.add_argument(
        "--static-args",
        default="",
        metavar="ARGUMENTS",
        help="arguments whose values become part of the code",
    )
    build.add_argument("--threads", type=int, default=1, help="for large kernels (default: 1)")
    build.add_argument(
        "--shared",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="link the shared library, which takes a C compiler (default: where one is found)",
    )
    build.add_argument(
        "--format",
        choices=("c", "numba"),
        default="c",
        help="a C library, or the kernels as one readable Python file (default: c)",
    )
    build.set_defaults(command=_build)


def _build(options: argparse.Namespace) -> int:
    asked = _asked(options.functions, options.args)
    if options.argnums is not None and not options.grad:
        raise ArgumentError("--argnums says what to differentiate by; it needs --grad")
    targets = [name for text in options.targets for name in _listed(text)] or ["native"]
    common: dict[str, Any] = {
        "path": options.out,
        "grad": options.grad,
        "argnums": _argnums(options.argnums, asked),
        "targets": targets[0] if len(targets) == 1 else targets,
        "weights": options.weights,
        "donate": _listed(options.donate),
        "static_argnames": _listed(options.static_args),
        "threads": options.threads,
        "shared": options.shared,
        "format": options.format,
    }
    try:
        build = _export(asked, options.name, common)
    except OSError as error:
        if not _is_about(error, Path(options.out)):
            raise  # of the user's code
        raise ArgumentError(f"{error.filename}: {error.strerror}") from None
    print(build)
    print(_use(build, targets[0]))
    return 0


def _is_about(error: OSError, folder: Path) -> bool:
    """Whether an error is one of writing to a folder."""
    if not isinstance(error.filename, str):
        return False
    path, folder = Path(error.filename).absolute(), folder.absolute()
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def _export(asked: Sequence[_Asked], name: str | None, common: Mapping[str, Any]) -> Build:
    if len(asked) == 1:
        return graphc.export(asked[0].function, *asked[0].types, name=name, **common)
    functions = {one.name: (one.function, *one.types) for one in asked}
    stem = asked[0].text.rpartition(":")[0].replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    return graphc.export(functions, name=name or identifier(stem), **common)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


# ---- functions and arguments


def _asked(texts: Sequence[str], args: Sequence[str]) -> list[_Asked]:
    """The functions, each with its own arguments."""
    files: dict[str, File] = {}
    found: dict[str, _Asked] = {}
    for text in texts:
        path, names = named(text)
        file = files[path] = files[path] if path in files else File(path)
        for name in _listed(names):
            if name in found:
                raise ArgumentError(f"{found[name].text} and {path}:{name} would have the same name in C")
            found[name] = _Asked(f"{path}:{name}", name, file.function(name), {})
    if len(files) > 1 and any("@" in text.partition("=")[2] for text in args):
        raise ArgumentError("--arg NAME=@VARIABLE does not say of which file; build one file at a time")
    given = parse_arguments(args, next(iter(files.values())))
    for name, value in given.items():
        _give(name, value, found, given)
    return list(found.values())


def _give(name: str, value: Any, asked: Mapping[str, _Asked], given: Mapping[str, Any]) -> None:
    """Gives an argument to the function that it names, or to all that have one of its name."""
    head, dot, tail = name.partition(".")
    if dot and head not in asked:
        raise ArgumentError(f"--arg {name}: the functions are {', '.join(asked)}, none is {head}")
    takers = [asked[head]] if dot else [a for a in asked.values() if name in parameter_names(a.function)]
    for one in takers or asked.values():  # if none has it, each says so itself
        if dot or f"{one.name}.{name}" not in given:
            one.given[tail or name] = value


def _argnums(text: str | None, asked: Sequence[_Asked]) -> tuple[int, ...] | None:
    """Positions of the arguments to differentiate by."""
    if text is None:
        return None
    found = {one.text: tuple(_argnum(part, one) for part in _listed(text)) for one in asked}
    if len(set(found.values())) > 1:
        raise ArgumentError(f"--argnums {text}: these are other positions in {' than in '.join(found)}")
    return next(iter(found.values()))


def _argnum(text: str, asked: _Asked) -> int:
    names = parameter_names(asked.function)
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise ArgumentError(f"--argnums {text}: the arguments of {asked.text} are {', '.join(names)}")


# ---- what is printed


def _use(build: Build, target: str) -> str:
    """How to use what was made, in one line."""
    made = {file.suffix: file for file in build.files}
    if ".h" not in made:
        return f"use: import {build.name}, with {build.folder} in sys.path"
    architecture = machines_named(target)[0].architecture
    if ".wasm" in made:
        return f"use: WebAssembly.instantiate on the bytes of {made['.wasm']}"
    compiler = "cc" if architecture == platform.machine() else f"{architecture}-linux-gnu-gcc"
    return f'use: #include "{build.name}.h" in main.c, then {compiler} main.c {made[".a"]} -I{build.folder}'
