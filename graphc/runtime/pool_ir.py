"""The native part of the thread pool, as LLVM assembly: `graphc_parallel(body, context, tasks, most)`.

It is written as text because llvmlite's builder has no atomic stores through opaque pointers.

One 64-bit *ticket* holds everything that workers compete for:

    generation of the region (32 bits) | seats taken (10) | tasks left (22)

A thread takes a seat or a task by compare-and-swap of the whole ticket. A thread that was held up
since an earlier region therefore cannot take anything from a later one: the generation differs. The
region's description (body, context, …) is read between loading the ticket and swapping it; a swap
that succeeds with tasks left proves that the region was open all the time, so nothing was rewritten.

The caller takes tasks as well and waits only for tasks that others took. Workers that sleep, were
never started, or do not exist in a forked child delay nothing.

A region begins with a try-lock. Who does not get it (a second Python thread, a body that calls
`graphc_parallel` itself) runs its tasks alone, so nothing can wait in a circle.

Waiting is a bounded spin, then a futex (Franke, Russell and Kirkwood 2002) on the ticket's generation
or on the count of finished tasks. Sleepers announce themselves before the kernel compares the futex
word, publishers write the word before they look for sleepers: one of them sees the other.
"""

from __future__ import annotations

from string import Template
from typing import Final

from graphc.runtime.pool_machines import Machine
from graphc.runtime.pool_worker_ir import WORKERS

PAGE: Final = 65536  # the largest page of the processors in `pool_machines`


# Each group has its own cache line: spinning on one must not slow writers of another.
FIELDS: Final = {
    "lock": 0,
    "workers": 4,
    "refused": 8,
    "ticket": 64,
    "generation": 68,
    "sleepers": 128,
    "done": 192,
    "waiting": 196,
    "body": 256,
    "context": 264,
    "first": 272,
    "tasks": 280,
    "seats": 288,
    "home": 296,
}


def parallel_ir(machine: Machine) -> str:
    """LLVM assembly of the pool of a process, whose page is given to `graphc_pool_configure`."""
    return _parallel(machine, "null", 1, "")


def library_ir(machine: Machine, threads: int, setter: str) -> str:
    """The same for a library with a page of its own that uses `threads` threads, or fewer: as `setter` says.

    Before threads start, the kernel is told to wipe the page in forked children (Linux 4.14).
    """
    page = f"""
@graphc.page = internal global [{PAGE} x i8] zeroinitializer, align {PAGE}
declare i32 @madvise(ptr, i64, i32) nounwind
"""
    wiped = f"call i32 @madvise(ptr %pool, i64 {PAGE}, i32 18)"
    setting = f"""
define void @{setter}(i64 %threads) nounwind {{
  %positive = call i64 @llvm.smax.i64(i64 %threads, i64 1)
  %limited = call i64 @llvm.smin.i64(i64 %positive, i64 {threads})
  store atomic i64 %limited, ptr @threads monotonic, align 8
  ret void
}}

declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
"""
    return page + _parallel(machine, "@graphc.page", threads, f"%wiped = {wiped}") + setting


def _parallel(machine: Machine, page: str, threads: int, prepared: str) -> str:
    values: dict[str, object] = {
        name: f"getelementptr i8, ptr %pool, i64 {offset}" for name, offset in FIELDS.items()
    }
    values |= machine._asdict()
    values |= {"declared": machine.declared, "page": page, "count": threads, "prepared": prepared}
    return _SERIAL + Template(WORKERS + _PARALLEL).substitute(values)


def serial_ir() -> str:
    """LLVM assembly of the same functions for systems without futexes: everything runs in the caller."""
    return _SERIAL + _ALONE


_SERIAL = """
define internal void @run_alone(ptr %body, ptr %context, i64 %tasks) nounwind {
entry:
  %any = icmp sgt i64 %tasks, 0
  br i1 %any, label %task, label %end
task:
  %i = phi i64 [ 0, %entry ], [ %next, %task ]
  call void %body(ptr %context, i64 %i, i64 0)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %tasks
  br i1 %more, label %task, label %end
end:
  ret void
}
"""

_ALONE = """
define void @graphc_pool_configure(ptr %pool, i64 %threads) nounwind {
  ret void
}

define void @graphc_parallel(ptr %body, ptr %context, i64 %tasks, i64 %most) nounwind {
  call void @run_alone(ptr %body, ptr %context, i64 %tasks)
  ret void
}
"""

