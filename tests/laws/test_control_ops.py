"""Laws of branches and loops as ops: types, text, derivatives in both modes, examples, machine code."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback
from graphc.batching.batch import batch_graph
from graphc.control.regions import AbstractControl
from graphc.ir.graph import Graph, every_node
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph, registered_ops
from graphc.ir.types import TupleType, type_of
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from tests.helpers import record
from tests.laws.test_forward import assert_is_slope, floats, moved
from tests.laws.test_random_programs import total
from tests.native import run_native

RNG = np.random.default_rng(8)
X, Y, M = RNG.uniform(0.2, 1.2, 4), RNG.uniform(0.2, 1.2, 4), RNG.uniform(-1, 1, (3, 4))
S, K = np.array(0.7), np.array(2)


def walked(x: Any, m: Any, s: Any) -> Any:
    """Captured, carried and walked operands; one carry is an integer."""

    def step(c: Any, row: Any) -> Any:
        a, n = c
        a = np.tanh(a * s + row) + n * 0.1
        return (a, n + 1), (np.sum(a * x), row * a)

    (a, n), (t, r) = graphc.scan(step, (x * 2, 0), m)
    return a, n, t, r


def counted(x: Any, s: Any, k: Any) -> Any:
    def step(i: Any, c: Any) -> Any:
        c[i] = c[i - 1] * s + np.sin(c[0])
        return c

    return graphc.fori_loop(0, k, step, x)


def ended_by_data(x: Any, s: Any, k: Any) -> Any:
    state = (x, s, 0)
    x, s, n = graphc.while_loop(
        lambda c: (c[2] < 9) & (c[1] < 2.1 + k),
        lambda c: (np.sin(c[0]) * s + c[0], c[1] * 1.3, c[2] + 1),
        state,
    )
    return x, s, n


def chosen(k: Any, x: Any, y: Any, s: Any) -> Any:
    arms = [lambda a: (a * s, s), lambda a: (np.sin(a) * y, np.sum(y)), lambda a: (y, s * s)]
    return graphc.switch(k, arms, x)


def nested(x: Any, m: Any, k: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        def inner(i: Any, t: Any) -> Any:
            return graphc.cond(t[0] > row[i], lambda: t * 0.5 + c, lambda: np.cos(t) * row)

        c = graphc.while_loop(lambda t: np.sum(t) > 3.0, lambda t: t * 0.7, graphc.fori_loop(0, k, inner, c))
        return c, np.max(c)

    return graphc.scan(outer, x, m, reverse=True)


@dataclass(frozen=True, eq=False)
class Case:
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def graph(self, *types: Any) -> Graph:
        traced = record(self.function, *(types or self.args))
        assert not traced.captured
        return traced.graph

    @property
    def wrt(self) -> list[int]:
        return [i for i, a in enumerate(self.args) if a.dtype.kind == "f"]

    def tangents(self) -> list[Any]:
        rng = np.random.default_rng(3)
        return [rng.normal(size=self.args[i].shape) for i in self.wrt]


CASES = {
    "scan": Case(walked, (X, M, S)),
    "scan_of_no_steps": Case(walked, (X, M[:0], S)),
    "fori_loop": Case(counted, (X, S, K)),
    "while": Case(ended_by_data, (X, S, K)),
    "while_that_never_runs": Case(ended_by_data, (X, S + 3, np.array(0))),
    **{f"switch_{k}": Case(chosen, (np.array(k), X, Y, S)) for k in (-1, 0, 1, 2, 5)},
    "nested": Case(nested, (X, M, K)),
}


def close(actual: Any, expected: Any, rtol: float = 1e-10) -> None:
    for a, e in zip(actual, expected, strict=True):
        assert (np.asarray(a).dtype, np.shape(a)) == (np.asarray(e).dtype, np.shape(e))
        np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol)


def flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in flat(part)]
    return [np.asarray(value)]


def test_every_op_with_regions_has_a_case() -> None:
    names = {name for name, op in registered_ops().items() if issubclass(op, AbstractControl)}
    assert names == {
        n.op.name for case in CASES.values() for n in every_node(case.graph()) if n.op.name in names
    }


@pytest.mark.parametrize("name", CASES)
def test_a_graph_gives_what_python_gives(name: str) -> None:
    case = CASES[name]
    graph = verify(case.graph())
    close(interpret(graph, *case.args), flat(case.function(*case.args)))
    close(run_native(optimise(graph), *case.args), interpret(graph, *case.args))


@pytest.mark.parametrize("name", CASES)
def test_inferred_types_are_those_of_the_values(name: str) -> None:
    case = CASES[name]
    graph = case.graph()
    values = dict(zip(graph.inputs, case.args, strict=True))
    for node in graph:
        if node not in values:
            values[node] = node.op.evaluate(*(values[a] for a in node.args))
        types = node.type.elements if isinstance(node.type, TupleType) else (node.type,)
        made = values[node] if isinstance(values[node], tuple) else (values[node],)
        assert types == tuple(type_of(np.asarray(v)) for v in made), node.op.name


@pytest.mark.parametrize("name", CASES)
def test_text_reads_back(name: str) -> None:
    case = CASES[name]
    graph = case.graph()
    derived = [gradient(total(graph), case.wrt), pushforward(graph, case.wrt), optimise(graph)]
    derived.append(batch_graph(graph, 3, [True] * len(case.args))[0])
    for g in (graph, *derived):
        text = str(g)
        assert str(parse_graph(text)) == text
    for a, e in zip(
        interpret(parse_graph(str(graph)), *case.args), interpret(graph, *case.args), strict=True
    ):
        assert a.tobytes() == e.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_tangents_are_directional_derivatives(name: str) -> None:
    case = CASES[name]
    graph, tangents = case.graph(), case.tangents()
    forward = verify(pushforward(graph, case.wrt))
    found = interpret(forward, *case.args, *tangents)
    close(found[: len(graph.outputs)], interpret(graph, *case.args), 0)
    assert_is_slope(
        list(found[len(graph.outputs) :]),
        lambda h: floats(interpret(graph, *moved(list(case.args), case.wrt, tangents, h))),
    )
    close(run_native(optimise(forward), *case.args, *tangents), found)


@pytest.mark.parametrize("name", CASES)
def test_forward_is_the_adjoint_of_reverse_for_each_operand(name: str) -> None:
    case = CASES[name]
    graph = case.graph()
    seeded = [i for i, n in enumerate(graph.outputs) if n.array_type.dtype == np.float64]
    rng = np.random.default_rng(5)
    cotangents = [rng.normal(size=graph.outputs[i].array_type.shape) for i in seeded]
    for i, t in zip(case.wrt, case.tangents(), strict=True):
        moving = interpret(pushforward(graph, [i]), *case.args, t)[len(graph.outputs) :]
        pull = verify(pullback(graph, [i], seeded))
        made = interpret(pull, *case.args, *cotangents)
        close(run_native(optimise(pull), *case.args, *cotangents), made)
        forwards = sum(np.sum(g * v) for g, v in zip(cotangents, moving, strict=True))
        size = 1 + sum(np.sum(np.abs(g * v)) for g, v in zip(cotangents, moving, strict=True))
        assert abs(forwards - np.sum(made[-1] * t)) <= 1e-12 * size


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_agree_in_every_order_of_modes(name: str) -> None:
    case = CASES[name]
    head, wrt, tangents = total(case.graph()), case.wrt, case.tangents()
    first = gradient(head, wrt)
    over_reverse = interpret(pushforward(first, wrt), *case.args, *tangents)[-len(wrt) :]
    slope = pushforward(head, wrt)
    over_forward = interpret(gradient(Graph(slope.inputs, slope.outputs[-1:]), wrt), *case.args, *tangents)
    close(over_forward[1:], over_reverse, 1e-9)
    assert_is_slope(
        [sum(np.sum(h * t) for h, t in zip(over_reverse, tangents, strict=True))],
        lambda h: [
            sum(
                np.sum(g * t)
                for g, t in zip(
                    interpret(first, *moved(list(case.args), wrt, tangents, h))[1:], tangents, strict=True
                )
            )
        ],
    )


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_over_examples_it_is_the_function_of_each(name: str, size: int) -> None:
    """Whichever operands have examples: captured ones, carries, sequences, what a condition reads."""
    case = CASES[name]
    graph = case.graph()
    for marks in itertools.product((False, True), repeat=len(case.args)):
        if not any(marks):
            continue
        args = [_examples(a, size) if m else a for a, m in zip(case.args, marks, strict=True)]
        each = [[a[j] if m else a for a, m in zip(args, marks, strict=True)] for j in range(size)]
        expected = [np.stack(c) for c in zip(*(interpret(graph, *e) for e in each), strict=True)]
        over = verify(batch_graph(graph, size, marks, all_outputs=True)[0])
        close(interpret(over, *args), expected)
        close(interpret(optimise(over), *args), expected)
        if all(marks):
            close(run_native(optimise(over), *args), expected)


def _examples(x: Any, size: int) -> Any:
    """`x` and others like it; integers differ, so that loops end at different steps."""
    made = [x + j if x.dtype.kind == "i" else x * (1 - 0.4 * j) for j in range(size)]
    return np.array(made, x.dtype).reshape(size, *x.shape)


@pytest.mark.parametrize("name", CASES)
def test_examples_and_gradients_change_places(name: str) -> None:
    case = CASES[name]
    one, size = gradient(total(case.graph()), case.wrt), 3
    marks = [True] * len(case.args)
    args = [_examples(a, size) for a in case.args]
    over, _ = batch_graph(one, size, marks, all_outputs=True)
    gradients = interpret(optimise(over), *args)[1:]
    summed = gradient(total(batch_graph(case.graph(), size, marks, all_outputs=True)[0]), case.wrt)
    close(interpret(optimise(summed), *args)[1:], gradients)
