"""Random programs over all kinds of ops, with inputs for which every value in them is finite and tame.

`random_program(choose)` asks `choose(n)` for integers below n, so that it runs on Hypothesis (which then
shrinks the program) as well as on a plain random generator (thousands of cases, for backends):

    program = random_program(seeded(17), size=40, dtype=np.float32)
    compare(backend(program.graph)(*program.inputs), interpret(program.graph, *program.inputs))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from graphc.errors import GraphcError
from graphc.ir.graph import Graph, Node
from graphc.ir.types import ArrayType
from graphc.ops.leaf import Input
from tests.laws.random_maker import Choose, Maker
from tests.laws.random_ops import ACTIONS

LARGEST_VALUE = 50.0
LARGEST_SIZE = 300


@dataclass(frozen=True)
class Program:
    """A graph and arrays to call it with."""

    graph: Graph
    inputs: tuple[np.ndarray, ...]

    def __repr__(self) -> str:
        arrays = "\n".join(repr(array) for array in self.inputs)
        return f"{self.graph}\ncalled with\n{arrays}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What Hypothesis shows of a failing program."""
        printer.text(repr(self))


def random_program(
    choose: Choose, size: int = 20, dtype: Any = np.float64, only_floats: bool = False
) -> Program:
    """A program of about `size` ops. `only_floats`: no integer or boolean inputs."""
    make = Maker(choose, np.dtype(dtype))
    random = np.random.default_rng(choose(1 << 16))
    shapes = [(), (3,), (4,), (2, 3), (3, 4), (4, 1), (2, 3, 4), (1, 3)]
    inputs = [_input(make, i, make.dtype, make.pick(shapes), random) for i in range(1 + choose(3))]
    if not only_floats and choose(2):
        inputs.append(_input(make, len(inputs), make.pick(OTHER_DTYPES), make.pick(shapes), random))
    for _ in range(size):
        _random_op(make)
    outputs = _outputs(make)
    return Program(Graph(tuple(inputs), outputs), tuple(make.values[n] for n in inputs))


OTHER_DTYPES = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.bool_))


def seeded(seed: int) -> Choose:
    """A `choose` for plain loops."""
    random = np.random.default_rng(seed)
    return lambda n: int(random.integers(n))


@st.composite
def programs(draw: Any, largest: int = 40, dtypes: Sequence[Any] = (np.float32, np.float64), **options: Any):
    """Hypothesis strategy of random programs."""
    dtype = draw(st.sampled_from(list(dtypes)))
    return random_program(
        lambda n: draw(st.integers(0, n - 1)), draw(st.integers(5, largest)), dtype, **options
    )


def _input(
    make: Maker, index: int, dtype: np.dtype, shape: tuple[int, ...], random: np.random.Generator
) -> Node:
    value = random.uniform(-2, 2, shape) if dtype.kind == "f" else random.integers(0, 2, shape)
    node = make.builder.add(Input(index, ArrayType(dtype, shape)))
    make.values[node] = np.asarray(value, dtype)
    make.exact.add(node)
    return node


def _outputs(make: Maker) -> tuple[Node, ...]:
    """What nothing else uses: the last float first, and up to seven more."""
    used = {arg for node in make.values for arg in node.args}
    loose = [n for n in make.values if n not in used and n.op.name not in ("input", "const")]
    floats = [n for n in loose if n.array_type.dtype.kind == "f"]
    return tuple(dict.fromkeys([*floats[-1:], *loose[-7:]])) or tuple(make.values)[-1:]


def _random_op(make: Maker) -> None:
    action = make.pick(ACTIONS)
    try:
        node = action(make)
    except GraphcError:
        return  # the drawn operands do not fit this op
    value = None if node is None else make.values[node]
    if value is None:
        return
    if value.size > LARGEST_SIZE or (value.dtype.kind == "f" and not np.isfinite(value).all()):
        del make.values[node]  # type: ignore[arg-type]
    elif value.dtype.kind != "b" and value.size and np.abs(value.astype(np.float64)).max() > LARGEST_VALUE:
        tamed = make.tame(node, -LARGEST_VALUE, LARGEST_VALUE)  # type: ignore[arg-type]
        if tamed is not node:
            make.values[tamed] = make.values.pop(tamed)
