"""The forward rule of scan: one scan that carries values and their tangents side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphc.autodiff.forward import pushforward
from graphc.control.regions import is_real, permuted, zeros_or
from graphc.ops.base import apply

if TYPE_CHECKING:
    from graphc.control.scan import Scan


def push_scan(op: Scan, tangents: Sequence[Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """Tangents of the results of a scan; None for those that are not real.

    Every real carry has a tangent on the way, which may start as zero.
    """
    body = op.body
    first, count = op.captured, op.captured + op.carried
    captured = [i for i in range(first) if tangents[i] is not None]
    carried = [i for i in range(first, count) if is_real(body.inputs[i])]
    elements = [i for i in range(count, len(args)) if tangents[i] is not None]
    wrt = [*captured, *carried, *elements]
    pushed = pushforward(body, wrt)
    # Inputs of `pushed`: the body's, then tangents. A scan wants each kind together.
    t = {i: len(body.inputs) + position for position, i in enumerate(wrt)}
    order = [
        *range(first),
        *(t[i] for i in captured),
        *range(first, count),
        *(t[i] for i in carried),
        *range(count, len(args)),
        *(t[i] for i in elements),
    ]
    real = [i for i, n in enumerate(body.outputs) if is_real(n)]
    place = {i: len(body.outputs) + position for position, i in enumerate(real)}
    # A carry whose input is real stays so; the outputs follow the same order.
    outputs = [
        *range(op.carried),
        *(place[i - first] for i in carried),
        *range(op.carried, len(body.outputs)),
        *(place[i] for i in real if i >= op.carried),
    ]
    both = permuted(pushed, order, outputs)
    operands = [
        *args[:first],
        *(tangents[i] for i in captured),
        *args[first:count],
        *(zeros_or(tangents[i], body.inputs[i].array_type) for i in carried),
        *args[count:],
        *(tangents[i] for i in elements),
    ]
    made = apply(
        replace(op, body=both, captured=first + len(captured), carried=op.carried + len(carried)), *operands
    )
    found = dict(zip(outputs, made, strict=True))
    return tuple(found[place[i]] if i in place else None for i in range(len(body.outputs)))
