"""Libraries with several levels take the best that the processor has; every level computes the same."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

import graphc
from graphc.aot.build import Build
from graphc.aot.link import linker_for
from graphc.lower.kernel_ir import Matmul, statements
from tests.aot.calling import Exported

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")
LEVELS = ("x86-64", "x86-64-v3", "x86-64-v4")
HOST = llvm.get_host_cpu_features()

RNG = np.random.default_rng(2)
X, W = RNG.normal(size=(33, 17)).astype(np.float32), RNG.normal(size=(17, 9)).astype(np.float32)


def attention(x: Any, w: Any) -> Any:
    scores = np.exp(np.tanh(x @ w) - np.max(x, axis=1, keepdims=True))
    return scores / np.sum(scores, axis=1, keepdims=True), np.sum(np.sin(x) * x)


TYPES = ("f32[N, 17]", "f32[17, 9]")
PROGRAM = """
#include "attention.h"
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    static float x[33 * 17], w[17 * 9], y[33 * 9], total;
    FILE *file = fopen("input.bin", "rb");
    if (!file || fread(x, 4, 33 * 17, file) != 33 * 17 || fread(w, 4, 17 * 9, file) != 17 * 9) return 2;
    fclose(file);
    int64_t bytes = attention_workspace_bytes(33);
    void *workspace = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    int status = attention(33, x, w, y, &total, workspace, bytes);
    free(workspace);
    if (status) { fprintf(stderr, "%s\\n", attention_message(status)); return 1; }
    file = fopen("output.bin", "wb");
    fwrite(y, 4, 33 * 9, file);
    fwrite(&total, 4, 1, file);
    fclose(file);
    puts(attention_target());
    return 0;
}
"""


def run_program(build: Build, emulator: Sequence[str] = ()) -> tuple[str, np.ndarray]:
    """The target that a C program with the static library took, and its results."""
    folder = build.folder
    (folder / "main.c").write_text(PROGRAM)
    (folder / "input.bin").write_bytes(X.tobytes() + W.tobytes())
    compiled = ["cc", "-static", "-o", "main", "main.c", "attention.a"]
    subprocess.run(compiled, cwd=folder, check=True)
    done = subprocess.run([*emulator, "./main"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), np.fromfile(folder / "output.bin", np.float32)


def exact() -> np.ndarray:
    y, total = attention(X.astype(np.float64), W.astype(np.float64))
    return np.append(y.ravel(), total)


@pytest.fixture(scope="module")
def all_levels(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return graphc.export(attention, *TYPES, path=tmp_path_factory.mktemp("levels"), targets=LEVELS)


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-user is not installed")
@pytest.mark.parametrize("cpu, level", [("Nehalem", "x86-64"), ("Haswell", "x86-64-v3")])
def test_older_processors_get_the_level_they_have(all_levels: Build, cpu: str, level: str) -> None:
    target, got = run_program(all_levels, ["qemu-x86_64", "-cpu", cpu])
    assert target == level
    np.testing.assert_allclose(got, exact(), rtol=3e-6, atol=3e-7)


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-user is not installed")
def test_a_processor_without_the_instructions_gets_a_status(tmp_path: Path) -> None:
    build = graphc.export(attention, *TYPES, path=tmp_path, targets="x86-64-v3")
    with pytest.raises(AssertionError, match="this processor lacks instructions"):
        run_program(build, ["qemu-x86_64", "-cpu", "Nehalem"])


@pytest.mark.skipif(not HOST.get("avx512f"), reason="this processor has no AVX-512")
def test_the_best_level_is_taken_and_agrees_with_the_process_to_the_bit(all_levels: Build) -> None:
    target, got = run_program(all_levels)
    assert target == "x86-64-v4"
    y, total = graphc.compile(attention, dynamic={"x": ("N", None)})(X, W)
    np.testing.assert_array_equal(got, np.append(y.ravel(), total))


@pytest.mark.parametrize("layout", [(0, 0), (1, 0), (0, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("level", LEVELS[:2])
def test_lower_levels_compute_operands_while_packing(
    tmp_path: Path, level: str, layout: tuple[int, int]
) -> None:
    if level == "x86-64-v3" and not HOST.get("avx2"):
        pytest.skip("this processor has no AVX2")

    def both(x: Any, w: Any) -> Any:
        a, b = np.maximum(x, 0), np.abs(w)
        return (a.T if layout[0] else a) @ (b.T if layout[1] else b)

    m, depth, n = 523, 531, 511
    shapes = [(depth, m) if layout[0] else (m, depth), (n, depth) if layout[1] else (depth, n)]
    x, w = (RNG.normal(size=shape).astype(np.float32) for shape in shapes)
    types = [f"f32[{rows}, {columns}]" for rows, columns in shapes]
    plan = graphc.compile(both).lower(*types).kernels
    (product,) = [s for kernel in plan.kernels for s in statements(kernel.body) if isinstance(s, Matmul)]
    assert len(product.computed) == 2
    library = Exported(graphc.export(both, *types, path=tmp_path, targets=level))
    status, got = library.call("both", {"x": x, "w": w})
    assert status == 0
    np.testing.assert_allclose(got["out"], both(x.astype(np.float64), w), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("level", LEVELS[:2])
def test_lower_levels_agree_within_rounding(tmp_path: Path, level: str) -> None:
    if level == "x86-64-v3" and not HOST.get("avx2"):
        pytest.skip("this processor has no AVX2")
    library = Exported(graphc.export(attention, *TYPES, path=tmp_path, targets=level))
    status, got = library.call("attention", {"x": X, "w": W}, N=33)
    assert status == 0
    found = np.append(got["out0"].ravel(), got["out1"])
    np.testing.assert_allclose(found, exact(), rtol=3e-6, atol=3e-7)


def test_levels_of_different_architectures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(graphc.ArgumentError, match="different architectures"):
        graphc.export(attention, *TYPES, path=tmp_path, targets=["x86-64", "aarch64"])
    with pytest.raises(graphc.ArgumentError, match="there is no target 'avx'; choose from native"):
        graphc.export(attention, *TYPES, path=tmp_path, targets="avx")
    with pytest.raises(graphc.ArgumentError, match="names a processor twice"):
        graphc.export(attention, *TYPES, path=tmp_path, targets=["x86-64", "x86-64"])


@pytest.mark.skipif(not HOST.get("avx2", False), reason="this processor cannot run the code")
def test_the_result_of_a_call_with_arguments_on_the_stack_is_its_status(tmp_path: Path) -> None:
    def grown(n: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
        return n + 1, a * a + b * b + c * c + d * d + e * e + f * f

    types = ("i64", *["f32[8]"] * 6)
    library = Exported(graphc.export(grown, *types, path=tmp_path, donate="n", targets="x86-64-v3"))
    status, got = library.call("grown", {"n": 1, **dict.fromkeys("abcdef", np.ones(8))})
    assert status == 0
    np.testing.assert_array_equal(got["out1"], np.full(8, 6.0))


@pytest.mark.parametrize(
    "system, levels",
    [
        ("x86-64-linux", LEVELS),
        ("aarch64-linux", ("aarch64", "aarch64-sve")),
        ("riscv64-linux", ("riscv64", "riscv64-v")),
    ],
)
def test_a_system_is_all_its_levels(tmp_path: Path, system: str, levels: tuple[str, ...]) -> None:
    build = graphc.export(attention, *TYPES, path=tmp_path, targets=system, shared=False)
    assert tuple(json.loads(build[".json"].read_text())["interface"]["levels"]) == levels
    with pytest.raises(graphc.ArgumentError, match="names a processor twice"):
        graphc.export(attention, *TYPES, path=tmp_path, targets=[system, levels[0]])
