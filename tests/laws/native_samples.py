"""Graphs of every op with arguments for them: what machine code is compared with the definitions on."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph, Item, Node
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.types import DTYPE_NAMES, ArrayType, TupleType
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.gather import Gather, ScatterSet
from graphc.ops.leaf import Input, Unset
from graphc.ops.reduce import ArgMax, ArgMin
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Slice, Transpose
from tests.laws.test_structural_ops import CASES, F64, I64

Arrays = tuple[np.ndarray, ...]
RNG = np.random.default_rng(5)
OPS = registered_ops()
ELEMENTWISE = [n for n, op in OPS.items() if issubclass(op, AbstractElementwise)]
REDUCTIONS = [n for n, op in OPS.items() if issubclass(op, AbstractReduction)]
CORNERS = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3, -3, 2.5, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30]
KINDS = ["f32", "f64", "i8", "i32", "i64", "u8", "u32", "bool"]
REDUCED_KINDS = ["f32", "f64", "i32", "bool"]
# Units in the last place between two good implementations, some of which are loose.
ULPS = 64
# The result may be far smaller than its parts.
CANCELS = {"kl_div": 2000}
# SciPy's i0 and i1 of infinity are NaN; their limit is infinity.
WITH_CORNERS = [n for n in ELEMENTWISE if n not in ("i0", "i1")]

# Eigenvectors and singular vectors have a sign of their own: tests/lower compares their products.
MARKERS = ("stop_gradient", "with_gradients", "norm")  # gone before kernels are made
NOT_UNIQUE = ("eigh", "svd", "const", "iota", "size", "unset")
UNIQUE = [name for name, case in CASES.items() if name not in NOT_UNIQUE and case.op.name not in MARKERS]


@dataclass(frozen=True, eq=False)
class Sample:
    """A graph, the arguments of some calls, and the units in the last place that their results may differ."""

    graph: Graph
    calls: tuple[Arrays, ...]
    ulps: float = ULPS


def every_sample() -> Iterator[Sample]:
    """All of the below."""
    for name in ELEMENTWISE:
        yield elementwise(name)
    for name, kind in itertools.product(WITH_CORNERS, ("f32", "f64")):
        yield from at_corners(name, kind)
    for name in REDUCTIONS:
        yield from reductions(name)
    for op in (ArgMax, ArgMin):
        yield from positions_of_extrema(op)
    for name in ("sum", "prod", "all", "any"):
        yield from reductions_of_nothing(name)
    for name, dtype in itertools.product(UNIQUE, (np.float64, np.float32)):
        yield structural(name, dtype)
    for dtype in (np.float32, np.float64, np.int16, np.bool_):
        yield from views(dtype)
    yield from (unset_memory(), *leaves(), *joined(), *casts())
    for kind in ("f32", "f64", "i64", "bool"):
        yield from products(kind)


def graph_of(op: AbstractOp, *inputs: tuple[np.dtype, tuple[Any, ...]]) -> Graph:
    """The graph of one op, all of its results being outputs."""
    builder = Builder()
    nodes = tuple(builder.add(Input(i, ArrayType(t, shape))) for i, (t, shape) in enumerate(inputs))
    return Graph(nodes, results_of(builder, builder.add(op, *nodes)))


def results_of(builder: Builder, node: Node) -> tuple[Node, ...]:
    if isinstance(node.type, TupleType):
        return tuple(builder.add(Item(i), node) for i in range(len(node.type.elements)))
    return (node,)


def agree(graph: Graph, program: Callable[..., Arrays], *arrays: np.ndarray, ulps: float = ULPS) -> None:
    """Machine code and definition return equal arrays, floats up to rounding."""
    for output, actual, expected in zip(
        graph.outputs, program(*arrays), interpret(graph, *arrays), strict=True
    ):
        what = f"{output} = {output.op}({', '.join(str(a.type) for a in output.args)})"
        assert actual.dtype == expected.dtype, what
        assert actual.shape == expected.shape, what
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(actual, expected, what)
            continue
        eps = np.finfo(expected.dtype).eps
        sizes = np.abs(expected[np.isfinite(expected)])
        unit = min(1.0, float(sizes.max(initial=0)))
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(
                actual, expected, rtol=ulps * eps, atol=ulps * eps * unit, err_msg=what
            )


def operand_types(op: type[AbstractElementwise]) -> list[tuple[np.dtype, ...]]:
    """The operand dtypes of the op's loops: all equal, or the mixed ones of where and ldexp."""
    equal = [(DTYPE_NAMES[t],) * op.arity for t in KINDS]
    mixed = [
        types for types in itertools.product(DTYPE_NAMES.values(), repeat=op.arity) if len(set(types)) > 1
    ]
    return [types for types in equal + mixed if accepts(op, types)]


