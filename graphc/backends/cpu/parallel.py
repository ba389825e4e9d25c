"""Parallel loops: the body becomes a function of its own, run by the thread pool task by task.

Which thread runs a task, and how many there are, never shows in a result: tasks write disjoint memory,
and what they reduce is combined afterwards in the order of the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.backends.cpu.frame import Capture
from graphc.backends.cpu.llvm import I64, PTR, VOID, Code, i64
from graphc.lower import kernel_ir as k

if TYPE_CHECKING:
    from graphc.backends.cpu.emit import KernelEmitter

SYMBOL = "graphc_parallel"


def emit_parallel(emitter: KernelEmitter, s: k.Loop) -> None:
    """Code that runs the iterations of `s`, each one a task; in this thread where they are too few."""
    capture = Capture(emitter.frame, s.body)
    code = Code(emitter.code.module, emitter.part_name("task"), [PTR, I64, I64], internal=True)
    block, task, _ = code.args
    inner = type(emitter)(code, capture.unpack(code, block), f"{emitter.name}.{s.axis.name}", emitter.target)
    inner.frame.axes[s.axis] = task
    inner.emit(s.body)
    code.ret()
    context, tasks = capture.pack(emitter.code), emitter.size(s.axis.extent)
    if isinstance(s.axis.extent, int):
        call(emitter, code.function, context, tasks)
        return
    here = emitter.code

    def one(i: ir.Value) -> None:
        here.b.call(code.function, [context, i, i64(0)])

    def alone() -> None:
        here.loop(tasks, one, name="alone")

    here.when(
        here.compare(">=", tasks, i64(s.least)),
        lambda: call(emitter, code.function, context, tasks),
        alone,
    )


def fork_join(emitter: KernelEmitter, body: ir.Function, carried: Sequence[ir.Value], tasks: int) -> None:
    """Runs `body` for every task, with the values `carried` in a block of cells."""
    code = emitter.code
    block = code.scratch(I64, len(carried))
    for i, value in enumerate(carried):
        code.b.store(value, code.at(block, I64, i))
    call(emitter, body, block, i64(tasks))


def call(emitter: KernelEmitter, body: ir.Function, block: ir.Value, tasks: ir.Value) -> None:
    """The call of the thread pool, for as many threads as the program may use."""
    module = emitter.code.module
    pool = module.globals.get(SYMBOL)
    if pool is None:
        pool = ir.Function(module, ir.FunctionType(VOID, [PTR, PTR, I64, I64]), SYMBOL)
    emitter.code.b.call(pool, [body, block, tasks, i64(emitter.target.threads)])
