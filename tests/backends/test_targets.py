"""Code for every machine gives the definitions' results, calls no library, and is the same to the bit."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.jit import machine_assembly, machine_code, with_attributes
from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.target import MACHINES, Target, native_target
from graphc.ir.graph import Builder, Graph
from graphc.ir.parser import registered_ops
from graphc.ir.types import DTYPE_NAMES, ArrayType
from graphc.lower.program import lower
from graphc.ops.leaf import Input
from tests.backends.foreign import PLACES, Arrays, Batch, Place
from tests.backends.math_cases import CASES, samples
from tests.backends.objects import undefined
from tests.helpers import record
from tests.laws.native_samples import agree, every_sample
from tests.laws.test_native_programs import assert_results, gradient_program, program_number
from tests.native import Native

MEMORY = {"memcpy", "memmove", "memset"}  # of the C library; all that code may call
LINKERS = {"_GLOBAL_OFFSET_TABLE_"}
each_machine = pytest.mark.parametrize("name", MACHINES)
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


Compare = Callable[[Arrays, Arrays], None]


@dataclass(frozen=True)
class Check:
    """A program, the arguments of some calls, and what arguments and results must fulfil."""

    graph: Graph
    calls: tuple[Arrays, ...]
    compare: Compare


def places_of(name: str) -> list[Place]:
    return [place for place in PLACES if place.machine == name]


def run_everywhere(name: str, checks: list[Check], folder: Path) -> None:
    """Compiles for the machine `name`, and compares what the programs do wherever its code runs."""
    batch = Batch(MACHINES[name])
    for check in checks:
        batch.add(check.graph, check.calls)
    batch.compile()
    called = set().union(*map(undefined, batch.objects)) - LINKERS
    assert called <= MEMORY, f"code for {name} needs {sorted(called - MEMORY)}"
    for place in places_of(name):
        place.require()
        results = iter(batch.run(place, folder))
        for check in checks:
            for arrays in check.calls:
                check.compare(arrays, next(results))


def definitions(step: int, start: int = 0) -> list[Check]:
    """Samples of ops that machine code is compared with definitions on, every `step`-th of them."""
    chosen = (sample for number, sample in enumerate(every_sample()) if number % step == start)
    return [Check(s.graph, s.calls, functools.partial(_as_defined, s.graph, s.ulps)) for s in chosen]


def _as_defined(graph: Graph, ulps: float, arrays: Arrays, results: Arrays) -> None:
    agree(graph, lambda *_: results, *arrays, ulps=ulps)


def random_programs(count: int) -> list[Check]:
    programs = [program_number(seed) for seed in range(count)]
    programs += [p for p in map(gradient_program, range(count // 3)) if p is not None]
    return [Check(p.graph, (p.inputs,), functools.partial(assert_results, p.graph)) for p in programs]


# Sizes that need several tiles, vectors and single columns; blocks of sums; packed operands.
PRODUCTS = [
    ((17, 33, 65), "f32"), ((17, 33, 65), "f64"), ((5, 7, 600), "f64"), ((1, 131, 67), "f32"),
    ((131, 1, 67), "f32"), ((1, 300, 9), "f64"), ((9, 130, 601), "f32"),
]  # fmt: skip


def products(cases: list[tuple[tuple[int, int, int], str]]) -> list[Check]:
    """Products of known and of symbolic sizes, both operands as they are or transposed."""
    checks = []
    for number, ((m, n, k), kind) in enumerate(cases):
        rng = np.random.default_rng(number)
        for turned in (False, True):
            a, b = (rng.standard_normal(s).astype(DTYPE_NAMES[kind]) for s in ((m, k), (k, n)))
            given = (np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)) if turned else (a, b)
            shapes = ("[K, M]", "[N, K]") if turned else ("[M, K]", "[K, N]")
            types = list(given), [kind + shape for shape in shapes]
            for chosen in types:
                graph = record(lambda a, b, t=turned: a.T @ b.T if t else a @ b, *chosen).graph
                checks.append(Check(graph, (given,), functools.partial(_is_product, a, b)))
    return checks


def _is_product(a: np.ndarray, b: np.ndarray, _: Arrays, results: Arrays) -> None:
    """|fl(Σ) − Σ| ≤ k·u·Σ|a b| to first order, in whatever order (Higham 2002, section 3.1)."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    bound = (a.shape[1] + 1) * np.finfo(a.dtype).eps * (abs(wide_a) @ abs(wide_b))
    assert np.all(abs(results[0] - wide_a @ wide_b) <= bound)


