"""np.einsum of any number of operands, as diagonals, sums and contractions of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, SymbolicDim
from graphc.ops.reduce import Any_, Sum
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import common, finish, refuse, strong
from graphc.trace.numpy_functions.products import contract
from graphc.trace.numpy_functions.reductions import reduced, reshaped
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import broadcast_to, cast

Labels = tuple[int, ...]


@dataclass(frozen=True)
class Subscripts:
    """What an einsum string says: a label per axis of each operand, and of the result."""

    operands: tuple[Labels, ...]
    out: Labels


@implements(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    """Σ of products over the labels that the result does not have."""
    refuse("einsum", casting=(casting, "safe"))
    text, arrays = _spelled(operands)
    tracers = list(common(*(strong(a) for a in arrays)))
    if dtype is not None:
        tracers = [cast(t, dtype) for t in tracers]
    subscripts = parse_subscripts(text, tuple(t.ndim for t in tracers))
    return finish(_evaluate(tracers, subscripts), out)


@implements(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The order of contractions NumPy would choose, for fixed sizes."""
    text, arrays = _spelled(operands)
    stand_ins = [np.broadcast_to(0.0, tuple(int(n) for n in strong(a).shape)) for a in arrays]
    return np.einsum_path(text, *stand_ins, optimize=optimize)


