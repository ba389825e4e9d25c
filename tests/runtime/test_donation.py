"""Inputs are overwritten in place, and only where that is safe."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backends.cpu.llvm import I64
from graphc.backends.signature import Signature
from graphc.errors import DonationError
from graphc.ir.types import parse_type
from tests.runtime.entry_programs import (
    MISSED,
    array,
    buffer,
    executable,
    missing,
    result,
    scale,
)


def in_place(native, others=("x",), captured=()):
    args = (array("p", "f32[16]", donated=True), *(array(name, "f32[16]") for name in others))
    signature = Signature(
        "update",
        args,
        (result("updated argument", argument=0),),
        captured=tuple(parse_type("f32[16]") for _ in captured),
    )
    body = scale(2.0, 16, 0, len(args) + len(captured))
    return executable(signature, body, native=native, captured=captured)


def test_a_donated_array_is_updated_in_place_and_returned(native):
    p, x = np.ones(16, np.float32), np.zeros(16, np.float32)
    assert in_place(native).entry(p, x) is p
    assert p.sum() == 32


def test_a_read_only_donated_array_is_refused(native):
    p = np.ones(16, np.float32)
    p.flags.writeable = False
    with pytest.raises(DonationError) as error:
        in_place(native).entry(p, np.zeros(16, np.float32))
    assert str(error.value) == (
        "argument 'p' is overwritten, but it is read-only. Pass a copy, or do not donate it."
    )


@pytest.mark.parametrize("offset", [0, 1, 15])
def test_a_donated_array_that_overlaps_another_is_refused(native, offset):
    memory = np.ones(40, np.float32)
    compiled = in_place(native, ("w", "x"))
    w = np.zeros(16, np.float32)
    for p, x in ((memory[:16], memory[offset : offset + 16]), (memory[offset : offset + 16], memory[:16])):
        with pytest.raises(
            ValueError, match="argument 'p' is overwritten, but it shares memory with argument 'x'"
        ):
            compiled.entry(p, w, x)
    assert compiled.entry(memory[:16], w, memory[16:32])[0] == 2


def test_a_donated_array_that_the_function_refers_to_is_refused(native):
    constant = np.ones(16, np.float32)
    compiled = in_place(native, captured=(constant,))
    with pytest.raises(DonationError, match="shares memory with an array that the function refers to"):
        compiled.entry(constant, np.zeros(16, np.float32))


def updating(native, weights):
    """weights *= 2 for captured weights; returns the sum's first term only."""
    signature = Signature(
        "update",
        (array("x", "f32[16]"),),
        (result("updated argument", argument=1), result("none")),
        captured=(parse_type("f32[16]"),),
        structure=1,
    )
    return executable(signature, scale(2.0, 16, 1, 2), native=native, captured=(weights,))


def test_a_captured_array_can_be_updated_without_being_returned(native):
    weights, x = np.ones(16, np.float32), np.zeros(16, np.float32)
    entry = updating(native, weights).entry
    assert entry(x) is None and entry(x) is None
    assert weights.sum() == 64


def test_an_updated_captured_array_must_not_be_an_argument_too(native):
    weights = np.ones(32, np.float32)
    entry = updating(native, weights[:16]).entry
    with pytest.raises(DonationError, match="function refers to is overwritten, but it shares memory"):
        entry(weights[8:24])
    assert entry(weights[16:]) is None


def test_an_updated_captured_array_must_be_writeable_and_plain():
    weights = np.ones(32, np.float32)
    with pytest.raises(ValueError, match="must be a C-contiguous"):
        updating(True, weights[::2])
    weights.flags.writeable = False
    with pytest.raises(DonationError, match="is read-only"):
        updating(True, weights[:16])


def many(native, count):
    args = (*(array(f"p{i}", "f32[3, 2]", donated=i % 2 == 0) for i in range(count)), array("b", "i64[2]"))
    results = [result("updated argument", argument=i) for i in range(0, count, 2)]
    results += [result("array", f"f32[{i}, 2]") for i in range(20)]
    signature = Signature("many", args, tuple(results), errors=(("ValueError", "wrong"),), arena=10_000)
    outputs = len(args)

    def body(code):
        for i in range(0, count, 2):
            step = scale(2.0, 6, i, outputs + i // 2)
            step(code)
        return code.load(buffer(code, outputs - 1), I64)

    return executable(signature, body, native=native)


def test_many_arguments_and_results_are_handled_in_loops(native):
    entry = missing(many(native, 30))
    arrays = [np.full((3, 2), i, np.float32) for i in range(30)]
    fine, wrong = np.zeros(2, np.int64), np.ones(2, np.int64)
    answer = entry(*arrays, fine)
    assert all(a is b for a, b in zip(answer, arrays[::2], strict=False))
    assert [a[0, 0] for a in arrays] == [i if i % 2 else 2 * i for i in range(30)]
    assert [a.shape for a in answer[15:]] == [(i, 2) for i in range(20)]
    with pytest.raises(ValueError, match="wrong"):
        entry(*arrays, wrong)
    for position in (0, 7, 29):
        for other in (np.zeros((2, 3), np.float32), np.zeros((3, 2)), None, np.zeros((2, 3), np.float32).T):
            assert entry(*arrays[:position], other, *arrays[position + 1 :], fine)[0] == MISSED
    assert entry(*arrays, fine.astype(np.int32))[0] == MISSED


@pytest.mark.parametrize(("i", "j"), [(0, 1), (0, 29), (28, 29), (7, 8), (3, 28), (14, 16), (0, 28)])
def test_any_overlap_of_many_is_found(native, i, j):
    arrays = [np.full((3, 2), i, np.float32) for i in range(30)]
    arrays[i] = arrays[j]
    with pytest.raises(DonationError):
        many(native, 30).entry(*arrays, np.zeros(2, np.int64))


def test_arguments_that_are_only_read_may_be_the_same(native):
    arrays = [np.full((3, 2), i, np.float32) for i in range(30)]
    arrays[1] = arrays[3] = arrays[29]
    assert many(native, 30).entry(*arrays, np.zeros(2, np.int64))[0] is arrays[0]


def test_empty_donated_arrays_overlap_nothing(native):
    signature = Signature(
        "f",
        (array("p", "f32[N]", donated=True), array("x", "f32[4]")),
        (result("updated argument", argument=0),),
        symbols=("N",),
    )
    entry = executable(signature, scale(2.0, None, 0, 2), native=native).entry
    memory = np.ones(8, np.float32)
    assert entry(memory[2:2], memory[:4]).shape == (0,)
    with pytest.raises(DonationError):
        entry(memory[2:3], memory[:4])
