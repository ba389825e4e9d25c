"""A signature that contradicts itself cannot be made."""

import pytest

from graphc.backends.signature import ArgSpec, Group, ResultSpec, Signature
from graphc.ir.types import parse_type
from tests.runtime.entry_programs import array, number, result


def test_only_arrays_can_be_donated():
    with pytest.raises(ValueError, match="only an array can be donated, not a python float"):
        ArgSpec("x", "python float", parse_type("f64"), donated=True)


@pytest.mark.parametrize(
    ("kind", "type_"),
    [("python float", "f32"), ("python int", "i32"), ("python bool", "u8"), ("numpy scalar", "f64[1]")],
)
def test_numbers_have_the_type_of_their_cell(kind, type_):
    with pytest.raises(ValueError, match=f"a {kind} cannot have the type"):
        ArgSpec("x", kind, parse_type(type_))
    with pytest.raises(ValueError, match=f"a {kind} cannot have the type"):
        ResultSpec(kind, parse_type(type_))


def test_every_result_occurs_in_the_structure_unless_it_is_an_update():
    with pytest.raises(ValueError, match="result 1 does not occur in the structure"):
        Signature("f", (), (result("none"), result("none")), structure=0)
    with pytest.raises(ValueError, match=r"the structure uses results \[0, 1\] of 1"):
        Signature("f", (), (result("none"),), structure=Group("list", (0, 1)))
    donated = array("p", "f32[2]", donated=True)
    Signature("f", (donated,), (result("updated argument", argument=0), result("none")), structure=1)


def test_a_returned_input_must_exist():
    with pytest.raises(ValueError, match="result 0 names input 1 of 1"):
        Signature("f", (number("x", "float"),), (result("argument", argument=1),))
    with pytest.raises(ValueError, match="needs the argument's position"):
        ResultSpec("argument")


def test_every_symbol_stands_alone_in_some_argument():
    with pytest.raises(ValueError, match="no argument has a dimension that is just N"):
        Signature("f", (array("x", "f32[2*N]"),), (result("none"),), symbols=("N",))


def test_only_the_memory_of_donated_arguments_can_be_updated():
    with pytest.raises(ValueError, match="result 0 updates argument 'x', which is not donated"):
        Signature("f", (array("x", "f32[2]"),), (result("updated argument", argument=0),))


def test_symbols_of_results_and_arena_must_be_known():
    with pytest.raises(ValueError, match="unknown symbols M"):
        Signature("f", (array("x", "f32[N]"),), (result("array", "f32[N, M]"),), symbols=("N",))
