"""Native task bodies for the tests of the pool, called through ctypes (which releases the GIL)."""

from __future__ import annotations

import ctypes
import functools
import time  # noqa: F401  (for the code that tests run in new processes)
from collections.abc import Callable

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.loaded import Loaded
from graphc.runtime import pool

BODIES = """
declare void @graphc_parallel(ptr, ptr, i64, i64)

; counts[task] += 1
define void @count(ptr %counts, i64 %task, i64 %seat) nounwind {
  %at = getelementptr i64, ptr %counts, i64 %task
  %old = load i64, ptr %at
  %new = add i64 %old, 1
  store i64 %new, ptr %at
  ret void
}

; seats[seat] += 1
define void @sit(ptr %seats, i64 %task, i64 %seat) nounwind {
  %at = getelementptr i64, ptr %seats, i64 %seat
  %old = atomicrmw add ptr %at, i64 1 seq_cst
  ret void
}

; iterates x = 1.0000001 x - 0.0000001 x², context[0] times; context[8 + 8 task] = the bits of x
define void @compute(ptr %context, i64 %task, i64 %seat) nounwind {
entry:
  %n = load i64, ptr %context
  %start = sitofp i64 %task to double
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %x = phi double [ %start, %entry ], [ %y, %loop ]
  %a = fmul double %x, 0x3FF000001AD7F29B
  %b = fmul double %x, %x
  %c = fmul double %b, 0x3E7AD7F29ABCAF48
  %y = fsub double %a, %c
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  %offset = mul i64 %task, 8
  %index = add i64 %offset, 8
  %at = getelementptr double, ptr %context, i64 %index
  store double %y, ptr %at
  ret void
}

; context[0] += 1, then waits until it is 2: returns soon only if two threads are inside
define void @meet(ptr %context, i64 %task, i64 %seat) nounwind {
entry:
  %old = atomicrmw add ptr %context, i64 1 seq_cst
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %look ]
  %now = load atomic i64, ptr %context seq_cst, align 8
  %met = icmp sge i64 %now, 2
  br i1 %met, label %together, label %look
look:
  %next = add i64 %i, 1
  %patient = icmp slt i64 %next, 3000000000
  br i1 %patient, label %loop, label %end
together:
  %at = getelementptr i64, ptr %context, i64 1
  %met.count = atomicrmw add ptr %at, i64 1 seq_cst
  br label %end
end:
  ret void
}

; context[1 + seat] is held while a task runs; context[0] counts collisions
define void @hold(ptr %context, i64 %task, i64 %seat) nounwind {
entry:
  %index = add i64 %seat, 1
  %at = getelementptr i64, ptr %context, i64 %index
  %held = atomicrmw add ptr %at, i64 1 seq_cst
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %t = load atomic i64, ptr %at seq_cst, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, 200
  br i1 %more, label %loop, label %end
end:
  %gone = atomicrmw sub ptr %at, i64 1 seq_cst
  %c = atomicrmw add ptr %context, i64 %held seq_cst
  ret void
}

; each of its tasks runs 16 tasks of `count` on its own counts
define void @nested(ptr %counts, i64 %task, i64 %seat) nounwind {
  %offset = mul i64 %task, 16
  %at = getelementptr i64, ptr %counts, i64 %offset
  call void @graphc_parallel(ptr @count, ptr %at, i64 16, i64 1023)
  ret void
}

define void @repeat(ptr %body, ptr %context, i64 %tasks, i64 %times, i64 %most) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @graphc_parallel(ptr %body, ptr %context, i64 %tasks, i64 %most)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %times
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""


@functools.cache
def loaded() -> Loaded:
    pool.install()
    return Loaded(object_code(BODIES))


@functools.cache
def repeat_function() -> Callable[[int, object, int, int, int], None]:
    integer = ctypes.c_int64
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, integer, integer, integer)
    return signature(loaded().address("repeat"))


def run(body: str, context: ctypes.Array, tasks: int, times: int = 1, most: int = 1023) -> None:
    repeat_function()(loaded().address(body), ctypes.addressof(context), tasks, times, most)


def integers(count: int) -> ctypes.Array:
    return (ctypes.c_int64 * count)()


def two_threads_meet() -> bool:
    """Whether two threads work at the same time."""
    context = integers(2)
    run("meet", context, 2)
    return context[1] == 2


def compute_context(tasks: int, iterations: int) -> ctypes.Array:
    context = integers(8 + 8 * tasks)
    context[0] = iterations
    return context