_PARALLEL = """
@state = internal global ptr $page
@threads = internal global i64 $count

define void @graphc_pool_configure(ptr %pool, i64 %threads) nounwind {
  store atomic i64 %threads, ptr @threads monotonic, align 8
  store atomic ptr %pool, ptr @state release, align 8
  ret void
}

declare i64 @llvm.umin.i64(i64, i64)

; Publishes tasks first … first + tasks - 1, takes part, returns when all are done.
define internal void @region(ptr %pool, ptr %body, ptr %context, i64 %first, i64 %tasks, i64 %seats) {
entry:
  %ticket = $ticket
  %generation.at = $generation
  %sleepers.at = $sleepers
  %workers.at = $workers
  %done = $done
  %waiting = $waiting
  %body.at = $body
  %context.at = $context
  %first.at = $first
  %tasks.at = $tasks
  %seats.at = $seats
  %home.at = $home
  store atomic ptr %body, ptr %body.at monotonic, align 8
  store atomic ptr %context, ptr %context.at monotonic, align 8
  store atomic i64 %first, ptr %first.at monotonic, align 8
  store atomic i64 %tasks, ptr %tasks.at monotonic, align 8
  store atomic i64 %seats, ptr %seats.at monotonic, align 8
  %home = call i32 @sched_getcpu()
  store atomic i32 %home, ptr %home.at monotonic, align 4
  store atomic i32 0, ptr %done monotonic, align 4
  %t = load atomic i64, ptr %ticket monotonic, align 8
  %old = lshr i64 %t, 32
  %following = add i64 %old, 1
  %upper = shl i64 %following, 32
  %generation = lshr i64 %upper, 32
  %sitting = or i64 %upper, 4194304
  %published = or i64 %sitting, %tasks
  %u = atomicrmw xchg ptr %ticket, i64 %published seq_cst
  %sleepers = load atomic i32, ptr %sleepers.at seq_cst, align 4
  %workers = load atomic i32, ptr %workers.at monotonic, align 4
  %awake = sub i32 %workers, %sleepers
  %useful = call i64 @llvm.umin.i64(i64 %seats, i64 %tasks)
  %useful.32 = trunc i64 %useful to i32
  %helpers = sub i32 %useful.32, 1
  %lacking = sub i32 %helpers, %awake
  %any.asleep = icmp sgt i32 %sleepers, 0
  %any.lacking = icmp sgt i32 %lacking, 0
  %rouse = and i1 %any.asleep, %any.lacking
  br i1 %rouse, label %call, label %take.part
call:
  %lacking.64 = zext i32 %lacking to i64
  call void @wake(ptr %generation.at, i64 %lacking.64)
  br label %take.part
take.part:
  %own = call i32 @work(ptr %pool, i64 %generation, i64 0)
  %tasks.32 = trunc i64 %tasks to i32
  %others = sub i32 %tasks.32, %own
  br label %spin
spin:
  %n = phi i32 [ 0, %take.part ], [ %n.next, %rest ]
  %d0 = load atomic i32, ptr %done acquire, align 4
  %finished = icmp eq i32 %d0, %others
  br i1 %finished, label %end, label %rest
rest:
  call void $pause
  %n.next = add i32 %n, 1
  %tired = icmp uge i32 %n.next, $spins
  br i1 %tired, label %announce, label %spin
announce:
  %v = atomicrmw xchg ptr %waiting, i32 1 seq_cst
  br label %check
check:
  %d = load atomic i32, ptr %done seq_cst, align 4
  %complete = icmp eq i32 %d, %others
  br i1 %complete, label %leave, label %sleep
sleep:
  %d.64 = zext i32 %d to i64
  call void @sleep_while(ptr %done, i64 %d.64)
  br label %check
leave:
  store atomic i32 0, ptr %waiting monotonic, align 4
  br label %end
end:
  ret void
}

define void @graphc_parallel(ptr %body, ptr %context, i64 %tasks, i64 %most) nounwind {
entry:
  %pool = load atomic ptr, ptr @state acquire, align 8
  %allowed = load atomic i64, ptr @threads monotonic, align 8
  %threads = call i64 @llvm.umin.i64(i64 %allowed, i64 %most)
  %several = icmp sgt i64 %tasks, 1
  %helped = icmp sgt i64 %threads, 1
  %worthwhile = and i1 %several, %helped
  br i1 %worthwhile, label %acquire, label %alone
acquire:
  %lock = $lock
  %swap = cmpxchg ptr %lock, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %swap, 1
  br i1 %mine, label %staff, label %alone
alone:
  call void @run_alone(ptr %body, ptr %context, i64 %tasks)
  ret void
staff:
  %useful = call i64 @llvm.umin.i64(i64 %threads, i64 %tasks)
  %useful.32 = trunc i64 %useful to i32
  %helpers = sub i32 %useful.32, 1
  %workers.at = $workers
  %workers = load atomic i32, ptr %workers.at monotonic, align 4
  %refused.at = $refused
  %refused = load i32, ptr %refused.at, align 4
  %few = icmp slt i32 %workers, %helpers
  %willing = icmp eq i32 %refused, 0
  %lacking = and i1 %few, %willing
  br i1 %lacking, label %hire, label %round
hire:
  call void @hire(ptr %pool, i32 %helpers)
  br label %round
round: ; the ticket counts up to 4194303 tasks
  %first = phi i64 [ 0, %staff ], [ 0, %hire ], [ %next, %round ]
  %rest = sub i64 %tasks, %first
  %count = call i64 @llvm.umin.i64(i64 %rest, i64 4194303)
  call void @region(ptr %pool, ptr %body, ptr %context, i64 %first, i64 %count, i64 %threads)
  %next = add i64 %first, %count
  %more = icmp slt i64 %next, %tasks
  br i1 %more, label %round, label %end
end:
  store atomic i32 0, ptr %lock release, align 4
  ret void
}
"""