def accepts(op: type[AbstractElementwise], types: Sequence[np.dtype]) -> bool:
    try:
        op().infer(*(ArrayType(t, ()) for t in types))
    except (GraphcError, TypeError):
        return False
    return True


def sample(
    dtype: np.dtype, size: int, bounds: tuple[float, float], random: np.random.Generator = RNG
) -> np.ndarray:
    """Numbers between the bounds."""
    low, high = bounds
    if dtype == np.bool_:
        return random.random(size) < 0.5
    if dtype.kind in "iu":
        least = max(int(np.ceil(low)), 0 if dtype.kind == "u" else -100)
        return random.integers(least, max(int(high), least) + 1, size).astype(dtype)
    return random.uniform(low, high, size).astype(dtype)


def elementwise(name: str) -> Sample:
    """The op on all types of operands, many elements and three, none and one."""
    op = OPS[name]
    assert issubclass(op, AbstractElementwise)
    builder = Builder()
    inputs: list[Node] = []
    outputs: list[Node] = []
    for types, shape in itertools.product(operand_types(op), [(symbol("N"),), (3,)]):
        nodes = [builder.add(Input(len(inputs) + i, ArrayType(t, shape))) for i, t in enumerate(types)]
        inputs += nodes
        outputs.append(builder.add(op(), *nodes))
    bounds = op.domain * (op.arity if len(op.domain) == 1 else 1)
    if name == "power":  # NumPy refuses negative exponents of integers
        bounds = (bounds[0], (0.0, bounds[1][1]))

    random = np.random.default_rng(zlib.crc32(name.encode()))

    def call(size: int) -> Arrays:
        counts = [size if node.array_type.symbols else 3 for node in inputs]
        return tuple(
            sample(node.array_type.dtype, count, bounds[number % op.arity], random)
            for number, (node, count) in enumerate(zip(inputs, counts, strict=True))
        )

    calls = tuple(call(size) for size in (0, 1, 41))
    return Sample(Graph(tuple(inputs), tuple(outputs)), calls, CANCELS.get(name, ULPS))


def at_corners(name: str, kind: str) -> Iterator[Sample]:
    """The op at zeros, infinities, NaN and numbers of all sizes, if it takes floats."""
    op = OPS[name]
    assert issubclass(op, AbstractElementwise)
    float_ = DTYPE_NAMES[kind]
    of_kind = {"where": (np.dtype(np.bool_), float_, float_), "ldexp": (float_, np.dtype(np.int32))}
    types = of_kind.get(name, (float_,) * op.arity)
    if not accepts(op, types):
        return
    values = {"f": CORNERS, "i": [-3, 0, 5], "b": [False, True]}
    points = np.meshgrid(*(np.asarray(values[t.kind], t) for t in types))
    arrays = tuple(p.ravel() for p in points)
    yield Sample(graph_of(op(), *((a.dtype, a.shape) for a in arrays)), (arrays,))


def reductions(name: str) -> Iterator[Sample]:
    every = [axes for count in range(4) for axes in itertools.combinations(range(3), count)]
    return _reduced_everywhere(OPS[name], every)


def positions_of_extrema(op: Any) -> Iterator[Sample]:
    return _reduced_everywhere(op, [0, 1, 2])


def _reduced_everywhere(op: Any, axes: Sequence[Any]) -> Iterator[Sample]:
    """The op over these axes of arrays of sizes symbolic and known, odd, one and zero."""
    unknown = tuple(symbol(n) for n in "NMK")
    for shape in (unknown, (3, 17, 5), (2, 1, 33)):
        graph = _reductions(op, axes, shape)
        if not graph.outputs:
            continue
        calls = []
        for sizes in [(3, 17, 5), (1, 1, 1), (2, 40, 3)] if shape is unknown else [shape]:
            arrays = [sample(n.array_type.dtype, int(np.prod(sizes)), (0.5, 2)) for n in graph.inputs]
            calls.append(tuple(a.reshape(sizes) for a in arrays))  # type: ignore[arg-type]
        yield Sample(graph, tuple(calls))


def _reductions(op: Any, axes: Sequence[Any], shape: tuple[Any, ...]) -> Graph:
    builder = Builder()
    inputs: list[Node] = []
    outputs: list[Node] = []
    for kind in REDUCED_KINDS:
        node = builder.add(Input(len(inputs), ArrayType(DTYPE_NAMES[kind], shape)))
        try:
            outputs += [builder.add(op(over), node) for over in axes]
        except GraphcError:
            continue
        inputs.append(node)
    return Graph(tuple(inputs), tuple(outputs))


