"""f(x, y) = y (x² + x) at (2, 1): the graph, its values, its local gradients, and how they add up."""

import numpy as np
import pytest

import graphc
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ops.derivatives import local_gradients


@graphc.compile
def f(x, y):
    return y * (x**2 + x)


@pytest.fixture(scope="module")
def graph():
    return f.lower(2.0, 1.0).graph


def operations(graph):
    return [node for node in graph if node.args]


def value_of(graph, node, *inputs):
    return float(interpret(Graph(graph.inputs, (node,), graph.names), *inputs)[0])


def locals_of(graph, node):
    """Each local gradient of a node: the derivative of its result with respect to each operand."""
    values = [value_of(graph, n, 2.0, 1.0) for n in (node, *node.args)]
    return dict(zip(node.args, (float(g) for g in local_gradients(node.op.name, *values)), strict=True))


def test_the_graph_is_a_square_a_sum_and_a_product(graph):
    assert [node.op.name for node in operations(graph)] == ["square", "add", "multiply"]


def test_inputs_have_no_operands_and_the_output_is_one_scalar(graph):
    assert all(node.args == () for node in graph.inputs)
    assert [node.array_type.shape for node in graph.outputs] == [()]


def test_the_forward_values_are_4_6_6(graph):
    assert [value_of(graph, node, 2.0, 1.0) for node in operations(graph)] == [4.0, 6.0, 6.0]


def test_the_local_gradients_are_2x_1_1_and_each_other_factor(graph):
    x, y = graph.inputs
    square, add, multiply = operations(graph)
    assert locals_of(graph, square) == {x: 4.0}
    assert locals_of(graph, add) == {x: 1.0, square: 1.0}
    assert locals_of(graph, multiply) == {y: 6.0, add: 1.0}


def test_contributions_along_both_paths_to_x_add_up_to_5(graph):
    x, y = graph.inputs
    square, add, multiply = operations(graph)
    at_multiply, at_add, at_square = (locals_of(graph, n) for n in (multiply, add, square))
    through_square = 1.0 * at_multiply[add] * at_add[square] * at_square[x]
    directly = 1.0 * at_multiply[add] * at_add[x]
    assert (through_square, directly) == (4.0, 1.0)
    assert graphc.grad(f)(2.0, 1.0) == through_square + directly == 5.0
    assert graphc.grad(f, argnums=1)(2.0, 1.0) == at_multiply[y] == 6.0


def test_the_gradient_graph_adds_the_two_contributions():
    graph = graphc.compile(graphc.grad(f)).lower(2.0, 1.0).graph
    (last,) = graph.outputs
    assert last.op.name == "add"
    contributions = [value_of(graph, n, 2.0, 1.0) for n in last.args]
    assert sorted(contributions) == [1.0, 4.0]


def test_an_input_on_no_path_to_the_output_has_gradient_zero():
    gradients = graphc.grad(lambda x, y, z: y * (x**2 + x), argnums=(0, 1, 2))(2.0, 1.0, 3.0)
    assert gradients == (5.0, 6.0, 0.0)


def test_an_unused_array_has_a_gradient_of_exact_zeros_of_its_shape():
    unused = np.full((2, 3), np.nan)
    gradient = graphc.grad(lambda x, unused: np.sum(x**2), argnums=1)(np.ones(2), unused)
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_the_squared_error_of_a_linear_model_in_two_dimensions():
    """L(x, y, w) = (wᵀx - y)²: with d = wᵀx - y the gradients are 2dx, 2dw and -2d."""

    def loss(w, x, y):
        return (w @ x - y) ** 2

    w, x, y = np.array([1.0, 2.0]), np.array([3.0, -1.0]), 4.0  # d = 3 - 2 - 4 = -3
    value, (dw, dx, dy) = graphc.value_and_grad(loss, argnums=(0, 1, 2))(w, x, y)
    assert value == 9.0
    np.testing.assert_array_equal(dw, [-18.0, 6.0])
    np.testing.assert_array_equal(dx, [-6.0, -12.0])
    assert dy == 6.0