@each_machine
def test_code_of_every_machine_is_the_definition_and_calls_no_library(name: str, tmp_path: Path) -> None:
    start = list(MACHINES).index(name)
    run_everywhere(
        name,
        [*definitions(24, 3 * start), *random_programs(6), *products(PRODUCTS[start % 2 :: 2])],
        tmp_path,
    )


@pytest.mark.slow
@each_machine
def test_all_samples_and_many_programs_on_every_machine(name: str, tmp_path: Path) -> None:
    run_everywhere(name, [*definitions(1), *random_programs(300), *products(PRODUCTS)], tmp_path)


# ---- the same bits


FUNCTIONS = [case for case in CASES if case.name in registered_ops()]


def functions(dtype: np.dtype, count: int) -> tuple[Graph, Arrays]:
    """All elementary functions of floats in one program, and numbers for each of its arguments."""
    builder = Builder()
    inputs: list[Any] = []
    outputs: list[Any] = []
    arrays: list[np.ndarray] = []
    for case in FUNCTIONS:
        columns = samples(case, dtype, count)
        nodes = [
            builder.add(Input(len(inputs) + i, ArrayType(dtype, c.shape))) for i, c in enumerate(columns)
        ]
        inputs += nodes
        arrays += columns
        outputs.append(builder.add(registered_ops()[case.name](), *nodes))
    return Graph(tuple(inputs), tuple(outputs)), tuple(arrays)


# What this processor can stand for: machines that fuse multiply-adds, and those that do not.
_HERE = {True: Target(64), False: Target(16, fma=False, masks=False, rounding=False)}


@functools.cache
def bits_here(fused: bool) -> list[tuple[Graph, Arrays, Arrays]]:
    """Programs, arguments and results on this processor, with or without fused multiply-adds."""
    target = _HERE[fused]
    found = []
    for dtype in (SINGLE, DOUBLE):
        graph, arrays = functions(dtype, 61)
        found.append((graph, arrays, Native(graph, target=target)(*arrays)))
    return found


@each_machine
def test_elementary_functions_have_the_same_bits_on_all_machines_that_fuse_or_do_not(
    name: str, tmp_path: Path
) -> None:
    checks = [
        Check(graph, (arrays,), functools.partial(_same_bits, expected))
        for graph, arrays, expected in bits_here(MACHINES[name].target.fma)
    ]
    run_everywhere(name, checks, tmp_path)


@each_machine
def test_matrix_products_have_the_same_bits_on_all_machines_that_fuse_or_do_not(
    name: str, tmp_path: Path
) -> None:
    target = _HERE[MACHINES[name].target.fma]
    checks = []
    for m, n, k, kind in ((17, 33, 65, "f32"), (5, 11, 600, "f64"), (3, 9, 7, "f64")):
        rng = np.random.default_rng(m)
        a, b = (rng.standard_normal(s).astype(DTYPE_NAMES[kind]) for s in ((m, k), (k, n)))
        for types in ([a, b], [f"{kind}[M, K]", f"{kind}[K, N]"]):
            graph = record(np.matmul, *types).graph
            expected = Native(graph, target=target)(a, b)
            checks.append(
                Check(graph, ((a, b),), lambda _, found, e=expected: np.testing.assert_array_equal(found, e))
            )
    run_everywhere(name, checks, tmp_path)


def _same_bits(expected: Arrays, _: Arrays, results: Arrays) -> None:
    for case, a, b in zip(FUNCTIONS, expected, results, strict=True):
        if a.dtype.kind == "f":
            unordered = np.isnan(a)
            assert np.array_equal(unordered, np.isnan(b)), case.name
            a, b = (np.where(unordered, 0, x).view(f"u{x.itemsize}") for x in (a, b))
        assert np.array_equal(a, b), case.name


# ---- sums


