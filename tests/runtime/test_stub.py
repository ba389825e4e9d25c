"""Entries accept exactly their specialisation and return what the program wrote."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.llvm import F32, F64, I8, I64
from graphc.backends.signature import ArgSpec, Group, Signature
from graphc.errors import ArgumentError
from graphc.ir.types import parse_type
from tests.runtime.entry_programs import (
    MISSED,
    add_pairs,
    array,
    copy_cell,
    doubling,
    executable,
    missing,
    number,
    result,
    scale,
)

# ---- kinds


def test_two_python_floats_give_a_python_float(native):
    signature = Signature("f", (number("x", "float"), number("y", "float")), (result("python float"),))
    answer = executable(signature, add_pairs(), native=native).entry(2.0, 0.5)
    assert type(answer) is float and answer == 2.5


@pytest.mark.parametrize("value", [0, 1, -1, 2**63 - 1, -(2**63), 300])
def test_a_python_int_passes_as_int64(native, value):
    signature = Signature("f", (number("n", "int"),), (result("python int"),))
    answer = executable(signature, lambda c: copy_cell(c, 0, 1, I64), native=native).entry(value)
    assert type(answer) is int and answer == value


@pytest.mark.parametrize("value", [True, False])
def test_a_python_bool_passes_as_a_byte(native, value):
    signature = Signature("f", (number("b", "bool"),), (result("python bool"),))
    answer = executable(signature, lambda c: copy_cell(c, 0, 1, I8), native=native).entry(value)
    assert answer is value


@pytest.mark.parametrize(
    ("scalar", "name", "element"),
    [
        (np.float32(1.1), "f32", F32),
        (np.float64(-0.0), "f64", F64),
        (np.float64("nan"), "f64", F64),
        (np.int16(-7), "i16", ir.IntType(16)),
        (np.uint8(200), "u8", I8),
        (np.int64(-(2**62)), "i64", I64),
        (np.True_, "bool", I8),
    ],
)
def test_a_numpy_scalar_keeps_its_type_and_bits(native, scalar, name, element):
    signature = Signature(
        "f", (ArgSpec("s", "numpy scalar", parse_type(name)),), (result("numpy scalar", name),)
    )
    answer = executable(signature, lambda c: copy_cell(c, 0, 1, element), native=native).entry(scalar)
    assert type(answer) is type(scalar)
    assert answer.tobytes() == scalar.tobytes()


def test_an_array_gives_a_fresh_array_that_owns_its_memory(native):
    x = np.arange(16, dtype=np.float32)
    answer = doubling(native).entry(x)
    np.testing.assert_array_equal(answer, 2 * x)
    assert answer.dtype is np.dtype(np.float32) and answer.flags.owndata and answer.flags.writeable
    assert answer.base is None and answer.shape == (16,) and answer.strides == (4,)


def test_a_zero_dimensional_array_is_accepted_as_an_array_only(native):
    signature = Signature("f", (array("x", "f64"),), (result("array", "f64"),))
    entry = missing(executable(signature, lambda c: copy_cell(c, 0, 1, F64), native=native))
    answer = entry(np.array(2.5))
    assert isinstance(answer, np.ndarray) and answer.shape == () and answer == 2.5
    assert entry(np.float64(2.5))[0] == MISSED
    assert entry(2.5)[0] == MISSED


def test_captured_arrays_follow_the_arguments(native):
    constant = np.array([10.0])
    signature = Signature(
        "f", (number("x", "float"),), (result("python float"),), captured=(parse_type("f64[1]"),)
    )
    compiled = executable(signature, add_pairs(), native=native, captured=(constant,))
    del constant
    gc.collect()
    assert compiled.entry(0.5) == 10.5


def test_a_captured_array_of_another_type_is_refused():
    signature = Signature("f", (), (result("none"),), captured=(parse_type("f64[1]"),))
    with pytest.raises(ValueError, match=r"captured array of type f64\[2\] where f64\[1\]"):
        executable(signature, lambda c: None, captured=(np.zeros(2),))


def test_a_function_of_nothing_returns_none(native):
    entry = executable(Signature("f", (), (result("none"),)), lambda c: None, native=native).entry
    assert entry() is None


# ---- misses


class Subclass(np.ndarray):
    pass


def misaligned(shape, dtype):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.zeros(size + 1, np.uint8)[1:].view(dtype).reshape(shape)


FITTING = np.zeros((4, 4), np.float32)
MISSES = {
    "another dtype": np.zeros((4, 4), np.float64),
    "an integer dtype of the same size": np.zeros((4, 4), np.int32),
    "big-endian": np.zeros((4, 4), ">f4"),
    "lower rank": np.zeros(16, np.float32),
    "higher rank": np.zeros((4, 4, 1), np.float32),
    "another shape": np.zeros((4, 5), np.float32),
    "transposed": np.zeros((4, 4), np.float32).T,
    "strided": np.zeros((4, 8), np.float32)[:, ::2],
    "reversed": np.zeros((4, 4), np.float32)[::-1],
    "misaligned": misaligned((4, 4), np.float32),
    "a subclass": np.zeros((4, 4), np.float32).view(Subclass),
    "a list": [[0.0] * 4] * 4,
    "None": None,
    "a number": 1.0,
    "an equal dtype that is another object": np.zeros((4, 4), np.dtype("f4", metadata={"a": 1})),
}


@pytest.mark.parametrize("what", MISSES)
def test_other_arguments_go_to_the_fallback_untouched(native, what):
    signature = Signature(
        "f", (array("x", "f32[4, 4]"), array("y", "f32[4, 4]")), (result("array", "f32[4, 4]"),)
    )
    entry = missing(executable(signature, scale(2.0, 16, 0, 2), native=native))
    assert isinstance(entry(FITTING, FITTING), np.ndarray)
    for args in ((MISSES[what], FITTING), (FITTING, MISSES[what])):
        answer = entry(*args)
        assert answer[0] == MISSED and answer[1][0] is args[0] and answer[1][1] is args[1]


def test_numbers_of_another_kind_miss(native):
    signature = Signature("f", (number("x", "float"),), (result("python float"),))
    entry = missing(executable(signature, lambda c: copy_cell(c, 0, 1, F64), native=native))
    for other in (1, True, np.float64(1.0), np.float32(1.0), np.array(1.0), "1", None, 1j):
        assert entry(other)[0] == MISSED


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30, True, 1.0, np.int64(1)])
def test_integers_beyond_64_bits_and_other_kinds_miss(native, value):
    signature = Signature("f", (number("n", "int"),), (result("python int"),))
    entry = missing(executable(signature, lambda c: copy_cell(c, 0, 1, I64), native=native))
    assert entry(value) == (MISSED, (value,), {})


@pytest.mark.parametrize("value", [0, 1, np.True_, None])
def test_only_true_and_false_are_bools(native, value):
    signature = Signature("f", (number("b", "bool"),), (result("python bool"),))
    entry = missing(executable(signature, lambda c: copy_cell(c, 0, 1, I8), native=native))
    assert entry(value)[0] == MISSED


def test_a_wrong_number_of_arguments_or_keywords_miss(native):
    entry = missing(doubling(native))
    x = np.zeros(16, np.float32)
    assert entry() == (MISSED, (), {})
    assert entry(x, x)[0] == MISSED
    answer = entry(x=x)
    assert answer[:2] == (MISSED, ()) and answer[2]["x"] is x
    assert entry(x, y=1)[0] == MISSED


def test_an_exception_of_the_fallback_passes_through(native):
    def fallback(*args):
        raise KeyError("from the fallback")

    with pytest.raises(KeyError, match="from the fallback"):
        doubling(native).bound(fallback)(3)


def test_without_a_fallback_the_error_names_argument_and_types(native):
    with pytest.raises(ArgumentError) as error:
        doubling(native).entry(np.zeros(3))
    expected = "argument 'x' of double must be a C-contiguous array f32[16], not ndarray <f8[3]"
    assert str(error.value) == expected


def test_entries_chain_as_specialisations(native):
    small = executable(
        Signature("f", (array("x", "f32[2]"),), (result("array", "f32[2]"),)), scale(3.0, 2), native=native
    )
    chain = doubling(native).bound(missing(small))
    assert chain(np.ones(16, np.float32)).sum() == 32
    assert chain(np.ones(2, np.float32)).sum() == 6
    assert chain(1)[0] == MISSED


# ---- structures


def test_nested_tuples_and_lists_are_built_with_shared_leaves(native):
    tree = Group("tuple", (0, Group("list", (1, Group("tuple", ()), 0)), 2))
    signature = Signature(
        "f",
        (array("x", "f32[16]"),),
        (result("array", "f32[16]"), result("none"), result("argument", argument=0)),
        structure=tree,
    )
    x = np.ones(16, np.float32)
    first, middle, last = executable(signature, scale(2.0, 16), native=native).entry(x)
    assert type(middle) is list and middle[0] is None and middle[1] == () and middle[2] is first
    assert last is x
    assert sys.getrefcount(first) == 3  # first, the list, the argument of getrefcount


def test_other_trees_are_rebuilt_by_a_callable(native):
    signature = Signature(
        "f",
        (number("x", "float"),),
        (result("python float"),),
        structure=Group("tuple", (0,)),
        unflatten=True,
    )
    compiled = executable(
        signature, lambda c: copy_cell(c, 0, 1, F64), native=native, unflatten=lambda leaves: {"y": leaves}
    )
    assert compiled.entry(1.5) == {"y": (1.5,)}


def test_what_is_rebuilt_is_a_tuple_by_default(native):
    signature = Signature("f", (number("x", "float"),), (result("python float"),), unflatten=True)
    compiled = executable(
        signature, lambda c: copy_cell(c, 0, 1, F64), native=native, unflatten=lambda leaves: leaves
    )
    assert compiled.entry(1.5) == (1.5,)


def test_an_exception_while_rebuilding_passes_through(native):
    signature = Signature("f", (number("x", "float"),), (result("python float"),), unflatten=True)
    compiled = executable(
        signature, lambda c: copy_cell(c, 0, 1, F64), native=native, unflatten=lambda leaf: 1 // 0
    )
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            compiled.entry(1.5)


def test_run_returns_the_leaves():
    assert doubling(True).run(np.ones(16, np.float32))[0].sum() == 32


# ---- symbolic sizes


def symbolic(native, **options):
    defaults = {
        "args": (array("x", "f32[N]"), array("y", "f32[2*N+1, M]")),
        "results": (result("array", "f32[N]"),),
        "symbols": ("N", "M"),
    }
    return executable(Signature("f", **(defaults | options)), scale(2.0, None, 0, 2), native=native)


@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_symbolic_sizes_come_from_the_arguments(native, n):
    x, y = np.arange(n, dtype=np.float32), np.zeros((2 * n + 1, 3), np.float32)
    np.testing.assert_array_equal(symbolic(native).entry(x, y), 2 * x)


def test_sizes_that_break_a_relation_miss(native):
    x = np.zeros(5, np.float32)
    entry = missing(symbolic(native))
    assert entry(x, np.zeros((10, 3), np.float32))[0] == MISSED
    same = symbolic(native, args=(array("x", "f32[N]"), array("y", "f32[N]")), symbols=("N",))
    assert missing(same)(x, np.zeros(6, np.float32))[0] == MISSED


def test_computed_sizes_follow_python_division(native):
    shape = "f32[N*M, (3-N)//2+9, (3-N)%4, N//M]"
    entry = symbolic(native, results=(result("array", "f32[N]"), result("array", shape))).entry
    for n, m in ((6, 4), (2, 1), (3, 3), (9, 5)):
        computed = entry(np.zeros(n, np.float32), np.zeros((2 * n + 1, m), np.float32))[1]
        assert computed.shape == (n * m, (3 - n) // 2 + 9, (3 - n) % 4, n // m)


def test_a_division_by_a_zero_size_misses(native):
    compiled = symbolic(native, results=(result("array", "f32[N]"), result("array", "f32[N//M]")))
    assert missing(compiled)(np.zeros(2, np.float32), np.zeros((5, 0), np.float32))[0] == MISSED


def test_sizes_beyond_64_bits_miss_and_free_what_they_hold(native):
    huge = np.empty((0, 2**40), np.float32)
    compiled = executable(
        Signature(
            "f",
            (array("x", "f32[0, N]"),),
            (result("array", "f32[1000]"), result("array", "f32[N*N]")),
            symbols=("N",),
        ),
        lambda c: None,
        native=native,
    )
    assert missing(compiled)(huge)[0] == MISSED


def test_a_result_that_does_not_fit_memory_raises_memory_error(native):
    signature = Signature(
        "f",
        (array("x", "f32[0, N]"),),
        (result("array", "f32[10]"), result("array", "f32[N, N]")),
        symbols=("N",),
    )
    entry = executable(signature, lambda c: None, native=native).entry
    for _ in range(100):
        with pytest.raises(MemoryError):
            entry(np.empty((0, 2**23), np.float32))
