"""Machine code of every op gives what its NumPy definition gives, for sizes known and symbolic."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError
from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph, Item, Node
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.types import DTYPE_NAMES, ArrayType, TupleType
from graphc.lower.opaque import OPAQUE
from graphc.lower.prepare import prepare
from graphc.lower.storage import is_pointwise
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.gather import Gather, ScatterSet
from graphc.ops.leaf import Input, Unset
from graphc.ops.reduce import ArgMax, ArgMin
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Slice, Transpose
from tests.laws.test_structural_ops import CASES, F64, I64
from tests.native import Native, run_native

RNG = np.random.default_rng(5)
OPS = registered_ops()
ELEMENTWISE = [n for n, op in OPS.items() if issubclass(op, AbstractElementwise)]
REDUCTIONS = [n for n, op in OPS.items() if issubclass(op, AbstractReduction)]
CORNERS = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3, -3, 2.5, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30]
KINDS = ["f32", "f64", "i8", "i32", "i64", "u8", "u32", "bool"]
# Units in the last place between two good implementations, some of which are loose.
ULPS = 64


def graph_of(op: AbstractOp, *inputs: tuple[np.dtype, tuple[Any, ...]]) -> Graph:
    """The graph of one op, all of its results being outputs."""
    builder = Builder()
    nodes = tuple(builder.add(Input(i, ArrayType(t, shape))) for i, (t, shape) in enumerate(inputs))
    return Graph(nodes, results_of(builder, builder.add(op, *nodes)))


def results_of(builder: Builder, node: Node) -> tuple[Node, ...]:
    if isinstance(node.type, TupleType):
        return tuple(builder.add(Item(i), node) for i in range(len(node.type.elements)))
    return (node,)


def agree(graph: Graph, program: Native, *arrays: np.ndarray, ulps: float = ULPS) -> None:
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


def sample(dtype: np.dtype, size: int, bounds: tuple[float, float]) -> np.ndarray:
    """Numbers between the bounds."""
    low, high = bounds
    if dtype == np.bool_:
        return RNG.random(size) < 0.5
    if dtype.kind in "iu":
        least = max(int(np.ceil(low)), 0 if dtype.kind == "u" else -100)
        return RNG.integers(least, max(int(high), least) + 1, size).astype(dtype)
    return RNG.uniform(low, high, size).astype(dtype)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_machine_code_is_the_definition(name: str) -> None:
    op = OPS[name]
    assert issubclass(op, AbstractElementwise)
    builder = Builder()
    inputs: list[Node] = []
    outputs: list[Node] = []
    for types, shape in itertools.product(operand_types(op), [(symbol("N"),), (3,)]):
        nodes = [builder.add(Input(len(inputs) + i, ArrayType(t, shape))) for i, t in enumerate(types)]
        inputs += nodes
        outputs.append(builder.add(op(), *nodes))
    graph = Graph(tuple(inputs), tuple(outputs))
    program = Native(graph)
    bounds = op.domain * (op.arity if len(op.domain) == 1 else 1)
    if name == "power":  # NumPy refuses negative exponents of integers
        bounds = (bounds[0], (0.0, bounds[1][1]))
    for size in (0, 1, 41):
        arrays = []
        for number, node in enumerate(inputs):
            n = size if node.array_type.symbols else 3
            arrays.append(sample(node.array_type.dtype, n, bounds[number % op.arity]))
        agree(graph, program, *arrays)


# SciPy's i0 and i1 of infinity are NaN; their limit is infinity.
@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if n not in ("i0", "i1")])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_elementwise_machine_code_is_the_definition_at_corner_values(name: str, kind: str) -> None:
    op = OPS[name]
    assert issubclass(op, AbstractElementwise)
    float_ = DTYPE_NAMES[kind]
    of_kind = {"where": (np.dtype(np.bool_), float_, float_), "ldexp": (float_, np.dtype(np.int32))}
    types = of_kind.get(name, (float_,) * op.arity)
    if not accepts(op, types):
        return
    values = {"f": CORNERS, "i": [-3, 0, 5], "b": [False, True]}
    points = np.meshgrid(*(np.asarray(values[t.kind], t) for t in types))
    arrays = [p.ravel() for p in points]
    graph = graph_of(op(), *((a.dtype, a.shape) for a in arrays))
    agree(graph, Native(graph), *arrays)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_over_all_axes_are_the_definition(name: str) -> None:
    every = [axes for count in range(4) for axes in itertools.combinations(range(3), count)]
    reduce_everywhere(OPS[name], every, ["f32", "f64", "i32", "bool"])


@pytest.mark.parametrize("op", [ArgMax, ArgMin])
def test_positions_of_extrema_along_every_axis_are_the_definition(op: Any) -> None:
    reduce_everywhere(op, [0, 1, 2], ["f32", "f64", "i32", "bool"])


def reduce_everywhere(op: Any, axes: Sequence[Any], kinds: Sequence[str]) -> None:
    """The op over these axes of arrays of sizes symbolic and known, odd, one and zero."""
    unknown = tuple(symbol(n) for n in "NMK")
    for shape in (unknown, (3, 17, 5), (2, 1, 33)):
        graph = reductions(op, axes, kinds, shape)
        if not graph.outputs:
            continue
        program = Native(graph)
        for sizes in [(3, 17, 5), (1, 1, 1), (2, 40, 3)] if shape is unknown else [shape]:
            arrays = [sample(n.array_type.dtype, int(np.prod(sizes)), (0.5, 2)) for n in graph.inputs]
            agree(graph, program, *(a.reshape(sizes) for a in arrays))  # type: ignore[arg-type]


def reductions(op: Any, axes: Sequence[Any], kinds: Sequence[str], shape: tuple[Any, ...]) -> Graph:
    builder = Builder()
    inputs: list[Node] = []
    outputs: list[Node] = []
    for kind in kinds:
        node = builder.add(Input(len(inputs), ArrayType(DTYPE_NAMES[kind], shape)))
        try:
            outputs += [builder.add(op(over), node) for over in axes]
        except GraphcError:
            continue
        inputs.append(node)
    return Graph(tuple(inputs), tuple(outputs))


@pytest.mark.parametrize("name", ["sum", "prod", "all", "any"])
def test_reductions_of_nothing_are_the_identity(name: str) -> None:
    dtype = np.dtype(np.bool_ if name in ("all", "any") else np.float32)
    for shape in ((0,), (3, 0), (0, 5), (2, 0, 3)):
        for axes in (tuple(range(len(shape))), (len(shape) - 1,), (0,)):
            graph = graph_of(OPS[name](axes), (dtype, shape))
            agree(graph, Native(graph), np.zeros(shape, dtype))


# Eigenvectors and singular vectors have a sign of their own: tests/lower compares their products.
MARKERS = ("stop_gradient", "with_gradients", "norm")  # gone before kernels are made
INLINED = ("checkpoint", "custom_call", "closed", "fixed_point", "root")  # as these are; see tests/api
IN_LOOPS = ("unset", "scan", "switch", "while")  # compared with Python's loops in tests/control
NOT_UNIQUE = ("eigh", "svd", "const", "iota", "size", "unset")
UNIQUE = [name for name, case in CASES.items() if name not in NOT_UNIQUE and case.op.name not in MARKERS]


@pytest.mark.parametrize("name", UNIQUE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_structural_machine_code_is_the_definition(name: str, dtype: Any) -> None:
    case = CASES[name]
    arrays = [np.asarray(a, dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in case.args]
    graph = graph_of(case.op, *((a.dtype, a.shape) for a in arrays))
    agree(graph, Native(graph), *arrays, ulps=500)


def test_memory_that_is_not_set_is_memory_for_what_is() -> None:
    """Its elements mean nothing: a kernel writes where it is told to, and reads what was written."""
    builder = Builder()
    index, value = builder.add(Input(0, ArrayType(I64, (2,)))), builder.add(Input(1, ArrayType(F64, (2, 3))))
    written = builder.add(ScatterSet((0,)), builder.add(Unset(ArrayType(F64, (5, 3)))), value, index)
    graph = Graph((index, value), (builder.add(Gather((0,)), written, index),))
    agree(graph, Native(graph), np.array([3, 1]), RNG.normal(size=(2, 3)))


def test_leaves_are_their_values() -> None:
    for name in ("const", "iota", "size"):
        graph = graph_of(CASES[name].op)
        agree(graph, Native(graph))


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_])
def test_views_move_every_dtype(dtype: Any) -> None:
    for op, shape in VIEWS:
        x = RNG.integers(0, 2 if dtype is np.bool_ else 100, shape).astype(dtype)
        graph = graph_of(op, (x.dtype, shape))
        agree(graph, Native(graph), x)


def test_parts_are_joined_along_every_axis_in_every_size() -> None:
    for axis in range(3):
        shapes = [tuple(n if a == axis else size for a, size in enumerate((3, 5, 18))) for n in (1, 0, 7, 18)]
        arrays = [RNG.random(shape) for shape in shapes]
        graph = graph_of(Concatenate(axis), *((a.dtype, a.shape) for a in arrays))
        agree(graph, Native(graph), *arrays)


def test_casts_between_all_dtypes_are_numpys() -> None:
    for source in DTYPE_NAMES.values():
        x = sample(source, 37, (-100, 100) if source.kind != "u" else (0, 100))
        builder = Builder()
        node = builder.add(Input(0, ArrayType(source, (symbol("N"),))))
        graph = Graph((node,), tuple(builder.add(Cast(t), node) for t in DTYPE_NAMES.values() if t != source))
        agree(graph, Native(graph), x)


@pytest.mark.parametrize("kind", ["f32", "f64", "i64", "bool"])
def test_products_over_any_labels_are_the_definition(kind: str) -> None:
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
        arrays = [sample(dtype, int(np.prod(s)), (0, 3)).reshape(s) for s in shapes]
        for named in (False, True):
            names = {label: symbol(f"N{label}") if named else n for label, n in sizes.items()}
            types = [(dtype, tuple(names[label] for label in side)) for side in (left, right)]
            graph = graph_of(Contract(left, right, out), *types)
            agree(graph, Native(graph), *arrays)


def test_every_registered_op_has_a_kernel() -> None:
    """Leaves and views have no code of their own; all others are computed in some kind of kernel."""
    for name, op in OPS.items():
        if issubclass(op, AbstractElementwise | AbstractReduction | Contract | Input | Item | Concatenate):
            continue
        if name in (*MARKERS, *INLINED, *IN_LOOPS):
            continue
        case = next((c for c in CASES.values() if c.op.name == name), None)
        assert case is not None, f"{name} has no case"
        graph = prepare(graph_of(case.op, *((np.asarray(a).dtype, np.shape(a)) for a in case.args)))
        for node in graph:
            known = (
                type(node.op) in OPAQUE
                or is_pointwise(node)
                or isinstance(node.op, AbstractReduction | Input | Item)
            )
            assert known or name == "const", name


def test_stopping_a_gradient_changes_no_value() -> None:
    x = RNG.random((3, 4))
    graph = graph_of(OPS["stop_gradient"](), (x.dtype, x.shape))
    np.testing.assert_array_equal(run_native(graph, x)[0], x)
