"""Damaged or malicious files of a library never do worse than a clear error."""

from __future__ import annotations

import copy
import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc
from graphc.aot.expressions import check_expression
from graphc.aot.link import linker_for
from graphc.aot.loaded import files, library
from graphc.aot.loaded.files import digest_of
from graphc.aot.manifest import read_interface
from graphc.errors import LoadError, ParseError

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")

TABLE = np.arange(12.0).reshape(3, 4)


def step(params: Any, x: Any, rate: Any) -> Any:
    """Uses all that an interface can hold."""
    moved = params["w"] - rate * (x @ TABLE)[0]
    return {"w": moved, "inverse": np.linalg.inv(x.T @ x), "text": "done", "rows": [x * 2.0, None]}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library with weights in a file."""
    folder = tmp_path_factory.mktemp("original")
    types = ({"w": "f64[4]"}, "f64[N, 3]", 0.5)
    graphc.export(step, *types, path=folder, donate="params", weights="file")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def manifest_of(folder: Path) -> Any:
    """The manifest as JSON values."""
    return json.loads((folder / "step.json").read_text())


def write(folder: Path, manifest: Any, *, agreeing: bool = False) -> None:
    """Writes a manifest; an `agreeing` one tells the digests of what is there, as an attacker would."""
    if agreeing:
        if isinstance(manifest.get("interface"), dict):
            manifest["interface_sha256"] = digest_of(manifest["interface"])
        for name in manifest["files"]:
            if (folder / name).is_file():
                data = (folder / name).read_bytes()
                manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "step.json").write_text(json.dumps(manifest))


def refused(path: Path) -> str:
    """The text of the error that loading raises."""
    with pytest.raises(LoadError) as caught:
        graphc.load(path)
    return str(caught.value)


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading machine code fails the test."""

    def load(path: str) -> None:
        raise AssertionError(f"{path} was loaded")

    monkeypatch.setattr(ctypes, "CDLL", load)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value inside a JSON value."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with another value at `path`."""
    if not path:
        return new
    made = copy.deepcopy(value)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return made


def test_the_original_loads(original: Path) -> None:
    loaded = graphc.load(original)
    w, x = np.ones(4), np.eye(3)
    result = loaded({"w": w}, x, 0.5)
    assert result["w"] is w
    np.testing.assert_array_equal(w, 1 - 0.5 * TABLE[0])
    np.testing.assert_array_equal(loaded.weights["TABLE"], TABLE)


# ---- the manifest


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**6,
    2**63,
    10**400,
    0.5,
    "",
    "x",
    "../x",
    "a" * 5000,
    "\0",
    "\ud800",
    "N**N",
    "f64[N, N]",
    "f64[9**999999999]",
    [],
    {},
    [[]],
    {"fixed": 1},
    {"tuple": [0, 0]},
)


def with_odd_values(manifest: Any, part: str) -> Iterator[Any]:
    """Copies of a manifest, in each of which one value inside `part` is another: a third of ODD for each."""
    for i, path in enumerate(places(manifest[part], (part,))):
        for odd in ODD[i % 3 :: 3]:
            changed = replaced(manifest, path, odd)
            if json.dumps(changed) != json.dumps(manifest):
                yield changed


@pytest.mark.usefixtures("no_code")
@pytest.mark.parametrize("part", ["interface", "interface_sha256", "format"])
def test_every_field_of_the_manifest_with_odd_values(folder: Path, part: str) -> None:
    for changed in with_odd_values(manifest_of(folder), part):
        write(folder, changed)
        assert "is not the manifest of a library" in refused(folder)


