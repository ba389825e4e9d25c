"""C programs call exported libraries in every way their headers document, under tools that watch memory."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import nn
from graphc.aot.build import Build
from tests.aot.example import SIZES
from tests.aot.example_arrays import ARRAYS
from tests.aot.example_programs import PROGRAMS
from tests.aot.harness import STRICT, Case, Harness, checked, has

pytestmark = pytest.mark.skipif(not has("gcc"), reason="no gcc to compile C programs with")
valgrind = pytest.mark.skipif(not has("valgrind"), reason="valgrind is not installed")

EXAMPLES = {**ARRAYS, **PROGRAMS}
X86 = platform.machine() == "x86_64"
MODES = ("heap", "end", "start", "threads")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
MEMCHECK = ("valgrind", "-q", "--error-exitcode=9", "--leak-check=full")


def harness_of(folder: Path, targets: Sequence[str] | str) -> Harness:
    functions = {name: (example.function, *example.types) for name, example in EXAMPLES.items()}
    build = graphc.export(functions, path=folder, name="all", targets=targets)
    return Harness(build, [c for name, example in EXAMPLES.items() for c in example.cases(f"all_{name}")])


def test_every_function_does_what_its_header_says_and_touches_only_what_it_was_given(tmp_path: Path) -> None:
    harness = harness_of(tmp_path, "native")
    for mode in MODES:
        assert "all right" in harness.run(mode, small=mode == "threads")
    assert "all right" in harness.run("heap", options=SANITIZERS, small=True)


@valgrind
def test_valgrind_sees_no_stray_or_undefined_access(tmp_path: Path) -> None:
    harness = harness_of(tmp_path, "x86-64-v3" if X86 else "native")  # it knows no AVX-512
    assert "all right" in harness.run("heap", *MEMCHECK, small=True)


@pytest.mark.skipif(not X86, reason="asks an x86 processor")
def test_asking_the_processor_first_leaves_the_status_alone(tmp_path: Path) -> None:
    # LLVM 22 returned an address on the stack from a function with arguments on the stack and `cpuid` inside.
    example = ARRAYS["products"]
    build = graphc.export(
        example.function, *example.types, path=tmp_path, name="products", targets=["x86-64", "x86-64-v3"]
    )
    assert "all right" in Harness(build, list(example.cases("products"))).run("heap")


# ---- results past the caches


def streamed(x: Any) -> Any:
    return x * 2.0 + 1.0


@pytest.mark.skipif(not X86, reason="only x86 processors order such stores weakly")
@pytest.mark.skipif(not has("objdump"), reason="no objdump to look at instructions with")
@pytest.mark.parametrize(("rows", "fences"), [(1 << 21, True), (1 << 10, False)])
def test_results_that_bypass_the_caches_are_there_when_the_function_returns(
    tmp_path: Path, rows: int, fences: bool
) -> None:
    build = graphc.export(streamed, f"f32[{rows}]", path=tmp_path, targets="x86-64")
    x = np.arange(rows, dtype=np.float32)
    assert "all right" in Harness(build, [Case("streamed", (x,), x * 2 + 1)]).run("start")
    code = checked(["objdump", "-d", "--no-show-raw-insn", str(build[".o"])])
    assert ("movntps" in code) == fences
    entry = checked(["objdump", "-d", "--no-show-raw-insn", "--disassemble=streamed", str(build[".o"])])
    assert ("mfence" in entry or "lock or" in entry) == fences


# ---- weights


TABLE = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
SHIFT = np.float64(0.25) * np.arange(5)
MODEL = nn.Sequential(
    nn.Linear(7, 5, rng=np.random.default_rng(1)), nn.Tanh(), nn.Linear(5, 3, rng=np.random.default_rng(2))
)


def looked_up(i: Any, x: Any) -> Any:
    return np.asarray(TABLE, like=i)[i], x + SHIFT


def predict(x: Any) -> Any:
    return MODEL(x)


def weights_cases() -> Iterator[Case]:
    random = np.random.default_rng(3)
    for n in SIZES:
        x = random.normal(size=(n, 7)).astype(np.float32)
        for symbol in ("net_predict", "net_model"):
            yield Case(symbol, (x,), predict(x), {"N": n}, relative=1e-5, absolute=1e-5)
        i, y = random.integers(-3, 3, n), random.normal(size=(n, 5))
        yield Case("net_table", (i, y), looked_up(i, y), {"N": n})
    yield Case("net_table", (np.array([3]), y[:1]), None, {"N": 1}, ("IndexError", "out of"))


@pytest.mark.parametrize("mode", ["embed", "file"])
def test_weights_inside_and_in_a_file_are_found_and_checked(tmp_path: Path, mode: Any) -> None:
    functions = {
        "predict": (predict, "f32[N, 7]"),
        "model": (MODEL, "f32[N, 7]"),
        "table": (looked_up, "i64[N]", "f64[N, 5]"),
    }
    harness = Harness(
        graphc.export(functions, path=tmp_path, name="net", weights=mode), list(weights_cases())
    )
    for how in ("end", "start"):
        assert "all right" in harness.run(how)
    assert "all right" in harness.run("heap", options=SANITIZERS, small=True)


# ---- the harness itself


def doubled(x: Any) -> Any:
    return 2.0 * x


@pytest.fixture(scope="module")
def for_broken(tmp_path_factory: pytest.TempPathFactory) -> Build:
    build = graphc.export(doubled, "f64[N]", path=tmp_path_factory.mktemp("broken"), targets="native")
    text = build[".json"].read_text()
    assert '"workspace_bytes": "0"' in text
    build[".json"].write_text(text.replace('"workspace_bytes": "0"', '"workspace_bytes": "64"'))
    return build


@pytest.mark.parametrize(
    ("bug", "mode", "seen"),
    [
        ("NONE", "end", None),
        ("BEHIND", "end", "memory that was not given to it"),
        ("BEHIND", "start", "something written beside it"),
        ("BEFORE", "start", "memory that was not given to it"),
        ("WRITES_INPUT", "heap", "an argument that was written to"),
        ("WRITES_INPUT", "end", "memory that was not given to it"),
        ("WRONG_VALUE", "heap", "the position of a wrong element is"),
        ("KEEPS_STATE", "heap", "larger workspace: the leaf that differs"),
        ("NO_NULL_CHECK", "end", "memory that was not given to it"),
        ("WRITES_FIRST", "heap", "the leaf that was touched"),
        pytest.param("READS_WORKSPACE", "heap", "uninitialised value", marks=valgrind),
    ],
)
def test_the_harness_notices_defects(for_broken: Build, bug: str, mode: str, seen: str | None) -> None:
    source = Path(__file__).with_name("broken.c")
    object_file = for_broken[".a"]
    options = ["-std=c11", "-O1", "-g", *STRICT, "-Wno-unused-variable", "-Wno-unused-but-set-variable"]
    checked(
        ["gcc", *options, f"-DBUG={bug}", f"-I{for_broken.folder}", "-c", str(source), "-o", str(object_file)]
    )
    x = np.arange(1.0, 6.0)
    harness = Harness(for_broken, [Case("doubled", (x,), 2 * x, {"N": 5})])
    program = harness.program(f"-DBUG={bug}")
    tool = MEMCHECK if bug == "READS_WORKSPACE" else ()
    command = [*tool, str(program), str(harness.folder / "all.bin"), mode]
    if seen is None:
        assert "all right" in checked(command)
        return
    with pytest.raises(AssertionError, match=seen):
        checked(command)


# ---- races


@pytest.mark.slow
@valgrind
def test_helgrind_sees_no_race(tmp_path: Path) -> None:
    chosen = {name: EXAMPLES[name] for name in ("counted", "hessian", "chosen", "trained", "jacobian")}
    functions = {name: (example.function, *example.types) for name, example in chosen.items()}
    targets = ["x86-64", "x86-64-v3"] if X86 else "native"
    build = graphc.export(functions, path=tmp_path, name="all", targets=targets)
    harness = Harness(build, [c for name, example in chosen.items() for c in example.cases(f"all_{name}")])
    # Not in "threads": it takes the atomic store of what the processor is for one that is not.
    assert "all right" in harness.run("later", "valgrind", "-q", "--tool=helgrind", "--error-exitcode=9")


# ---- all processors


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="levels of x86 processors")
@pytest.mark.parametrize("targets", [["x86-64"], ["x86-64", "x86-64-v3", "x86-64-v4", "native"]])
def test_every_level_does_what_its_header_says(tmp_path: Path, targets: Sequence[str]) -> None:
    harness = harness_of(tmp_path, targets)
    for mode in MODES:
        assert "all right" in harness.run(mode, small=mode == "threads")
    if has("valgrind"):
        assert "all right" in harness.run("heap", *MEMCHECK, small=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "emulator"),
    [
        ("aarch64", ["qemu-aarch64"]),
        ("aarch64-sve", ["qemu-aarch64", "-cpu", "max,sve256=on"]),
        ("riscv64", ["qemu-riscv64"]),
        ("riscv64-v", ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128,vext_spec=v1.0"]),
    ],
)
def test_other_processors_do_what_the_header_says(
    tmp_path: Path, target: str, emulator: Sequence[str]
) -> None:
    compiler = f"{target.partition('-')[0]}-linux-gnu-gcc"
    if not has(compiler, emulator[0]):
        pytest.skip(f"needs {compiler} and {emulator[0]}")
    harness = harness_of(tmp_path, target)
    for mode in ("end", "start"):
        found = harness.run(mode, *emulator, options=["-static"], compiler=compiler, small=True)
        assert "all right" in found
