"""An executable owns its code, loads from disk in any process and calls like a function."""

import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import I64, PTR, Code, i64
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.signature import ResultSpec, Signature
from graphc.errors import DTypeError, VerificationError
from graphc.ir.types import parse_type
from graphc.runtime.entry.stub import stub_ir
from graphc.runtime.executable import Executable, callable_type
from graphc.runtime.python_entry import normalise
from tests.runtime.entry_programs import (
    MISSED,
    add_pairs,
    array,
    doubling,
    executable,
    missing,
    number,
    result,
)

FLOATS = Signature("add", (number("x", "float"), number("y", "float")), (result("python float"),))


def test_a_stub_holds_no_address_of_this_process(tmp_path):
    signature = Signature(
        "f",
        (array("p", "f32[2]", donated=True), array("x", "f32[N]"), number("n", "int")),
        (result("updated argument", argument=0), result("array", "f32[N, 2]"), result("numpy scalar", "f32")),
        captured=(parse_type("f32[3]"),),
        symbols=("N",),
        arena=100_000,
        errors=(("ValueError", "wrong"),),
        long_running=True,
    )
    text = stub_ir(signature, "main_f", "entry_f")
    program = (
        "import sys, pickle; from graphc.runtime.entry.stub import stub_ir\n"
        "from graphc.runtime import recycle; x = [object() for _ in range(1000)]\n"
        "signature = pickle.loads(sys.stdin.buffer.read())\n"
        "sys.stdout.write(stub_ir(signature, 'main_f', 'entry_f'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(signature), capture_output=True, check=True
    )
    assert done.stdout.decode() == text


def test_object_code_runs_in_another_process(tmp_path):
    module = ir.Module("program")
    code = Code(module, "main_add", [PTR, PTR, PTR], result=I64)
    add_pairs()(code)
    code.ret(i64(0))
    path = tmp_path / "add.o"
    path.write_bytes(object_code(str(module) + without_header(stub_ir(FLOATS, "main_add", "entry_add"))))
    program = (
        "import sys, pathlib; from graphc.backends.cpu.loaded import Loaded\n"
        "from graphc.runtime.executable import Executable\n"
        "from tests.runtime.test_executable import FLOATS\n"
        f"code = Loaded(pathlib.Path({str(path)!r}).read_bytes())\n"
        "print(Executable(FLOATS, code, program='main_add', entry='entry_add').entry(1.5, 2.0))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("3.5\n", "")


def without_header(text):
    """The definitions of a module, without what both halves declare."""
    lines = text.splitlines()
    kept = [line for line in lines if not line.startswith(("target", "source_filename", "declare", "; "))]
    return "\n" + "\n".join(kept)


def test_an_object_calls_its_entry_directly():
    class Base:
        """What the user sees."""

        __slots__ = ("note",)

    compiled = executable(FLOATS, add_pairs())
    function = callable_type(Base, compiled.entry)()
    assert function(1.0, 2.0) == 3.0 and isinstance(function, Base)
    assert isinstance(type(function).__dict__["__call__"], types.BuiltinFunctionType)
    function.note = "kept"
    type(function).__call__ = missing(compiled)
    assert function(1, 2)[0] == MISSED and function.note == "kept"


def test_an_object_can_call_a_python_entry_too():
    function = callable_type(object, executable(FLOATS, add_pairs(), native=False).entry)()
    assert function(1.0, 2.0) == 3.0


def test_an_entry_is_named_after_its_function(native):
    assert doubling(native).entry.__name__ == "double"


def test_a_status_without_an_error_is_a_defect(native):
    signature = Signature("f", (), (ResultSpec("none"),))
    entry = executable(signature, lambda code: i64(3), native=native).entry
    with pytest.raises(VerificationError, match="unknown status 3"):
        entry()


def test_unflatten_is_given_exactly_when_the_signature_says_so():
    code = Loaded(object_code(str(ir.Module("empty"))))
    with pytest.raises(ValueError, match="disagree about unflattening"):
        Executable(FLOATS, code, program="main", entry=None, unflatten=list)


@pytest.mark.parametrize(
    "given",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.arange(6, dtype="f4").reshape(3, 2).T,
        np.arange(12, dtype="f4").reshape(2, 6)[:, ::2],
        np.arange(25, dtype=np.uint8)[1:].view("f4").reshape(2, 3),
        np.ma.masked_array(np.ones((2, 3), "f4")),
        np.ones((2, 3), np.dtype("f4", metadata={"a": 1})),
    ],
)
def test_normalised_arrays_are_accepted(given):
    signature = Signature("f", (array("x", "f32[2, 3]"),), (result("argument", argument=0),))
    entry = missing(executable(signature, lambda code: None))
    assert entry(given)[0] == MISSED
    plain = normalise(given, signature.args[0].type)
    assert entry(plain) is plain
    np.testing.assert_array_equal(plain, np.asarray(given).astype(np.float32))


def test_long_long_is_normalised_to_int64():
    given = np.arange(3, dtype=np.longlong)
    signature = Signature("f", (array("x", "i64[3]"),), (result("argument", argument=0),))
    plain = normalise(given, signature.args[0].type)
    assert executable(signature, lambda code: None).entry(plain) is plain
    assert plain.ctypes.data == given.ctypes.data


def test_normalising_never_converts_values():
    with pytest.raises(DTypeError, match=r"expected f32\[2\], got an array of float64"):
        normalise(np.ones(2), parse_type("f32[2]"))
