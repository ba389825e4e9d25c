"""Random bits: the rounds of Threefry-2x32, unrolled, on 32-bit lanes."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import Code
from graphc.backends.cpu.llvm_types import I32, with_element
from graphc.ops.elementwise.counter import PARITY, ROTATIONS, ROUNDS


def threefry2x32(
    code: Code, first: ir.Value, second: ir.Value, counter: ir.Value, *, signed: bool
) -> ir.Value:
    """Both words of the block, word 0 in the high half; shifts joined by `or` become rotations."""
    b, wide, narrow = code.b, counter.type, with_element(counter.type, I32)
    third = b.xor(b.xor(first, second), code.like(first, PARITY))
    keys = (first, second, third)
    x = b.add(b.trunc(b.lshr(counter, code.like(counter, 32)), narrow), first)
    y = b.add(b.trunc(counter, narrow), second)
    for i in range(ROUNDS):
        turn = ROTATIONS[i % 8]
        x = b.add(x, y)
        turned = b.or_(b.shl(y, code.like(y, turn)), b.lshr(y, code.like(y, 32 - turn)))
        y = b.xor(turned, x)
        if i % 4 == 3:
            step = i // 4 + 1
            x = b.add(x, keys[step % 3])
            y = b.add(y, b.add(keys[(step + 1) % 3], code.like(y, step)))
    high = b.shl(b.zext(x, wide), code.like(counter, 32))
    return b.or_(high, b.zext(y, wide))
