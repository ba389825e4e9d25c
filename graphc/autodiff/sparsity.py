"""Which elements of a result depend on which elements of an input: the pattern of a Jacobian, from the graph.

A pattern is a SciPy sparse matrix with a row for each element of a node and a column for each element of the
input. Every op has a rule, or the conservative one: each element of the result depends on all that any
element of an operand depends on. So a pattern may have too many entries, never too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph, Item, Node
from graphc.ir.types import TupleType
from graphc.ops import view
from graphc.ops.barrier import Barrier
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.cumulative import CumProd, CumSum, LinearRecurrence
from graphc.ops.gather import Gather, ScatterAdd, ScatterSet
from graphc.ops.leaf import Const
from graphc.ops.sort import Sort

Pattern: TypeAlias = Any  # scipy.sparse.csr_array of bool
# Operands' patterns (None where an operand does not depend on the input), and the numbers that are known.
Rule = Callable[[Node, Sequence[Pattern | None], Mapping[Node, np.ndarray]], Pattern]


def jacobian_pattern(graph: Graph, wrt: int, output: int, known: Mapping[int, np.ndarray]) -> Pattern:
    """The pattern of ∂outputs[output]/∂inputs[wrt]: bool[m, n] in CSR form, without duplicates, sorted.

    `known` are values of inputs, such as index arrays that the program always runs with: positions that
    follow from them are exact. Raises ImportError without SciPy, UnsupportedError for symbolic sizes.
    """
    sparse = scipy_sparse()
    source = graph.inputs[wrt]
    numbers = {graph.inputs[i]: value for i, value in known.items()}
    patterns: dict[Node, Pattern] = {source: sparse.eye_array(_size(source), dtype=bool, format="csr")}
    for node in graph:
        _evaluate(node, numbers)
        if node is source or not any(arg in patterns for arg in node.args):
            continue
        if not isinstance(node.type, TupleType) and node.array_type.dtype.kind != "f":
            continue
        patterns[node] = _pattern(node, [patterns.get(arg) for arg in node.args], numbers)
    target = graph.outputs[output]
    found = patterns.get(target, sparse.csr_array((_size(target), _size(source)), dtype=bool)).tocsr()
    found.sum_duplicates()
    found.sort_indices()
    return found


def scipy_sparse() -> Any:
    """The module scipy.sparse, or an ImportError that says how to get it."""
    try:
        import scipy.sparse as sparse
    except ImportError:
        raise ImportError("sparse derivatives need SciPy\n  Install it: pip install scipy") from None
    return sparse


def _size(node: Node) -> int:
    n = node.array_type.size
    if not isinstance(n, int):
        raise UnsupportedError(
            f"the sparsity pattern of a program with the symbolic size {n}\n  Use fixed sizes."
        )
    return n


def _evaluate(node: Node, numbers: dict[Node, np.ndarray]) -> None:
    """Notes the value of a node that follows from known integers and booleans."""
    if isinstance(node.type, TupleType) or isinstance(node.op, Item) or node in numbers:
        return
    small = node.array_type.dtype.kind != "f"
    if isinstance(node.op, Const) or (small and node.args and all(a in numbers for a in node.args)):
        numbers[node] = np.asarray(node.op.evaluate(*(numbers[a] for a in node.args)))


def _pattern(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    for cls in type(node.op).__mro__:
        rule = RULES.get(cls)
        if rule is not None:
            return rule(node, args, numbers)
    return _everything(node, args, numbers)


# ---- rules


def _everything(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """All elements depend on all that an operand depends on. Several results: the pattern of one element."""
    total = sum(p.sum(axis=0) for p in args if p is not None)
    columns = np.flatnonzero(total)
    rows = 1 if isinstance(node.type, TupleType) else _size(node)
    return _matrix(np.repeat(np.arange(rows), len(columns)), np.tile(columns, rows), rows, _width(args))


def _item(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    return _present(args)[0][np.zeros(_size(node), np.int64)]


def _union(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    first, *rest = _present(args)
    for other in rest:
        first = first + other
    return first


def _moved(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """A view: the op itself moves numbers in place of the elements, and they say where each came from."""
    (p,) = args
    (x,) = node.args
    places = node.op.evaluate(np.arange(1, _size(x) + 1).reshape(x.array_type.shape))  # 0 is what is new
    return _rows(p, np.asarray(places).ravel() - 1)


def _joined(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    sizes = [_size(x) for x in node.args]
    starts = np.cumsum([0, *sizes])
    parts = [
        np.arange(start, start + n).reshape(x.array_type.shape)
        for x, n, start in zip(node.args, sizes, starts, strict=False)
    ]
    width = _width(args)
    empty = scipy_sparse().csr_array
    stacked = scipy_sparse().vstack(
        [empty((n, width), dtype=bool) if p is None else p for p, n in zip(args, sizes, strict=True)],
        format="csr",
    )
    return stacked[np.asarray(node.op.evaluate(*parts)).ravel()]


def _folded(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """A reduction: an element depends on what is folded into it."""
    (p,) = args
    shape = node.args[0].array_type.shape
    assert isinstance(node.op, AbstractReduction)
    return _rows_of_groups(p, shape, [a for a in range(len(shape)) if a not in node.op.axes])


def _along_axis(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """Running sums, sorting: an element depends on all of its line (conservative)."""
    shape: Any = node.array_type.shape
    axis: int = node.op.axis  # type: ignore[attr-defined]
    kept = [a for a in range(len(shape)) if a != axis]
    lines = np.arange(int(np.prod([shape[a] for a in kept], dtype=int))).reshape([shape[a] for a in kept])
    places = np.broadcast_to(np.expand_dims(lines, axis), shape).ravel()
    return _rows_of_groups(_union(node, args, numbers), shape, kept)[places]


def _product(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """y[out] depends on the elements of an operand with its labels, for all values of the summed ones."""
    op = node.op
    assert isinstance(op, Contract)
    sizes = dict(zip(op.out, node.array_type.shape, strict=True))
    found: list[Pattern | None] = []
    for p, labels, x in zip(args, (op.left, op.right), node.args, strict=True):
        if p is None:
            continue
        free = [i for i, label in enumerate(labels) if label in op.out]
        groups = _rows_of_groups(p, x.array_type.shape, free)
        shape: Any = [sizes[labels[i]] for i in free]
        numbered = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
        order = [label for label in op.out if label in labels]
        aligned = np.transpose(numbered, [[labels[i] for i in free].index(label) for label in order])
        lead: Any = [sizes[label] if label in labels else 1 for label in op.out]
        whole: Any = node.array_type.shape
        found.append(groups[np.broadcast_to(aligned.reshape(lead), whole).ravel()])
    return _union(node, found, numbers)


def _gathered(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    x, *indices = node.args
    assert isinstance(node.op, Gather)
    if not all(i in numbers for i in indices):
        return _everything(node, args[:1], numbers)
    places = np.arange(_size(x)).reshape(x.array_type.shape)
    return _rows(args[0], node.op.evaluate(places, *(numbers[i] for i in indices)).ravel())


def _scattered(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """The operand's own entries, and those of the updates where they are written."""
    x, _, *indices = node.args
    old, updates = args[:2]
    if not all(i in numbers for i in indices):
        return _everything(node, args[:2], numbers)
    found = [] if old is None else [old]
    if updates is not None:
        places = np.arange(_size(x)).reshape(x.array_type.shape)
        axes: tuple[int, ...] = node.op.axes  # type: ignore[attr-defined]
        targets = Gather(axes).evaluate(places, *(numbers[i] for i in indices)).ravel()
        found.append(_matrix(targets, np.arange(len(targets)), _size(x), len(targets)) @ updates)
    return _union(node, found, numbers)