def _spelled(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts as a string, and the arrays, of either calling convention."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    listed = list(operands)
    lists = listed[1::2]
    arrays = listed[: 2 * (len(listed) // 2) : 2]
    text = ",".join(map(_letters, lists[: len(arrays)]))
    return (text + "->" + _letters(listed[-1]) if len(listed) % 2 else text), arrays


def _letters(labels: Any) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join("..." if label is Ellipsis else letters[label] for label in labels)


def parse_subscripts(text: str, ndims: tuple[int, ...]) -> Subscripts:
    """Labels as small integers; those of an ellipsis come first, aligned at the last axis."""
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(
            f"{'more' if len(ndims) > len(terms) else 'fewer'} operands provided to einstein sum function "
            "than specified in the subscripts string"
        )
    hidden = max(
        (n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t), default=0
    )
    letters = sorted(set(left) - set(".,"))
    bad = [c for c in letters if not c.isalpha()]
    if bad:
        raise ValueError(f"invalid subscript '{bad[0]}' in einstein sum subscripts string, must be letters")
    number = {letter: hidden + i for i, letter in enumerate(letters)}
    parsed = tuple(_labels(t, n, hidden, number) for t, n in zip(terms, ndims, strict=True))
    if not arrow:
        once = [c for c in letters if left.count(c) == 1]
        return Subscripts(parsed, (*range(hidden), *(number[c] for c in once)))
    missing = [c for c in right.replace("...", "") if c not in number]
    if missing:
        raise ValueError(
            f"einstein sum subscripts string included output subscript '{missing[0]}' which never appeared "
            "in an input"
        )
    shown = hidden if "..." in right else 0
    out = _labels(right, len(right.replace("...", "")) + shown, hidden, number)
    if len(set(out)) != len(out):
        raise ValueError("einstein sum subscripts string includes an output subscript multiple times")
    if hidden and not shown:
        raise ValueError("output has an ellipsis-broadcast dimension that the subscripts do not keep")
    return Subscripts(parsed, out)


def _labels(term: str, ndim: int, hidden: int, number: dict[str, int]) -> Labels:
    before, dots, after = term.partition("...")
    count = ndim - len(before) - len(after)
    if count < 0 or (count and not dots):
        raise ValueError(
            f"einstein sum subscripts string {term!r} does not fit an operand with {ndim} dimension(s)"
        )
    ellipsis = range(hidden - count, hidden)
    return (*(number[c] for c in before), *ellipsis, *(number[c] for c in after))


def _evaluate(tracers: list[Any], subscripts: Subscripts) -> Any:
    sizes = _sizes(tracers, subscripts.operands)
    terms = [_plain(t, labels, sizes) for t, labels in zip(tracers, subscripts.operands, strict=True)]
    for pair in _path(terms, subscripts.out, sizes):
        chosen = [terms[i] for i in pair]
        terms = [t for i, t in enumerate(terms) if i not in pair]
        needed = {label for _, labels in terms for label in labels} | set(subscripts.out)
        terms.append(_product(chosen, needed))
    ((x, labels),) = terms
    alone = tuple(axis for axis, label in enumerate(labels) if label not in subscripts.out)
    x = reduced(Any_ if x.dtype == np.bool_ else Sum, x, alone)
    kept = [label for label in labels if label in subscripts.out]
    missing = [label for label in subscripts.out if label not in kept]
    x = reshaped(x, (1,) * len(missing) + x.shape)
    kept = missing + kept
    x = np.transpose(x, tuple(kept.index(label) for label in subscripts.out))
    result: Any = broadcast_to(x, tuple(sizes[label] for label in subscripts.out))
    return Tracer(result.owner, result.node)


def _sizes(tracers: list[Any], operands: tuple[Labels, ...]) -> dict[int, Dim]:
    sizes: dict[int, Dim] = {}
    for tracer, labels in zip(tracers, operands, strict=True):
        for n, label in zip(tracer.shape, labels, strict=True):
            known = sizes.get(label, 1)
            if known not in (1, n) and n != 1:
                shapes = " ".join(f"({','.join(map(str, t.shape))})" for t in tracers)
                raise ValueError(
                    "operands could not be broadcast together with remapped shapes "
                    f"[original->remapped]: {shapes}"
                )
            sizes[label] = n if known == 1 else known
    return sizes


def _plain(x: Any, labels: Labels, sizes: dict[int, Dim]) -> tuple[Any, Labels]:
    """x with each label once: repeated ones by the diagonal, stretched axes of length one removed."""
    stretched = [a for a, label in enumerate(labels) if x.shape[a] == 1 and sizes[label] != 1]
    x = reshaped(x, tuple(n for a, n in enumerate(x.shape) if a not in stretched))
    left = [label for a, label in enumerate(labels) if a not in stretched]
    for label in sorted(set(left)):
        while left.count(label) > 1:
            i = left.index(label)
            j = left.index(label, i + 1)
            x = np.diagonal(x, axis1=i, axis2=j)
            left = [m for a, m in enumerate(left) if a not in (i, j)] + [label]
    return x, tuple(left)


def _product(terms: list[tuple[Any, Labels]], needed: set[int]) -> tuple[Any, Labels]:
    """The contraction of one or two terms that keeps the labels still needed."""
    if len(terms) == 1:
        return terms[0]
    (a, left), (b, right) = terms
    both = dict.fromkeys((*left, *right))
    # Batch labels first, then those of a, then those of b: the layout a matrix product writes.
    batch = [m for m in both if m in left and m in right and m in needed]
    out = (*batch, *(m for m in both if m in needed and m not in batch))
    return contract(a, b, left, right, out), out


def _path(terms: list[tuple[Any, Labels]], out: Labels, sizes: dict[int, Dim]) -> list[tuple[int, ...]]:
    """Which two terms to multiply at each step: NumPy's greedy order where the sizes are known."""
    if len(terms) == 1:
        return []
    if len(terms) == 2 or any(isinstance(n, SymbolicDim) for n in sizes.values()):
        return [(0, 1), *((0, len(terms) - 2 - i) for i in range(len(terms) - 2))]
    text = ",".join(_letters(labels) for _, labels in terms) + "->" + _letters(out)
    stand_ins = [np.broadcast_to(0.0, x.shape) for x, _ in terms]
    steps = np.einsum_path(text, *stand_ins, optimize="greedy")[0][1:]
    return [pair for step in steps for pair in _pairs(tuple(step), len(terms))]


def _pairs(step: tuple[int, ...], count: int) -> list[tuple[int, ...]]:
    """A step as products of two; only the last step of a path takes more, and then all terms."""
    if len(step) <= 2:
        return [step]
    return [(0, 1), *((0, len(step) - 2 - i) for i in range(len(step) - 2))]
