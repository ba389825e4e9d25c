"""Object code mapped without LLVM does what LLVM's own loader makes of it."""

import ctypes
import gc
import subprocess
import sys
import textwrap
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from graphc.backends.cpu.image import Image, ObjectFile, is_supported
from graphc.backends.cpu.jit import Engine, machine_code, object_code
from graphc.backends.cpu.loaded import Loaded, define
from graphc.backends.cpu.target import MACHINES

pytestmark = pytest.mark.skipif(not is_supported(), reason="objects are loaded by LLVM on this system")

# Constants, a table of addresses, memory that is written, zeroed memory, calls of three kinds.
EVERYTHING = """
@counter = internal global i64 40
@zeroed = internal global [100 x i64] zeroinitializer
@table = internal constant [2 x ptr] [ptr @twice, ptr @square]
@aligned = internal constant [4 x double] [double 1.5, double 2.5, double 3.5, double 4.5], align 32

declare ptr @memcpy(ptr, ptr, i64)
declare i64 @test_image_seven()

define internal i64 @twice(i64 %x) noinline {
  %y = mul i64 %x, 2
  ret i64 %y
}

define internal i64 @square(i64 %x) noinline {
  %y = mul i64 %x, %x
  ret i64 %y
}

define i64 @count() {
  %old = load i64, ptr @counter
  %new = add i64 %old, 1
  store i64 %new, ptr @counter
  ret i64 %new
}

define i64 @choose(i64 %which, i64 %x) {
  %at = getelementptr [2 x ptr], ptr @table, i64 0, i64 %which
  %function = load ptr, ptr %at
  %y = call i64 %function(i64 %x)
  ret i64 %y
}

define double @constants(ptr %out) {
  %ignored = call ptr @memcpy(ptr %out, ptr @aligned, i64 32)
  %v = load <4 x double>, ptr @aligned, align 32
  %w = fadd <4 x double> %v, <double 0.5, double 0.25, double 0.125, double 8.0>
  %last = extractelement <4 x double> %w, i32 3
  ret double %last
}

define i64 @elsewhere(i64 %i) {
  %seven = call i64 @test_image_seven()
  %at = getelementptr [100 x i64], ptr @zeroed, i64 0, i64 %i
  %zero = load i64, ptr %at
  store i64 %seven, ptr %at
  %sum = add i64 %seven, %zero
  ret i64 %sum
}
"""
_SEVEN = ctypes.CFUNCTYPE(ctypes.c_int64)(lambda: 7)
SEVEN = ctypes.cast(_SEVEN, ctypes.c_void_p).value


def answers(code):
    def call(name, *args, result=ctypes.c_int64):
        types = [ctypes.c_void_p if isinstance(a, ctypes.Array) else ctypes.c_int64 for a in args]
        return ctypes.CFUNCTYPE(result, *types)(code.address(name))(*args)

    out = (ctypes.c_double * 4)()
    return [
        [call("count"), call("count")],
        [call("choose", 0, 21), call("choose", 1, 21)],
        [call("constants", out, result=ctypes.c_double), *out],
        [call("elsewhere", 99), call("elsewhere", 99)],
    ]


EXPECTED = [[41, 42], [42, 441], [12.5, 1.5, 2.5, 3.5, 4.5], [7, 14]]


def test_everything_a_module_may_hold_is_loaded_as_by_llvm():
    define("test_image_seven", SEVEN)
    code = object_code(EVERYTHING)
    assert ObjectFile(code).is_simple
    assert answers(Loaded(code)) == EXPECTED
    assert answers(Loaded(code)) == EXPECTED  # each has its own memory
    assert answers(Engine(code, {"test_image_seven": SEVEN})) == EXPECTED


def test_other_relocations_are_left_to_llvm():
    near = llvm.Target.from_default_triple().create_target_machine(opt=0, reloc="pic", codemodel="small")
    counting = EVERYTHING[EVERYTHING.index("define i64 @count") : EVERYTHING.index("define i64 @choose")]
    code = object_code("@counter = internal global i64 40\n" + counting, near)
    assert not ObjectFile(code).is_simple
    loaded = Loaded(code)
    assert isinstance(loaded._code, Engine)
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(loaded.address("count"))() == 41


@pytest.mark.parametrize("name", ["aarch64", "riscv64", "wasm32"])
def test_code_for_other_processors_is_not_taken_for_ours(name):
    code = machine_code("define i64 @f() {\n  ret i64 1\n}\n", MACHINES[name])
    assert not ObjectFile(code).is_simple


def permissions(address):
    with Path("/proc/self/maps").open() as maps:
        for line in maps:
            area, allowed, *_ = line.split()
            first, end = (int(part, 16) for part in area.split("-"))
            if first <= address < end:
                return allowed[:3]
    return None


def test_code_and_constants_are_read_only_and_the_memory_is_given_back():
    image = Image(ObjectFile(object_code(EVERYTHING)), lambda name: SEVEN)
    places = {name: image.address(name) for name in ("count", "aligned", "counter")}
    kept = {name: permissions(address) for name, address in places.items()}
    assert kept == {"count": "r-x", "aligned": "r--", "counter": "rw-"}
    del image
    gc.collect()
    assert not any(permissions(address) for address in places.values())


def test_a_symbol_that_nobody_defines_is_named():
    with pytest.raises(AttributeError, match="no_such_function"):
        Loaded(
            object_code(
                "declare void @no_such_function()\n"
                "define void @f() {\n  call void @no_such_function()\n  ret void\n}\n"
            )
        )
    with pytest.raises(KeyError, match="'g'"):
        Loaded(object_code("define void @f() {\n  ret void\n}\n")).address("g")


WARM = """
    import sys, warnings
    import numpy as np
    import graphc
    from graphc import nn, optim

    model = nn.Sequential(nn.Linear(8, 6, rng=0), nn.ReLU(), nn.Linear(6, 3, rng=1))
    trainer = graphc.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(lr=1e-2))
    loss = trainer.step(np.ones((5, 8), np.float32), np.zeros(5, np.int64))
    large = graphc.compile(lambda x: x + 1)(np.ones(1_000_000))  # in recycled memory
    print(repr(float(loss)), large[-1], [m for m in ("llvmlite", "numba", "sympy") if m in sys.modules])
"""


def test_a_warm_start_needs_no_compiler(tmp_path):
    def run():
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(WARM)],
            env={"GRAPHC_CACHE_DIR": str(tmp_path / "cache"), "PATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        return done.stdout.split(" ", 2)

    cold, warm = run(), run()
    assert "llvmlite" in cold[2] and warm[2] == "[]\n"
    assert cold[:2] == warm[:2]