@each_machine
def test_sums_differ_by_no_more_than_the_order_of_additions_may(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    checks = []
    for dtype, count in ((SINGLE, 1003), (DOUBLE, 517), (SINGLE, 3)):
        x = rng.standard_normal(count).astype(dtype)
        for chosen in (x, "f32[N]" if dtype == SINGLE else "f64[N]"):
            graph = record(np.sum, chosen).graph
            checks.append(Check(graph, ((x,),), _is_sum))
    run_everywhere(name, checks, tmp_path)


def _is_sum(arrays: Arrays, results: Arrays) -> None:
    """|fl(Σ) − Σ| ≤ (n − 1)·u·Σ|x| to first order, in whatever order (Higham 2002, section 4.2)."""
    (x,) = arrays
    wide = x.astype(np.longdouble)
    assert abs(results[0] - wide.sum()) <= (x.size - 1) * np.finfo(x.dtype).eps / 2 * abs(wide).sum() * 1.01


# ---- instructions


def polynomial(x: Any) -> Any:
    return ((x * 0.5 + 1.0) * x - 2.0) * x + 3.0


VECTORS = {
    "x86-64": [r"mulps\s.*%xmm", r"addps\s.*%xmm"],
    "x86-64-v3": [r"vfmadd\w+ps\s.*%ymm"],
    "x86-64-v4": [r"vfmadd\w+ps\s.*%zmm"],
    "aarch64": [r"fmla\s+v\d+\.4s"],
    "aarch64-sve": [r"ld1w\s+\{ ?z\d+\.s", r"fm(la|ad)\s+z\d+\.s"],
    "riscv64": [r"fmadd\.s"],
    "riscv64-v": [r"vsetivli\s+zero, 4, e32", r"vfm\w+\.v"],
    "wasm32": [r"f32x4\.mul", r"f32x4\.add"],
}


def assembly_for(name: str, function: Any, *types: str) -> str:
    machine, module = MACHINES[name], ir.Module()
    emit_program(module, lower(record(function, *types).graph), "program", machine.target)
    return machine_assembly(str(module), machine)


@each_machine
def test_loops_use_the_vectors_of_the_machine(name: str) -> None:
    text = assembly_for(name, polynomial, "f32[N]")
    for instruction in VECTORS[name]:
        assert re.search(instruction, text), instruction


@pytest.mark.parametrize("name", [n for n, m in MACHINES.items() if not m.target.masks])
def test_what_is_left_of_a_loop_takes_no_branch_per_lane(name: str) -> None:
    """A vector with a mask would become one branch for each of its lanes."""
    machine, module = MACHINES[name], ir.Module()
    for types in (["f32[N]"], ["f32[35]"]):
        emit_program(module, lower(record(polynomial, *types).graph), types[0], machine.target)
    for types in (["f32[N, M]", "f32[M, K]"], ["f32[1, M]", "f32[M, K]"], ["f64[N, M]", "f64[M, 1]"]):
        emit_program(module, lower(record(np.matmul, *types).graph), types[0], machine.target)
    calls = re.findall(r"call .*llvm\.masked\.\w+\..*", str(module))
    run_time = [call for call in calls if not re.search(r"<\d+ x i1> <", call)]
    assert run_time == []


def test_attributes_are_added_to_every_function() -> None:
    text = "define void @f() #0 {\n}\n\nattributes #0 = { nounwind }\nattributes #12 = { noinline }\n"
    expected = text.replace("{ nounwind", "{ vscale_range(2,16) nounwind").replace(
        "{ noin", "{ vscale_range(2,16) noin"
    )
    assert with_attributes(text, "vscale_range(2,16)") == expected


def test_pointers_in_memory_are_as_wide_as_the_machine_has_them() -> None:
    """Code that reads the table of buffers claims no more alignment than its pointers have."""
    module = ir.Module()
    emit_program(module, lower(record(polynomial, "f32[N]").graph), "program", MACHINES["wasm32"].target)
    loads = re.findall(r"= load ptr.*", str(module))
    assert loads and not any("align" in line for line in loads)


@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        ("x86_64-unknown-linux-gnu", ["avx512f", "avx2", "fma"], Target(64, 3, fast_ldexp=True)),
        (
            "x86_64-unknown-linux-gnu",
            ["avx2", "fma", "sse4.1"],
            replace(MACHINES["x86-64-v3"].target, threads=3),
        ),
        ("x86_64-unknown-linux-gnu", [], replace(MACHINES["x86-64"].target, threads=3)),
        (
            "x86_64-unknown-linux-gnu",
            ["sse4.1"],
            replace(MACHINES["x86-64"].target, threads=3, rounding=True),
        ),
        ("arm64-apple-darwin23", ["neon"], replace(MACHINES["aarch64"].target, threads=3)),
        ("riscv64-unknown-linux-gnu", ["v"], replace(MACHINES["riscv64"].target, threads=3)),
    ],
)
def test_the_native_target_is_that_of_the_architecture(
    triple: str, features: list[str], expected: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llvm, "get_process_triple", lambda: triple)
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: dict.fromkeys(features, True))
    assert native_target(3) == expected


@each_machine
def test_calls_of_other_libraries_are_found_in_objects(name: str) -> None:
    text = """
declare double @of_a_library(double)
define double @f(double %x) {
  %y = call double @of_a_library(double %x)
  ret double %y
}"""
    assert undefined(machine_code(text, MACHINES[name])) - LINKERS == {"of_a_library"}
