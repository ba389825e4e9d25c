"""Objects, archives and shared libraries: their symbols, their linking, and the same bytes everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.aot.build import Build
from graphc.aot.interface import exported_symbols
from tests.aot.calling import undefined_symbols
from tests.aot.example_arrays import ARRAYS
from tests.aot.example_programs import PROGRAMS
from tests.aot.harness import STRICT, checked, has, library_of

pytestmark = pytest.mark.skipif(not has("gcc", "nm", "ar", "objdump"), reason="no gcc and binutils")

EXAMPLES = {**ARRAYS, **PROGRAMS}
FUNCTIONS = ("chain32", "products", "gathered", "sorted", "factored", "scanned", "tree", "drawn")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    functions = {name: (EXAMPLES[name].function, *EXAMPLES[name].types) for name in FUNCTIONS}
    return graphc.export(functions, path=tmp_path_factory.mktemp("objects"), name="all", targets="native")


def symbols(file: Path, *flags: str) -> dict[str, str]:
    """The kind of each defined symbol, by its letter in nm."""
    rows = [line.split() for line in checked(["nm", "--defined-only", *flags, str(file)]).splitlines()]
    return {row[-1]: row[-2] for row in rows if len(row) == 3}


def test_libraries_define_what_their_header_says_and_need_libc_only(build: Build) -> None:
    expected = sorted(exported_symbols(library_of(build)))
    assert sorted(symbols(build[".o"], "-g")) == expected
    assert sorted(symbols(build[".a"], "-g")) == expected
    assert sorted(symbols(build[".so"], "-D")) == expected
    for suffix in (".o", ".a", ".so"):
        assert set(undefined_symbols(build[suffix])) <= {"memcpy", "memmove", "memset"}


def test_nothing_in_a_library_can_be_written_but_the_level_of_the_processor(build: Build) -> None:
    writable = {name for name, kind in symbols(build[".o"]).items() if kind in "bBdDcC"}
    assert writable <= {"graphc.level"}
    rows = [line.split() for line in checked(["objdump", "-h", str(build[".o"])]).splitlines()]
    sizes = [int(row[2], 16) for row in rows if row[1:2] in ([".data"], [".bss"])]
    assert sum(sizes) == 4 * len(writable)


def test_archives_are_read_by_binutils(build: Build, tmp_path: Path) -> None:
    copy = tmp_path / "liball.a"
    copy.write_bytes(build[".a"].read_bytes())
    assert checked(["ar", "t", str(copy)]).split() == ["all.o"]
    listed = checked(["nm", "-s", str(copy)])
    assert all(f"{symbol} in all.o" in listed for symbol in exported_symbols(library_of(build)))
    checked(["ranlib", str(copy)])
    subprocess.run(["ar", "x", "liball.a"], cwd=tmp_path, check=True)
    assert (tmp_path / "all.o").read_bytes() == build[".o"].read_bytes()


# ---- two libraries in one program


TWO = """
#include <stdlib.h>
#include "{first}.h"
#include "{second}.h"
int main(void)
{{
    const double x[3] = {{1.0, 2.0, 3.0}};
    double y[3], z[3];
    struct {first}_p p = {{x}};
    struct {second}_p q = {{x}};
    int64_t bytes = {first}_workspace_bytes(3) + {second}_workspace_bytes(3);
    void *workspace = NULL;
    if (posix_memalign(&workspace, 64, (size_t)bytes + 64)) return 2;
    if ({first}(3, &p, 1, y, workspace, bytes) || {second}(3, &q, 1, z, workspace, bytes)) return 1;
    free(workspace);
    return !(y[1] == 22.0 && z[1] == 32.0 && {first}_message(0)[0] && {second}_message(0)[0]);
}}
"""


def ten(p: Any, i: Any) -> Any:
    return p["x"] * 10.0 + p["x"][i]


def fifteen(p: Any, i: Any) -> Any:
    return p["x"] * 15.0 + p["x"][i]


@pytest.mark.parametrize(
    "options",
    [
        ["{0}/{0}.a", "{1}/{1}.a"],
        ["{0}/{0}.o", "{1}/{1}.o"],
        ["-Wl,--whole-archive", "{0}/{0}.a", "{1}/{1}.a", "-Wl,--no-whole-archive"],
        ["{0}/{0}.so", "{1}/{1}.so", "-Wl,-rpath,$ORIGIN/{0}:$ORIGIN/{1}"],
        ["{0}/{0}.a", "{1}/{1}.so", "-Wl,-rpath,$ORIGIN/{1}"],
        ["-static", "{0}/{0}.a", "{1}/{1}.a"],
        pytest.param(
            ["-fuse-ld=lld", "{0}/{0}.a", "{1}/{1}.a"],
            marks=pytest.mark.skipif(not has("ld.lld"), reason="lld is not installed"),
        ),
    ],
    ids=["archives", "objects", "whole", "shared", "both", "static", "lld"],
)
def test_two_libraries_live_in_one_program(tmp_path: Path, options: Sequence[str]) -> None:
    names = ("first", "second")
    for name, function in zip(names, (ten, fifteen), strict=True):
        graphc.export(function, {"x": "f64[N]"}, "i64", path=tmp_path / name, name=name, targets="native")
    text = TWO.format(first="first", second="second")
    (tmp_path / "two.c").write_text(text)
    flags = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", *STRICT, "-Ifirst", "-Isecond"]
    linked = [option.format(*names) for option in options]
    subprocess.run(["gcc", *flags, "two.c", "-o", "two", *linked], cwd=tmp_path, check=True)
    checked([str(tmp_path / "two")])


# ---- the same bytes


SCRIPT = """
import numpy as np, graphc
from graphc import nn