def reductions_of_nothing(name: str) -> Iterator[Sample]:
    dtype = np.dtype(np.bool_ if name in ("all", "any") else np.float32)
    for shape in ((0,), (3, 0), (0, 5), (2, 0, 3)):
        for axes in (tuple(range(len(shape))), (len(shape) - 1,), (0,)):
            yield Sample(graph_of(OPS[name](axes), (dtype, shape)), ((np.zeros(shape, dtype),),))


def structural(name: str, dtype: Any) -> Sample:
    """The case of that name in this type of floats."""
    case = CASES[name]
    arrays = [np.asarray(a, dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in case.args]
    return Sample(graph_of(case.op, *((a.dtype, a.shape) for a in arrays)), (tuple(arrays),), ulps=500)


def unset_memory() -> Sample:
    builder = Builder()
    index, value = builder.add(Input(0, ArrayType(I64, (2,)))), builder.add(Input(1, ArrayType(F64, (2, 3))))
    written = builder.add(ScatterSet((0,)), builder.add(Unset(ArrayType(F64, (5, 3)))), value, index)
    graph = Graph((index, value), (builder.add(Gather((0,)), written, index),))
    return Sample(graph, ((np.array([3, 1]), RNG.normal(size=(2, 3))),))


def leaves() -> Iterator[Sample]:
    for name in ("const", "iota", "size"):
        yield Sample(graph_of(CASES[name].op), ((),))


VIEWS: list[tuple[AbstractOp, tuple[int, ...]]] = [
    *((Transpose(order), (3, 18, 5)) for order in itertools.permutations(range(3))),
    *(
        (Slice((a, b), (4, 9), (s, t)), (9, 35))
        for a, s in ((0, 2), (8, -2))
        for b, t in ((1, 1), (20, -1), (2, 3))
    ),
    *((Pad((a, b), (9, 40), (s, t)), (3, 17)) for a, s in ((1, 2), (8, -3)) for b, t in ((0, 1), (36, -2))),
    (BroadcastTo((2, 3, 17)), (3, 1)),
    (BroadcastTo((4, 3, 17)), (1, 1, 17)),
    (BroadcastTo((0, 3)), (1, 3)),
]


def views(dtype: Any) -> Iterator[Sample]:
    for op, shape in VIEWS:
        x = RNG.integers(0, 2 if dtype is np.bool_ else 100, shape).astype(dtype)
        yield Sample(graph_of(op, (x.dtype, shape)), ((x,),))


def joined() -> Iterator[Sample]:
    for axis in range(3):
        shapes = [tuple(n if a == axis else size for a, size in enumerate((3, 5, 18))) for n in (1, 0, 7, 18)]
        arrays = tuple(RNG.random(shape) for shape in shapes)
        yield Sample(graph_of(Concatenate(axis), *((a.dtype, a.shape) for a in arrays)), (arrays,))


def casts() -> Iterator[Sample]:
    for source in DTYPE_NAMES.values():
        x = sample(source, 37, (-100, 100) if source.kind != "u" else (0, 100))
        builder = Builder()
        node = builder.add(Input(0, ArrayType(source, (symbol("N"),))))
        graph = Graph((node,), tuple(builder.add(Cast(t), node) for t in DTYPE_NAMES.values() if t != source))
        yield Sample(graph, ((x,),))


def products(kind: str) -> Iterator[Sample]:
    """Products over any labels, of sizes known and symbolic."""
    dtype = DTYPE_NAMES[kind]
    labels = [
        (((0, 1), (1, 2), (0, 2)), (5, 7), (7, 19)),
        (((1, 0), (2, 1), (2, 0)), (7, 5), (19, 7)),
        (((0, 1, 2), (0, 2, 3), (3, 0, 1)), (2, 3, 8), (2, 8, 17)),
        (((0, 1), (1,), (0,)), (33, 20), (20,)),
        (((0,), (0, 1), (1,)), (33,), (33, 20)),
        (((0, 1), (0, 1), ()), (6, 7), (6, 7)),
        (((0, 1), (0, 1), (0, 1)), (6, 7), (6, 7)),
        (((0, 1), (1, 2), (0, 2)), (5, 0), (0, 4)),
        (((0, 1), (1, 2), (0, 2)), (0, 5), (5, 4)),
    ]
    for (left, right, out), *shapes in labels:
        sizes = dict(zip((*left, *right), (*shapes[0], *shapes[1]), strict=True))
        arrays = tuple(sample(dtype, int(np.prod(s)), (0, 3)).reshape(s) for s in shapes)
        for named in (False, True):
            names = {label: symbol(f"N{label}") if named else n for label, n in sizes.items()}
            types = [(dtype, tuple(names[label] for label in side)) for side in (left, right)]
            yield Sample(graph_of(Contract(left, right, out), *types), (arrays,))
