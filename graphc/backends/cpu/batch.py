"""Batches of matrix products: threads share the products, or each product if there are few and large ones.

Every product is computed as it would be alone, so how a batch is divided does not show in its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.backends.cpu.frame import Capture
from graphc.backends.cpu.index import Truth, at_least, both, either, negated, smaller
from graphc.backends.cpu.llvm import I8, I64, PTR, Code, i64
from graphc.backends.cpu.parallel import call
from graphc.backends.cpu.product import PARALLEL_PRODUCT, can_be_shared, packing_bytes
from graphc.ir.dims import product
from graphc.lower import kernel_ir as k

if TYPE_CHECKING:
    from graphc.backends.cpu.emit import KernelEmitter

PER_THREAD = 4  # products for each thread, from which on none is idle for long while the others end
VALUES = k.Constant | k.SizeOf | k.Let | k.Coordinate | k.Load | k.Flag


def is_batch(s: k.Loop) -> bool:
    """Whether a parallel loop runs over matrix products."""
    return any(isinstance(x, k.Matmul) for x in k.statements(s.body))


def emit_batch(emitter: KernelEmitter, s: k.Loop) -> None:
    """Code for parallel loops around a product: the iterations of all of them are shared, in equal parts."""
    loops = _nest(s)
    pays = _pays(emitter, loops)
    if pays is False:
        emitter.serial(s)
        return
    here, threads = emitter.code, i64(emitter.target.threads)
    capture = Capture(emitter.frame, [s])
    body = _part(emitter, capture, loops, certain=pays is True)
    count = emitter.size(product(tuple(loop.axis.extent for loop in loops)))
    share = here.b.sdiv(here.b.add(count, here.b.sub(threads, i64(1))), threads)
    if pays is True:
        call(emitter, body, capture.pack(here, count, share, i64(1)), threads)
        return
    block = capture.pack(here, count, here.select(pays, share, count), here.b.zext(pays, I64))

    def alone() -> None:
        here.b.call(body, [block, i64(0), i64(0)])

    here.when(pays, lambda: call(emitter, body, block, threads), alone)


def _nest(s: k.Loop) -> list[k.Loop]:
    """`s` and the parallel loops inside it that have nothing but values beside them."""
    loops = [s]
    while True:
        *before, last = loops[-1].body
        if not isinstance(last, k.Loop) or last.kind != "parallel":
            return loops
        if not all(isinstance(x, VALUES) for x in before):
            return loops
        loops.append(last)


def _product(s: k.Loop) -> k.Matmul:
    return next(x for x in k.statements(s.body) if isinstance(x, k.Matmul))


def _pays(emitter: KernelEmitter, loops: Sequence[k.Loop]) -> Truth:
    """Whether each thread takes some of the products, as far as that is known before a call.

    Large products are shared one after the other, unless there are so many that it makes no difference.
    """
    if emitter.frame.shared is not None:
        return False
    code, s = emitter.code, _product(loops[0])
    count = product(tuple(loop.axis.extent for loop in loops))
    work = product((s.row.extent, s.column.extent, s.depth))
    many = at_least(code, emitter.number(count), PER_THREAD * emitter.target.threads)
    large = at_least(code, emitter.number(work), PARALLEL_PRODUCT)
    return both(
        code,
        at_least(code, emitter.number(count), 2),
        at_least(code, emitter.number(count * work), PARALLEL_PRODUCT),
        either(code, not can_be_shared(emitter, s), many, negated(code, large)),
    )


def _part(emitter: KernelEmitter, capture: Capture, loops: Sequence[k.Loop], *, certain: bool) -> ir.Function:
    """`void body(ptr context, i64 task, i64 seat)`: one part of the products.

    Behind the captured cells: how many products there are, how many a part has, whether there are parts at
    all. If that is not `certain`, a single part may leave its products to several threads.
    """
    target = replace(emitter.target, threads=1) if certain else emitter.target
    scratch = packing_bytes(emitter, _product(loops[0]))
    emitter.scratch_bytes = max(emitter.scratch_bytes, scratch * emitter.target.threads)
    code = Code(emitter.code.module, emitter.part_name("batch"), [PTR, I64, I64], internal=True)
    block, task, _ = code.args
    frame = capture.unpack(code, block)
    count, share, shared = (code.load(code.at(block, I64, capture.cells + i), I64) for i in range(3))
    frame.scratch = code.at(frame.scratch, I8, code.b.mul(task, i64(scratch)))
    frame.shared = None if certain else code.compare("!=", shared, i64(0))
    inner = type(emitter)(code, frame, f"{emitter.name}.{loops[0].axis.name}", target)
    first = i64(smaller(code, code.b.mul(task, share), count))
    end = smaller(code, code.b.add(first, share), count)
    code.loop(end, lambda i: _one(inner, loops, i), start=first, name="products")
    code.ret()
    return code.function


def _one(emitter: KernelEmitter, loops: Sequence[k.Loop], number: ir.Value) -> None:
    """The body of all loops, for iteration `number` of their nest."""
    b = emitter.code.b
    for loop in reversed(loops[1:]):
        extent = emitter.size(loop.axis.extent)
        emitter.frame.axes[loop.axis] = b.srem(number, extent)
        number = b.sdiv(number, extent)
    emitter.frame.axes[loops[0].axis] = number
    for loop in loops[:-1]:
        emitter.emit(loop.body[:-1])
    emitter.emit(loops[-1].body)
