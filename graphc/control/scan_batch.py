"""The batching rule of scan: one scan whose steps work on all examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.batching.batch import batch_graph
from graphc.control.regions import repeated
from graphc.ir.dims import Dim
from graphc.ops.base import apply
from graphc.trace.ufuncs import broadcast_to

if TYPE_CHECKING:
    from graphc.control.scan import Scan


def batch_scan(op: Scan, size: Dim, batched: Sequence[bool], args: Sequence[Any]) -> tuple[Any, ...]:
    """The results for every example, along a new axis 0.

    A carry is the same for all examples if it starts so and every step keeps it so; the steps of the others
    work on arrays with the examples along axis 0.
    """
    first, count = op.captured, op.captured + op.carried
    marks = list(batched)
    while True:
        body, made = batch_graph(op.body, size, marks)
        grown = [marks[first + i] or made[i] for i in range(op.carried)]
        if grown == marks[first:count]:
            break
        marks[first:count] = grown
    forced = [marks[first + i] or False for i in range(op.carried)]
    body = repeated(body, size, [f and not m for f, m in zip(forced, made, strict=False)])
    operands = list(args)
    for i in range(len(args)):
        if first <= i < count and marks[i] and not batched[i]:
            operands[i] = broadcast_to(operands[i], (size, *operands[i].shape))
        elif i >= count and batched[i]:
            operands[i] = np.swapaxes(operands[i], 0, 1)  # time first
    results = list(apply(replace(op, body=body), *operands))
    for i, value in enumerate(results):
        mark = forced[i] if i < op.carried else made[i]
        if not mark:
            results[i] = broadcast_to(value, (size, *value.shape))
        elif i >= op.carried:
            results[i] = np.swapaxes(value, 0, 1)
    return tuple(results)
