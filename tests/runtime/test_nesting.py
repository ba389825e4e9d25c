"""Entries take nested arguments apart themselves."""

import contextlib
import sys
import weakref

import numpy as np
import pytest

from graphc.backends.cpu.llvm import i64
from graphc.backends.signature import ArgGroup, Signature
from graphc.errors import ArgumentError, DonationError
from graphc.runtime import recycle
from graphc.runtime.entry import results
from tests.runtime.entry_programs import MISSED, array, buffer, executable, missing, result, scale

NESTING = (ArgGroup("dict", (0, ArgGroup("tuple", (1, ArgGroup("list", (2,))))), ("w", "layers")), 3)


def nested(native, **options):
    args = tuple(array(name, "f32[4]") for name in "abcd")
    signature = Signature("f", args, (result("array", "f32[4]"),), nesting=NESTING, **options)
    return executable(signature, scale(2.0, 4, 2, 4), native=native)


def arrays():
    return [np.full(4, i, np.float32) for i in range(4)]


def test_leaves_are_found_in_tuples_lists_and_dicts(native):
    a, b, c, d = arrays()
    entry = nested(native).entry
    assert entry({"w": a, "layers": (b, [c])}, d).tolist() == [4.0] * 4
    assert entry({"layers": (b, [c]), "w": a}, d).tolist() == [4.0] * 4


def test_keys_need_not_be_the_same_objects(native):
    a, b, c, d = arrays()
    key = "".join(["lay", "ers"])
    assert nested(native).entry({"w": a, key: (b, [c])}, d).tolist() == [4.0] * 4


class MyDict(dict):
    pass


class MyList(list):
    pass


def test_every_other_nesting_misses(native):
    a, b, c, d = arrays()
    entry = missing(nested(native))
    others = [
        ({"w": a, "layers": (b, c)}, d),
        ({"w": a, "layers": (b, (c,))}, d),
        ({"w": a, "layers": [b, [c]]}, d),
        ({"w": a, "layers": (b, [c, c])}, d),
        ({"w": a, "layers": (b, [])}, d),
        ({"w": a, "layers": (b, MyList([c]))}, d),
        (MyDict({"w": a, "layers": (b, [c])}), d),
        ({"w": a}, d),
        ({"w": a, "layer": (b, [c])}, d),
        ({"w": a, "layers": (b, [c]), "more": d}, d),
        ({1: a, 2: (b, [c])}, d),
        ((a, (b, [c])), d),
        ({"w": a, "layers": (b, [c])},),
        ({"w": a, "layers": (b, [c])}, d, d),
        ({"w": a, "layers": (b, [c[:2]])}, d),
        (a, b, c, d),
        (None, d),
    ]
    for given in others:
        answer = entry(*given)
        assert answer[0] == MISSED and all(x is y for x, y in zip(answer[1], given, strict=True))


def test_the_default_error_speaks_of_the_nesting(native):
    with pytest.raises(ArgumentError) as error:
        nested(native).entry(1, 2)
    assert str(error.value) == "the arguments of f are not nested as those it was compiled for"
    a, b, c, d = arrays()
    with pytest.raises(ArgumentError, match=r"argument 'c' of f must be .* not ndarray <f4\[2\]"):
        nested(native).entry({"w": a, "layers": (b, [c[:2]])}, d)


def test_donated_leaves_are_checked_by_name(native):
    args = (array("p", "f32[4]", donated=True), array("x", "f32[4]"))
    nesting = (ArgGroup("list", (0, 1)),)
    signature = Signature("f", args, (result("updated argument", argument=0),), nesting=nesting)
    entry = executable(signature, scale(2.0, 4, 0, 2), native=native).entry
    p, x = np.ones(4, np.float32), np.ones(4, np.float32)
    assert entry([p, x]) is p and p.sum() == 8
    with pytest.raises(
        DonationError, match="argument 'p' is overwritten, but it shares memory with argument 'x'"
    ):
        entry([p, p])


def test_a_container_emptied_during_the_call_does_no_harm(monkeypatch):
    """Allocating the result runs Python code, which another thread could use to change the list."""
    freed, layers = [], [np.full(4, 7, np.float32)]
    watch = weakref.ref(layers[0])

    def emptying(shape, dtype):
        layers.clear()
        freed.append(watch() is None)
        return np.empty(shape, dtype)

    monkeypatch.setattr(results, "LARGE", 1)
    monkeypatch.setattr(recycle, "empty", emptying)
    a, b, _, d = arrays()
    answer = nested(True).entry({"w": a, "layers": (b, layers)}, d)
    assert freed == [False] and answer.tolist() == [14.0] * 4
    assert watch() is None


@pytest.mark.parametrize("status", [0, 1])
def test_no_reference_to_a_leaf_leaks(native, status):
    def body(code):
        buffer(code, 0)
        return i64(status)

    args = tuple(array(name, "f32[4]") for name in "abcd")
    signature = Signature(
        "f", args, (result("array", "f32[4]"),), nesting=NESTING, errors=(("ValueError", "wrong"),)
    )
    entry = executable(signature, body, native=native).entry
    leaves = arrays()
    a, b, c, d = leaves
    given = {"w": a, "layers": (b, [c])}
    before = [sys.getrefcount(leaf) for leaf in leaves]
    for _ in range(100):
        with contextlib.suppress(ValueError):
            entry(given, d)
    assert [sys.getrefcount(leaf) for leaf in leaves] == before


def test_a_nesting_must_hold_every_argument_once_and_in_order():
    with pytest.raises(ValueError, match=r"the nesting has the leaves \[1, 0\] of 2 arguments"):
        Signature("f", (array("x", "f32[1]"), array("y", "f32[1]")), (result("none"),), nesting=(1, 0))
