import collections
import dataclasses

import pytest

from graphc.trace import tree

Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass(frozen=True)
class Layer:
    weight: float
    bias: float
    name: str = dataclasses.field(default="layer", metadata={"static": True})

    def __post_init__(self):
        if not isinstance(self.weight, float):
            raise TypeError("only floats")


NESTED = {"b": [1.0, (2.0, None)], "a": Pair(3.0, {"k": 4.0}), "c": Layer(5.0, 6.0)}


def test_leaves_come_in_a_fixed_order_and_the_tree_is_rebuilt():
    leaves, structure = tree.flatten(NESTED)
    assert leaves == [3.0, 4.0, 1.0, 2.0, 5.0, 6.0]
    assert tree.unflatten(structure, leaves) == NESTED


def test_leaves_are_called_as_python_reaches_them():
    _, structure = tree.flatten(NESTED)
    assert tree.leaf_names(structure, "x") == [
        "x['a'].first",
        "x['a'].second['k']",
        "x['b'][0]",
        "x['b'][1][0]",
        "x['c'].weight",
        "x['c'].bias",
    ]


def test_a_static_field_belongs_to_the_structure():
    _, one = tree.flatten(Layer(1.0, 2.0, "one"))
    _, two = tree.flatten(Layer(1.0, 2.0, "two"))
    assert one != two
    assert tree.unflatten(two, [3.0, 4.0]) == Layer(3.0, 4.0, "two")


def test_rebuilding_a_dataclass_does_not_run_its_checks():
    _, structure = tree.flatten(Layer(1.0, 2.0))
    assert tree.unflatten(structure, ["not a float", 0]).weight == "not a float"


def test_a_registered_class_is_a_node():
    class Box:
        def __init__(self, value):
            self.value = value

    tree.register(Box, lambda box: ([box.value], None, ("value",)), lambda rest, children: Box(*children))
    leaves, structure = tree.flatten([Box(1.0)])
    assert leaves == [1.0]
    assert tree.leaf_names(structure, "x") == ["x[0].value"]
    assert tree.unflatten(structure, [2.0])[0].value == 2.0


def test_mapping_over_trees_of_different_structure_raises():
    assert tree.tree_map(lambda a, b: a + b, {"a": 1.0}, {"a": 2.0}) == {"a": 3.0}
    with pytest.raises(ValueError, match="trees differ in structure"):
        tree.tree_map(lambda a, b: a + b, {"a": 1.0}, [2.0])
