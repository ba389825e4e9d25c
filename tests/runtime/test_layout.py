"""The layout of objects is verified, and a surprise switches native entries off."""

from dataclasses import replace

import numpy as np
import pytest

from graphc.runtime import executable, layout
from tests.runtime.entry_programs import add_pairs, number, result
from tests.runtime.entry_programs import executable as compiled


def test_native_entries_work_here():
    assert layout.native_problem() is None


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("array_data", "array data"),
        ("array_rank", "array rank"),
        ("array_dims", "array shape"),
        ("array_descr", "array dtype"),
        ("array_flags", "array flags"),
        ("scalar_value", "float"),
        ("tuple_items", "tuple"),
        ("bytes_data", "bytes"),
    ],
)
def test_a_moved_field_is_noticed(monkeypatch, field, what):
    moved = replace(
        layout.LAYOUT, **{field: 32 if field == "array_data" else 16 if field != "scalar_value" else 8}
    )
    monkeypatch.setattr(layout, "LAYOUT", moved)
    assert layout.native_problem.__wrapped__() == f"unexpected layout of {what}"


def test_with_a_problem_calls_go_through_python(monkeypatch):
    monkeypatch.setattr(executable, "native_problem", lambda: "unexpected layout of float")
    from graphc.backends.signature import Signature

    signature = Signature("f", (number("x", "float"), number("y", "float")), (result("python float"),))
    found = compiled(signature, add_pairs())
    assert not found.is_native
    assert found.entry(1.0, 2.0) == 3.0


def test_the_key_names_interpreter_and_numpy():
    key = layout.layout_key()
    assert f"numpy{np.__version__.split('.')[0]}" in key and "cpython" in key