def _same(node: Node, args: Sequence[Pattern | None], numbers: Mapping[Node, np.ndarray]) -> Pattern:
    """The pattern of the first operand."""
    return args[0] if args[0] is not None else _matrix([], [], _size(node), _width(args))


RULES: dict[type[Any], Rule] = {
    AbstractElementwise: _union,
    AbstractReduction: _folded,
    view.BroadcastTo: _moved,
    view.Reshape: _moved,
    view.Transpose: _moved,
    view.Slice: _moved,
    view.Pad: _moved,
    view.Concatenate: _joined,
    Cast: _same,
    Barrier: _same,
    Contract: _product,
    Gather: _gathered,
    ScatterAdd: _scattered,
    ScatterSet: _scattered,
    CumSum: _along_axis,
    CumProd: _along_axis,
    LinearRecurrence: _along_axis,
    Sort: _along_axis,
    Item: _item,
}


# ---- matrices


def _present(args: Sequence[Pattern | None]) -> list[Pattern]:
    return [p for p in args if p is not None]


def _width(args: Sequence[Pattern | None]) -> int:
    return int(_present(args)[0].shape[1])


def _matrix(rows: Any, columns: Any, height: int, width: int) -> Pattern:
    ones = np.ones(len(rows), bool)
    return scipy_sparse().csr_array((ones, (rows, columns)), shape=(height, width))


def _rows(p: Pattern, places: Any) -> Pattern:
    """The rows of `p` at `places`; an empty one where the place is -1."""
    wanted = np.flatnonzero(places >= 0)
    return _matrix(wanted, places[wanted], len(places), p.shape[0]) @ p


def _rows_of_groups(p: Pattern, shape: Any, kept: Sequence[int]) -> Pattern:
    """For each position along the axes `kept`, the union of the rows of all elements there."""
    sizes = [shape[a] for a in kept]
    count = int(np.prod(sizes, dtype=int))
    lead = [shape[a] if a in kept else 1 for a in range(len(shape))]
    groups = np.broadcast_to(np.arange(count).reshape(lead), shape).ravel()
    return _matrix(groups, np.arange(len(groups)), count, len(groups)) @ p
