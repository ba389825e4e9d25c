"""Moves matrix products out of scans: many small products over the steps are one large product.

A product that accumulates, Σ_t aₜ bₜ, sums over the steps as over its other axes. A product of an element of
a sequence, or one that is only stacked, has the steps as further rows. Both trade memory for the operands, or
the results, of all steps against products that fill the registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.batching.batch import batch_graph
from graphc.control.scan import Scan
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Builder, Graph, Node, users_of
from graphc.ir.rewrite import inline, rebuilt
from graphc.ops.contract import Contract
from graphc.ops.elementwise.arithmetic import Add
from graphc.ops.leaf import Input
from graphc.passes.loops.traversal import Site, change_regions, inputs_of, restricted

FEW_ROWS = 32  # a product of more rows fills the registers by itself
WORTH = 64  # elements of an accumulated product; smaller ones stay in registers


def move_products(graph: Graph) -> Graph:
    """The graph with products that need no carry, or feed none, computed for all steps at once."""
    changed = True

    def moved(site: Site) -> Mapping[int, Node] | None:
        nonlocal changed
        attempts = (_accumulated, _of_elements, _stacked)
        if not isinstance(site.op, Scan):
            return None
        found = next((f for a in attempts if (f := a(site, site.op)) is not None), None)
        changed = changed or found is not None
        return found

    while changed:
        changed = False
        graph = change_regions(graph, moved)
    return graph


# ---- sums of products


@dataclass(frozen=True)
class _Sum:
    """Carry number `carry` of a scan is a running sum; `terms` are products, `rest` everything else."""

    carry: int
    terms: tuple[Node, ...]
    rest: tuple[Node, ...]


def _accumulated(site: Site, op: Scan) -> Mapping[int, Node] | None:
    """The scan that stacks the operands of a product that it would accumulate."""
    users = users_of(op.body)
    found = next((s for i in range(op.carried) if (s := _running_sum(op, i, users)) is not None), None)
    if found is None:
        return None
    first = op.captured
    operands = list(dict.fromkeys(a for term in found.terms for a in term.args))
    walked = {n: i for i, n in enumerate(op.body.inputs) if i >= first + op.carried}
    stacks = [n for n in operands if n not in walked]
    builder, outputs = Builder.containing(op.body), list(op.body.outputs)
    total = op.body.inputs[first + found.carry]
    for node in found.rest:
        total = builder.add(Add(), total, node)
    outputs[found.carry] = total
    body = Graph(op.body.inputs, (*outputs, *stacks))
    made = site.results(replace(op, body=body), site.args)
    steps = {n: made[len(outputs) + p] for p, n in enumerate(stacks)}
    steps |= {n: site.args[i] for n, i in walked.items()}
    result = made[found.carry]
    for term in found.terms:
        result = site.builder.add(Add(), result, _over_steps(site, term, steps))
    return {**dict(enumerate(made[: len(outputs)])), found.carry: result}


def _running_sum(op: Scan, carry: int, users: Mapping[Node, list[Node]]) -> _Sum | None:
    """How a carry adds up products, if it does and no step looks at it."""
    value, end = op.body.inputs[op.captured + carry], op.body.outputs[carry]
    node = value
    while node is not end:
        following = users.get(node, [])
        if len(following) != 1 or not isinstance(following[0].op, Add) or node in op.body.outputs:
            return None
        node = following[0]
    if users.get(end) or op.body.outputs.count(end) > 1:
        return None
    terms = [t for t in _terms(end) if t is not value]
    chosen = tuple(t for t in terms if _worth_stacking(op, t))
    rest = tuple(t for t in terms if t not in chosen)
    return _Sum(carry, chosen, rest) if chosen else None


def _terms(node: Node) -> list[Node]:
    return [t for a in node.args for t in _terms(a)] if isinstance(node.op, Add) else [node]


def _worth_stacking(op: Scan, term: Node) -> bool:
    """Whether a term is a product whose operands, kept for all steps, are smaller than what they make."""
    if not isinstance(term.op, Contract) or term.array_type.dtype.kind != "f":
        return False
    walked = set(op.body.inputs[op.captured + op.carried :])
    fixed = set(op.body.inputs[: op.captured])
    size = term.array_type.size
    kept = [a.array_type.size for a in set(term.args) if a not in walked]
    known = isinstance(size, int) and all(isinstance(n, int) for n in kept)
    if not known or any(a in fixed for a in term.args):
        return False
    return bool(size >= WORTH and sum(kept, 0) <= size)


def _over_steps(site: Site, term: Node, steps: Mapping[Node, Node]) -> Node:
    """The sum of a product over all steps, given its operands for every step along axis 0."""
    op = term.op
    assert isinstance(op, Contract)
    label = 1 + max((*op.left, *op.right, *op.out), default=0)
    summed = Contract((label, *op.left), (label, *op.right), op.out)
    return site.builder.add(summed, *(steps[a] for a in term.args), source=term.source)


# ---- products of elements


def _of_elements(site: Site, op: Scan) -> Mapping[int, Node] | None:
    """The scan that takes the products of elements with captured matrices as further sequences."""
    last = op.captured + op.carried
    chosen = [n for n in op.body if _has_few_rows(op, n)]
    if not chosen:
        return None
    values: list[Node] = []
    for node in chosen:
        single = Graph(op.body.inputs, (node,))
        needed = sorted(inputs_of(single, [0]))
        marks = [i >= last for i in needed]
        over, _ = batch_graph(restricted(single, needed, [0]), op.length, marks)
        values += inline(site.builder, over, tuple(site.args[i] for i in needed))
    builder = Builder()
    inputs = [builder.add(Input(i, n.array_type)) for i, n in enumerate(op.body.inputs)]
    extra = [builder.add(Input(len(inputs) + i, n.array_type)) for i, n in enumerate(chosen)]
    done = dict(zip([*op.body.inputs, *chosen], [*inputs, *extra], strict=True))
    body = Graph((*inputs, *extra), rebuilt(builder, op.body.outputs, done))
    return dict(enumerate(site.results(replace(op, body=body), [*site.args, *values])))


def _has_few_rows(op: Scan, node: Node) -> bool:
    """Whether a node is a product of an element with a captured matrix, too small to be fast."""
    if not isinstance(node.op, Contract) or node.array_type.dtype.kind != "f":
        return False
    sides = [_depends(op, arg) for arg in node.args]
    fixed = [side == "captured" for side in sides]
    if sorted(sides) != ["captured", "elements"]:
        return False
    rows = _rows(node, fixed.index(False))
    return isinstance(rows, int) and rows < FEW_ROWS and node.array_type.ndim > 0


def _depends(op: Scan, node: Node) -> str:
    """What kind of inputs a value of the body depends on: captured, elements, or carries too."""
    needed = inputs_of(Graph(op.body.inputs, (node,)), [0])
    last = op.captured + op.carried
    if any(op.captured <= i < last for i in needed):
        return "carries"
    return "elements" if any(i >= last for i in needed) else "captured"


def _rows(node: Node, varying: int) -> Dim:
    """The rows that a product has in one step: the free axes of the operand that varies."""
    op = node.op
    assert isinstance(op, Contract)
    labels = (op.left, op.right)[varying]
    shape = node.args[varying].array_type.shape
    return product(tuple(n for label, n in zip(labels, shape, strict=True) if label in op.out))


# ---- products that are only stacked


def _stacked(site: Site, op: Scan) -> Mapping[int, Node] | None:
    """The scan that stacks an operand, and multiplies all steps by the captured matrix afterwards."""
    users = users_of(op.body)
    for i in range(op.carried, len(op.body.outputs)):
        node = op.body.outputs[i]
        if not isinstance(node.op, Contract) or users.get(node) or op.body.outputs.count(node) > 1:
            continue
        sides = [_depends(op, arg) for arg in node.args]
        if sorted(sides) != ["captured", "carries"] or node.array_type.dtype.kind != "f":
            continue
        varying = sides.index("carries")
        rows, fixed = _rows(node, varying), node.args[1 - varying]
        small = isinstance(rows, int) and rows < FEW_ROWS
        if small and fixed in op.body.inputs:
            return _multiplied_after(site, op, i, varying)
    return None


def _multiplied_after(site: Site, op: Scan, i: int, varying: int) -> Mapping[int, Node]:
    node = op.body.outputs[i]
    assert isinstance(node.op, Contract)
    outputs = list(op.body.outputs)
    outputs[i] = node.args[varying]
    made = site.results(replace(op, body=Graph(op.body.inputs, tuple(outputs))), site.args)
    label = 1 + max((*node.op.left, *node.op.right, *node.op.out), default=0)
    sides = [node.op.left, node.op.right]
    sides[varying] = (label, *sides[varying])
    whole = Contract(sides[0], sides[1], (label, *node.op.out))
    operands: Sequence[Node] = [
        made[i] if side == varying else site.args[op.body.inputs.index(arg)]
        for side, arg in enumerate(node.args)
    ]
    product_ = site.builder.add(whole, *operands, source=node.source)
    return {**dict(enumerate(made)), i: product_}
