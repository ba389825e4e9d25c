"""Whole derivatives: Jacobians and Hessians as trees of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from graphc.api.compile import Compiled, unbind
from graphc.api.differentiable import (
    Argnums,
    RecordedAt,
    check_argnums,
    check_pair,
    check_real,
    like,
    positions_of,
    record_at,
    remembered,
    settings_of,
    with_weak,
)
from graphc.api.sparse import SparseDerivative, sparse_derivative
from graphc.batching.jacobian import Mode, faster_mode, jacobian_graph
from graphc.errors import DifferentiationError, located
from graphc.ir.graph import Graph
from graphc.runtime.registry import default_backend
from graphc.trace import tree

Choice = Literal["forward", "reverse", "faster", "symmetric"]


def jacfwd(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The Jacobian of f, as `jacobian`, by forward mode: one tangent per number in the arguments."""
    return _jacobian_function(f, argnums, has_aux, "forward", default_backend())


def jacrev(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The Jacobian of f, as `jacobian`, by reverse mode: one cotangent per number in the result."""
    return _jacobian_function(f, argnums, has_aux, "reverse", default_backend())


@overload
def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: Literal[False] = False
) -> Compiled: ...


@overload
def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: Literal[True]
) -> SparseDerivative: ...


def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: bool = False
) -> Compiled | SparseDerivative:
    """The function (…) -> ∂f/∂argument: for each array of the result a tree like the argument.

    The block of a result y and an array x has shape y.shape + x.shape and the dtype of x. For a tuple of
    `argnums` each array of the result becomes a tuple of such trees. With `has_aux`, f returns (y, aux) and
    the result is (Jacobian, aux). All derivatives are taken at once, by forward or reverse mode: the one with
    fewer directions. Up to 8 directions of a program on small arrays are followed one by one, more of them as
    one batch. Raises DifferentiationError for integers among the arguments or in y.

    With `sparse`, f maps one array x to one array y, and the result is a scipy.sparse.csr_array of shape
    (y.size, x.size). Its pattern is worked out from the program before the first call: it may hold entries
    that happen to be zero, never too few. Columns (or rows) that share no row (column) are computed together,
    as one derivative (Curtis, Powell & Reid 1974). Index arrays that f closes over count as known; those
    among its arguments do not: what they pick could be any element. Not inside traced functions.
    """
    if sparse:
        return sparse_derivative(f, argnums, has_aux, "jacobian")
    return _jacobian_function(f, argnums, has_aux, "faster", default_backend())


@overload
def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: Literal[False] = False
) -> Compiled: ...


@overload
def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: Literal[True]
) -> SparseDerivative: ...


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, sparse: bool = False
) -> Compiled | SparseDerivative:
    """The function (…) -> ∂²f/∂argument²: the Jacobian of the Jacobian of f, forward over reverse mode.

    For a real scalar f of one array x it is an array of shape x.shape + x.shape; in general each array of
    the result becomes a tree like the argument whose leaves are such trees again.

    With `sparse`, f is a real scalar of one array, and the result a scipy.sparse.csr_array, as for
    `jacobian`. Symmetry is used: columns are grouped by a star colouring (Gebremedhin et al. 2005).
    """
    if sparse:
        return sparse_derivative(f, argnums, has_aux, "hessian")
    inner = _jacobian_function(f, argnums, has_aux, "reverse", default_backend())
    return _jacobian_function(inner, argnums, has_aux, "symmetric", default_backend())


@remembered
def _jacobian_function(
    f: Callable[..., Any], argnums: Argnums, has_aux: bool, choice: Choice, backend: str
) -> Compiled:
    """The compiled function behind all of these."""
    check_argnums(argnums)
    function, bound = unbind(f)

    def derived(*args: Any, **kwargs: Any) -> Any:
        positions = positions_of(argnums, len(bound), len(args))
        check_real("a Jacobian", [args[p] for p in positions])
        at = record_at(function, args, kwargs, positions)
        if has_aux:
            check_pair(at.recorded)
        count = _leading_values(at, has_aux)
        graph = Graph(at.forward.inputs, at.forward.outputs[:count])
        _check_real(graph)
        wrt = range(len(at.inputs))
        symmetric = choice == "symmetric" and _are_gradients(graph, wrt)
        mode = _mode(choice, graph, wrt)
        values = at.call(jacobian_graph(at.forward, wrt, mode, count, symmetric=symmetric))
        blocks = values[len(at.forward.outputs) :]
        whole = _assemble(at, blocks, isinstance(argnums, int), has_aux)
        return (whole, at.result(values[: len(at.forward.outputs)])[1]) if has_aux else whole

    return Compiled(f, like(function, derived), bound, settings_of(f, backend))


def _mode(choice: Choice, graph: Graph, wrt: Sequence[int]) -> Mode:
    if choice == "faster":
        return faster_mode(graph, wrt)
    return "reverse" if choice == "reverse" else "forward"


def _are_gradients(graph: Graph, wrt: Sequence[int]) -> bool:
    """Whether the results are the gradients of a number by these inputs (what a Hessian starts from)."""
    results = [n.array_type.shape for n in graph.outputs]
    return results == [graph.inputs[i].array_type.shape for i in wrt]


def _leading_values(at: RecordedAt, has_aux: bool) -> int:
    """How many values the result has, without those of aux."""
    if not has_aux:
        return len(at.recorded.traced.results)
    leaves = at.recorded.structure.child(0).num_leaves
    return leaves - sum(position < leaves for position, _ in at.recorded.statics)


def _check_real(graph: Graph) -> None:
    for node in graph.outputs:
        if node.array_type.dtype.kind != "f":
            raise DifferentiationError(
                located(
                    f"a Jacobian needs real results, got {node.array_type}",
                    node.source,
                    "Return (y, aux) with such results in aux, and pass has_aux=True.",
                )
            )


def _assemble(at: RecordedAt, blocks: tuple[Any, ...], single: bool, has_aux: bool) -> Any:
    """The tree of the result with, in place of each value, the blocks of that value as trees."""
    structure = at.recorded.structure.child(0) if has_aux else at.recorded.structure
    statics = {i: leaf for i, leaf in at.recorded.statics if i < structure.num_leaves}
    width = len(at.inputs)
    rows = (blocks[i : i + width] for i in range(0, len(blocks), width)) if width else iter(())
    leaves = []
    for position in range(structure.num_leaves):
        if position in statics:
            leaves.append(statics[position])
            continue
        row = [with_weak(b, None if b.shape else x.weak) for b, x in zip(next(rows), at.inputs, strict=True)]
        trees = at.leaves.rebuild(row)
        leaves.append(trees[0] if single else trees)
    return tree.unflatten(structure, leaves)
