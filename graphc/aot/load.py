"""`graphc.load`: an exported library as Python functions, without a compiler."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

from graphc.aot.docstrings import function_docstring, library_docstring, parameter_names
from graphc.aot.loaded.files import digest_of, shared_name
from graphc.aot.loaded.library import Library
from graphc.aot.manifest import FORMAT, read_interface
from graphc.errors import LoadError, ParseError

_SUFFIXES = (".json", ".so", ".a", ".o", ".h", ".py", ".safetensors", ".wasm")
_LARGEST = 64 << 20  # bytes of a manifest


def load(path: str | Path) -> Library:
    """The library that `export` wrote: its functions are attributes, called with arrays as the original is.

    path: the folder, or any file of the library, or their common beginning: "build", "build/mnist",
        "build/mnist.json" and "build/mnist.so" are the same.

    Arguments go by position or name. Arrays must have the dtypes and shapes that the function was exported
    for, the ones it overwrites (`donate`) are updated in place, and results are new. Trees keep their
    nesting; objects of classes are dicts as of `state_dict()`, and are taken as they are too. Sizes that
    no array has as a dimension of its own are further arguments by name. What does not fit raises
    ArgumentError, DTypeError, ShapeError or DonationError, and checks of the program what they raise when
    compiled. Calls from several threads run at the same time.

    The files are checked before any code is loaded: raises LoadError where one is missing, damaged, made
    for another machine or does not belong to the others. That finds accidents; a library is machine
    code which runs with your rights, so load only libraries from people whose programs you would run.
    """
    try:
        manifest = _manifest_path(Path(path))
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = _manifest(_text(manifest))
        library = read_interface(found["interface"])
    except (ParseError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise LoadError(f"{manifest} is not the manifest of a library: {reason}") from None
    loaded = Library(manifest.parent, found["interface"], found["files"])
    loaded.__doc__ = library_docstring(library)
    for function in library.functions:
        callable_ = loaded.functions[function.symbol]
        callable_.__doc__ = function_docstring(function)
        given = parameter_names(function)
        same = given == list(callable_.names)
        kind = Parameter.POSITIONAL_OR_KEYWORD if same else Parameter.POSITIONAL_ONLY
        names = [Parameter(name, kind) for name in given]
        names += [Parameter(name, Parameter.KEYWORD_ONLY) for name in callable_.sizes_by_name]
        callable_.__signature__ = Signature(names)  # type: ignore[attr-defined]
    return loaded


def _manifest_path(path: Path) -> Path:
    """The manifest of the library at `path`."""
    beside = path.with_name(f"{path.name}.json")
    if path.is_dir() and not beside.exists():
        found = sorted(path.glob("*.json"))
        found = [file for file in found if (path / shared_name(file.stem)).exists()] or found
        if len(found) == 1:
            return found[0]
        listed = f"several: {', '.join(file.stem for file in found)}; name one" if found else "none"
        raise LoadError(f"a folder with one library is wanted, and {path} has {listed}")
    name = path.stem if path.suffix in _SUFFIXES else path.name
    manifest = path.with_name(f"{name}.json")
    if not manifest.exists():
        raise LoadError(
            f"there is no library at {path}: {manifest} does not exist\n  Write it with graphc.export."
        )
    return manifest


def _text(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            raise LoadError(f"{path} is not a regular file of at most {_LARGEST} bytes")
        return path.read_bytes().decode()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ParseError("it is not text in UTF-8") from None


def _manifest(text: str) -> Mapping[str, Any]:
    """The parts of a manifest, of the right types; ParseError where it has others."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repetitions)
    except ParseError:
        raise
    except ValueError as error:
        raise ParseError(f"it is not JSON ({error})") from None
    if not isinstance(value, dict) or "format" not in value:
        raise ParseError("it has no format")
    if type(value["format"]) is not int or value["format"] != FORMAT:
        raise ParseError(
            f"its format is {str(value['format'])[:20]}, and this version of graphc reads {FORMAT}; "
            "export the library again"
        )
    interface, files = value.get("interface"), value.get("files")
    if not isinstance(interface, dict) or not isinstance(files, dict):
        raise ParseError("it has no interface or no files")
    if value.get("interface_sha256") != digest_of(interface):
        raise ParseError("its interface was changed after it was written")
    for name, facts in files.items():
        _check_file(name, facts)
    return value


def _check_file(name: str, facts: Any) -> None:
    if Path(name).name != name or name in ("", ".", ".."):
        raise ParseError(f"{name!r} is not the name of a file in its folder")
    if (
        not isinstance(facts, dict)
        or type(facts.get("bytes")) is not int
        or type(facts.get("sha256")) is not str
    ):
        raise ParseError(f"it does not tell the bytes and the sha256 of {name}")


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("a key occurs twice in one object")
    return found