def row(x, i):
    return np.linalg.cholesky(x[i] @ x[i].T), {"b": np.sort(x[0]), "a": np.sum(x)}

model = nn.Sequential(nn.Linear(3, 2, rng=np.random.default_rng(0)), nn.ReLU())

def loss(x, y):
    return np.mean((model(x) - y) ** 2)

functions = {"row": (row, "f64[N, M]", "i64[K]"), "loss": (loss, "f32[N, 3]", "f32[N, 2]")}
graphc.export(functions, path="out", name="lib", targets="x86-64-v3", weights="file")
graphc.export(loss, *functions["loss"][1:], path="out", grad=True, targets="x86-64")
"""


def test_bytes_depend_on_the_program_only_and_name_no_place(tmp_path: Path) -> None:
    made = []
    for i, folder in enumerate(("here", "somewhere_else/deeper")):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / "model.py").write_text(SCRIPT)
        root = str(Path(graphc.__file__).parents[1])
        cache = {"GRAPHC_CACHE_DIR": str(place / "cache")}
        environment = {**os.environ, "PYTHONHASHSEED": str(i + 1), "PYTHONPATH": root, **cache}
        subprocess.run([sys.executable, str(place / "model.py")], cwd=place, env=environment, check=True)
        files = sorted(file for file in (place / "out").rglob("*") if file.is_file())
        made.append({str(file.relative_to(place / "out")): file.read_bytes() for file in files})
        for name, data in made[-1].items():
            assert b"somewhere_else" not in data and str(tmp_path).encode() not in data, name
            assert root.encode() not in data, name
    assert made[0] == made[1]
    assert b"model.py:6" in made[0]["lib.o"]  # run-time checks name the user's line


def test_weights_hold_the_arrays(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    table = np.arange(6.0).reshape(2, 3)

    def shifted(x: Any) -> Any:
        return x + table

    graphc.export(shifted, "f64[2, 3]", path=tmp_path, weights="file", shared=False)
    np.testing.assert_array_equal(load_file(tmp_path / "shifted.safetensors")["table"], table)