def test_every_field_of_an_interface_with_odd_values_and_right_digests(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = ctypes.CDLL(str(folder / "step.so"))
    monkeypatch.setattr(library, "opened", lambda *_: code)
    manifest = manifest_of(folder)
    for changed in with_odd_values(manifest, "interface"):
        write(folder, changed, agreeing=True)
        refused(folder)
    # Were the library to agree, what it is said to have must still be found there, or be refused.
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    for changed in with_odd_values(manifest, "interface"):
        write(folder, changed, agreeing=True)
        try:
            assert repr(graphc.load(folder))
        except LoadError as error:
            assert str(error)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_interface_is_read_or_refused(original: Path, data: st.DataObject) -> None:
    interface = manifest_of(original)["interface"]
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    leaves |= st.sampled_from(["N", "2*N+1", "N//0", "N%0", "(N+M)**60", "i64", "f64[0]", "array", "input"])
    values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v))
    for _ in range(data.draw(st.integers(1, 3))):
        interface = replaced(
            interface, data.draw(st.sampled_from(list(places(interface)))), data.draw(values)
        )
    try:
        read_interface(interface)
    except ParseError as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_of_a_manifest_are_read_or_refused(original: Path, data: st.DataObject) -> None:
    text = bytearray((original / "step.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text[start:end] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"{", b"]", b"1e999", b","])
        )
    other = original.parent / "fuzzed"
    other.mkdir(exist_ok=True)
    for name in ("step.so", "step.safetensors"):
        if not (other / name).exists():
            shutil.copy(original / name, other)
    (other / "step.json").write_bytes(text)
    try:
        found = graphc.load(other).interface
    except LoadError as error:
        assert str(error)
    else:
        assert digest_of(found) == digest_of(manifest_of(original)["interface"])


@pytest.mark.usefixtures("no_code")
def test_a_manifest_cut_off_anywhere(folder: Path) -> None:
    text = (folder / "step.json").read_bytes().rstrip()
    for length in range(0, len(text), 7):
        (folder / "step.json").write_bytes(text[:length])
        assert "is not the manifest of a library: it is not JSON" in refused(folder)


@pytest.mark.usefixtures("no_code")
def test_texts_that_are_no_manifest(folder: Path) -> None:
    texts = {
        b"": "it is not JSON",
        b"\xff\xfe": "it is not text in UTF-8",
        b"[" * 100_000: "it is nested too deeply",
        b'{"a":' * 100_000: "it is nested too deeply",
        b"1" * 10_000: "it is not JSON",
        b"[]": "it has no format",
        b'{"format": 1, "format": 1}': "a key occurs twice in one object",
        b'{"format": 2}': "its format is 2, and this version of graphc reads 1; export the library again",
        b'{"format": 1}': "it has no interface or no files",
    }
    for text, reason in texts.items():
        (folder / "step.json").write_bytes(text)
        assert f"step.json is not the manifest of a library: {reason}" in refused(folder)


@pytest.mark.usefixtures("no_code")
def test_an_interface_that_was_edited_is_refused(folder: Path) -> None:
    manifest = manifest_of(folder)
    manifest["interface"]["functions"][0]["documentation"] = "other"
    write(folder, manifest)
    assert "its interface was changed after it was written" in refused(folder)


def test_an_interface_that_the_library_was_not_built_with_is_refused(folder: Path) -> None:
    manifest = manifest_of(folder)
    manifest["interface"]["functions"][0]["documentation"] = "other"
    write(folder, manifest, agreeing=True)
    assert "step.so was built with another interface\n  Export the library again." in refused(folder)


def contradictions(function: Any) -> Iterator[tuple[str, Any]]:
    """Changes of a function's interface that are well-formed, and what is said about each."""

    def changed(*path: Any, to: Any) -> Any:
        return replaced(function, path, to)

    yield "not the leaves that it reads", changed("arguments", 1, "tree", to=2)
    yield "not the leaves that it reads", changed("arguments", to=function["arguments"][::-1])
    yield "not the leaves that it writes", changed("results", to={"tuple": []})
    yield "not the leaves that it writes", changed("results", to={"tuple": [0, 1, 2, 3, 4, 99]})
    yield "does not name its sizes N", changed("sizes", to=["M"])
    yield "does not name its sizes", changed("size_names", to=[])
    yield (
        "the sizes of step are not all different",
        {
            **function,
            "sizes": ["N", "N"],
            "size_names": ["N", "M"],
        },
    )
    yield "has a size that is no name", {**function, "sizes": ["N", "a b"], "size_names": ["N", "M"]}
    yield "has a size that is no name", {**function, "sizes": ["N", "M"], "size_names": ["N", "lambda"]}
    yield "'1' in step is no name of C", changed("size_names", to=["1"])
    yield "'int' in step is no name of C", changed("parameters", 1, "name", to="int")
    yield "the parameters of step are not all different: 'N'", changed("parameters", 1, "name", to="N")
    yield "the arguments of step are not all different", changed("arguments", 1, "name", to="params")
    yield "says things twice, and not the same", changed("parameters", 1, "dtype", to="float32")
    yield "says things twice, and not the same", changed("parameters", 1, "shape", to=["N", 4])
    yield "or more than an interface says", {**function, "more": 1}
    yield "says things twice, and not the same", changed("parameters", 1, "type", to="f64[N,3]")
    yield "is updated and becomes ''", changed("parameters", 0, "fields", 0, "becomes", to="")
    yield "is a python float of type f64[N, 3]", changed("parameters", 1, "kind", to="python float")
    yield (
        "array of a negative size",
        {
            **function,
            "parameters": [
                {**p, "type": "f64[-1]", "shape": [-1]} if p["name"] == "x" else p
                for p in function["parameters"]
            ],
        },
    )
    yield "has -8 bytes", changed("workspace_bytes", to="-8")
    yield "has no fields", changed("parameters", 0, "fields", to=[])
    deep: Any = 0
    for _ in range(150):
        deep = {"list": [deep]}
    yield "nested more than 100 times", changed("results", to=deep)


@pytest.mark.usefixtures("no_code")
def test_contradictions_inside_an_interface_are_refused(folder: Path) -> None:
    manifest = manifest_of(folder)
    for text, function in contradictions(manifest["interface"]["functions"][0]):
        write(folder, replaced(manifest, ("interface", "functions", 0), function), agreeing=True)
        assert text in refused(folder)
    for text, key, value in [
        (
            "the symbols of the library are not all different",
            "functions",
            manifest["interface"]["functions"] * 2,
        ),
        ("no functions, no processors or no threads", "functions", []),
        ("no functions, no processors or no threads", "threads", 0),
        ("'../step' in the library is no name of C", "name", "../step"),
        ("'/step' in the library is no name of C", "name", "/step"),
        ("the weights are not all different", "weights", manifest["interface"]["weights"] * 2),
    ]:
        write(folder, replaced(manifest, ("interface", key), value), agreeing=True)
        assert text in refused(folder)


def test_parts_of_an_object_with_one_name_are_refused(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    manifest = manifest_of(folder)
    params, _, rate = manifest["interface"]["functions"][0]["arguments"]
    params["tree"] = {"object": {"a": {"dict": {"b": 0}}, "a.b": 1}}
    changed = replaced(manifest, ("interface", "functions", 0, "arguments"), [params, rate])
    write(folder, changed, agreeing=True)
    assert "argument params of step has two parts of one name: a.b, a.b" in refused(folder)


def test_an_unknown_exception_is_refused_and_nothing_imported_for_it(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    manifest = manifest_of(folder)
    for name in ("antigravity.Error", "print", "KeyboardInterrupt", "Nothing"):
        path = ("interface", "functions", 0, "errors", 0, 0)
        write(folder, replaced(manifest, path, name), agreeing=True)
        assert f"step raises {name!r}, which is no known exception" in refused(folder)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "(a+b)**60",
        "((a+b)//1)*((a+b)//1)*((c+d)//1)**40",
        "*".join(["(a+b+c+d)"] * 40),
        "(" * 5000 + "1" + ")" * 5000,
        "+".join(["1"] * 20_000),
        "-" * 5000 + "1",
        "N.real",
        "f(N)",
        "[1]",
        "1.5",
        "N if N else 1",
        "N/2",
        "N**M",
        "",
        "1\0",
    ],
)
def test_sizes_that_would_take_long_or_are_none_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        check_expression(text)


@pytest.mark.parametrize("text", ["7", "N", "2*N+1", "-N+3", "128*((12*N+127)//64)+33280", "N**2*M", "(N%8)"])
def test_sizes_that_graphc_writes_are_read(text: str) -> None:
    check_expression(text)


# ---- places and kinds of files


@pytest.mark.usefixtures("no_code")
def test_names_that_lead_elsewhere_are_refused(folder: Path) -> None:
    manifest = manifest_of(folder)
    for name in ("../step.so", "/step.so", "a/b", "..", ""):
        changed = copy.deepcopy(manifest)
        changed["files"][name] = changed["files"]["step.so"]
        write(folder, changed)
        assert f"{name!r} is not the name of a file in its folder" in refused(folder)
    for facts in (None, 1, {}, {"bytes": "1", "sha256": ""}, {"bytes": 1.0, "sha256": ""}, {"bytes": 1}):
        write(folder, replaced(manifest, ("files", "step.so"), facts))
        assert "does not tell the bytes and the sha256 of step.so" in refused(folder)
    del manifest["files"]["step.so"]
    write(folder, manifest)
    assert "step was exported without a shared library" in refused(folder)


def test_files_that_are_missing_or_of_another_kind(folder: Path) -> None:
    nowhere = folder / "none"
    assert f"there is no library at {nowhere}: {nowhere}.json does not exist" in refused(nowhere)
    nowhere.mkdir()
    assert "a folder with one library is wanted, and " in refused(nowhere)
    assert "cannot be read: File name too long" in refused(folder / ("a" * 5000))
    (folder / "other.json").write_text("{}")
    assert graphc.load(folder).name == "step"
    (folder / "other.so").touch()
    assert "has several: other, step; name one" in refused(folder)
    (folder / "other.json").unlink()
    so = folder / "step.so"
    so.unlink()
    assert "step.so cannot be read: No such file or directory" in refused(folder)
    so.mkdir()
    assert "step.so is not a regular file" in refused(folder)
    so.rmdir()
    os.mkfifo(so)
    assert "step.so is not a regular file" in refused(folder)
    so.unlink()
    so.symlink_to("/dev/zero")
    assert "step.so is not a regular file" in refused(folder)
    so.unlink()
    so.symlink_to(so)
    assert "step.so cannot be read" in refused(folder)
    (folder / "step.json").unlink()
    os.mkfifo(folder / "step.json")
    assert "is not a regular file" in refused(folder / "step")


# ---- the library


@pytest.mark.usefixtures("no_code")
def test_a_library_that_is_damaged_is_never_loaded(folder: Path) -> None:
    so = folder / "step.so"
    data = so.read_bytes()
    other = bytearray(data)
    other[len(data) // 2] ^= 1
    so.write_bytes(other)
    assert "step.so is not the file that was exported: it differs" in refused(folder)
    so.write_bytes(data[:-1])
    text = f"it has {len(data) - 1} bytes instead of {len(data)}\n  Copy all files of the library"
    assert text in refused(folder)
    so.write_bytes(b"")
    assert "it has 0 bytes instead of" in refused(folder)


@pytest.mark.usefixtures("no_code")
def test_other_files_are_not_loaded_though_the_manifest_agrees(folder: Path) -> None:
    so = folder / "step.so"
    data = so.read_bytes()
    foreign = data[:18] + (243 if data[18] != 243 else 62).to_bytes(2, "little") + data[20:]
    for text in (b"#!/bin/sh\n", b"", data[:10], foreign, data[:4] + b"\x01" + data[5:]):
        so.write_bytes(text)
        write(folder, manifest_of(folder), agreeing=True)
        assert "step.so is not a shared library for " in refused(folder)


def test_a_library_without_the_digest_or_a_function_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = graphc.export(lambda x: x + 1.0, "f64[3]", path=folder / "other", name="other")
    shutil.copy(build[".so"], folder / "step.so")
    write(folder, manifest_of(folder), agreeing=True)
    assert "is not a library made by graphc: it holds no digest of its interface" in refused(folder)
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    assert "has no function step_target" in refused(folder)


def test_a_file_that_the_system_cannot_load_is_refused(folder: Path) -> None:
    so = folder / "step.so"
    so.write_bytes(so.read_bytes()[:64])
    write(folder, manifest_of(folder), agreeing=True)
    assert "step.so cannot be loaded: " in refused(folder)


def test_libraries_for_other_machines_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, text in [
        ("s390x", "this machine is s390x\n  Export it for this machine: targets='native'."),
    ]:
        monkeypatch.setattr(files.platform, "machine", lambda machine=machine: machine)
        assert text in refused(folder)
    monkeypatch.undo()
    monkeypatch.setattr(files.sys, "platform", "darwin")
    assert "step is a library for Linux, and this system is darwin" in refused(folder)
    monkeypatch.undo()
    for target, architecture in [("wasm32", "wasm32"), ("riscv64", "riscv64"), ("aarch64", "aarch64")]:
        if files.platform.machine() != architecture:
            graphc.export(lambda x: x + 1.0, "f64[3]", path=folder / target, name="f", targets=target)
            assert f"f is a library for {architecture}, and this machine is " in refused(folder / target)


def test_a_processor_that_lacks_instructions_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Code:
        """A library that finds no level for this processor."""

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    monkeypatch.setattr(library, "opened", lambda *_: Code())
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    monkeypatch.setattr(library, "symbol_of", lambda *_: lambda: None)
    assert "step.so needs a processor of the level native, and this one is not" in refused(folder)


# ---- the weights


def test_weights_that_are_missing_damaged_or_others_are_refused(folder: Path) -> None:
    file = folder / "step.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[:-8])
    assert f"it has {len(data) - 8} bytes instead of {len(data)}" in refused(folder)
    write(folder, manifest_of(folder), agreeing=True)
    assert "is not the file of weights of step: it must have" in refused(folder)
    file.write_bytes(data[:-1] + b"\1")
    write(folder, replaced(manifest_of(folder), ("files", "step.safetensors", "bytes"), len(data)))
    assert "step.safetensors is not the file that was exported: it differs" in refused(folder)
    file.unlink()
    assert "step.safetensors cannot be read: No such file" in refused(folder)
    manifest = manifest_of(folder)
    del manifest["files"]["step.safetensors"]
    write(folder, manifest)
    assert "is not the file of weights of step" in refused(folder)


def test_a_header_of_weights_that_lies_is_refused(folder: Path) -> None:
    file = folder / "step.safetensors"
    data = file.read_bytes()
    for length in (0, len(data), 1 << 62):
        file.write_bytes(length.to_bytes(8, "little") + data[8:])
        write(folder, manifest_of(folder), agreeing=True)
        if length:
            assert "does not hold 'TABLE' where the library looks for it" in refused(folder)
        else:
            # The functions compare the whole header with theirs.
            with pytest.raises(graphc.GraphcError, match="the weights are not those"):
                graphc.load(folder)({"w": np.ones(4)}, np.eye(3), 0.5)


def test_an_empty_file_of_weights_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "check_digest", lambda *_: None)
    (folder / "step.safetensors").write_bytes(b"")
    write(folder, replaced(manifest_of(folder), ("interface", "weights_bytes"), 0), agreeing=True)
    assert "step.safetensors cannot be mapped: " in refused(folder)
