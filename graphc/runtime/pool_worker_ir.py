"""LLVM assembly of the pool's workers: taking tasks, waiting, and starting threads.

A template like the rest of `graphc.runtime.pool_ir`, where the protocol is explained.
"""

from __future__ import annotations

from typing import Final

WORKERS: Final = """
declare i64 @syscall(i64, ...) nounwind
declare i32 @sched_getcpu() nounwind
declare i32 @pthread_attr_init(ptr) nounwind
declare i32 @pthread_attr_setdetachstate(ptr, i32) nounwind
declare i32 @pthread_attr_setstacksize(ptr, i64) nounwind
declare i32 @pthread_attr_destroy(ptr) nounwind
declare i32 @pthread_create(ptr, ptr, ptr, ptr) nounwind
declare i32 @pthread_sigmask(i32, ptr, ptr) nounwind

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
$declared

; FUTEX_WAIT_PRIVATE: sleeps while the word holds the value
define internal void @sleep_while(ptr %word, i64 %value) nounwind {
  call i64 (i64, ...) @syscall(i64 $futex, ptr %word, i64 128, i64 %value, i64 0, i64 0, i64 0)
  ret void
}

; FUTEX_WAKE_PRIVATE
define internal void @wake(ptr %word, i64 %count) nounwind {
  call i64 (i64, ...) @syscall(i64 $futex, ptr %word, i64 129, i64 %count, i64 0, i64 0, i64 0)
  ret void
}

; Runs tasks of the region until none is left; returns how many.
define internal i32 @work(ptr %pool, i64 %region, i64 %seat) nounwind {
entry:
  %ticket = $ticket
  %body.at = $body
  %context.at = $context
  %first.at = $first
  %tasks.at = $tasks
  br label %look
look:
  %count = phi i32 [ 0, %entry ], [ %count, %claim ], [ %count.next, %run ]
  %t = load atomic i64, ptr %ticket acquire, align 8
  %generation = lshr i64 %t, 32
  %same = icmp eq i64 %generation, %region
  %left = and i64 %t, 4194303
  %some = icmp ne i64 %left, 0
  %open = and i1 %same, %some
  br i1 %open, label %claim, label %end
claim:
  %body = load atomic ptr, ptr %body.at monotonic, align 8
  %context = load atomic ptr, ptr %context.at monotonic, align 8
  %first = load atomic i64, ptr %first.at monotonic, align 8
  %tasks = load atomic i64, ptr %tasks.at monotonic, align 8
  %taken = sub i64 %t, 1
  %swap = cmpxchg ptr %ticket, i64 %t, i64 %taken acq_rel monotonic
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %run, label %look
run:
  %nth = sub i64 %tasks, %left
  %task = add i64 %first, %nth
  call void %body(ptr %context, i64 %task, i64 %seat)
  %count.next = add i32 %count, 1
  br label %look
end:
  ret i32 %count
}

define internal ptr @worker(ptr %pool) nounwind {
entry:
  %ticket = $ticket
  %generation = $generation
  %sleepers = $sleepers
  %seats.at = $seats
  %done = $done
  %waiting = $waiting
  %home.at = $home
  br label %watch
watch:
  %seen = phi i64 [ 0, %entry ], [ %seen, %sleep ], [ %region, %join ], [ %region, %enter ],
                  [ %region, %report ], [ %region, %call ]
  ; On a busy machine both may share a processor: spinning would keep the caller from it.
  %home = load atomic i32, ptr %home.at monotonic, align 4
  %here = call i32 @sched_getcpu()
  %shared = icmp eq i32 %home, %here
  %patience = select i1 %shared, i32 0, i32 $spins
  br label %spin
spin:
  %n = phi i32 [ 0, %watch ], [ %n.next, %rest ]
  %t0 = load atomic i64, ptr %ticket acquire, align 8
  %now = lshr i64 %t0, 32
  %new = icmp ne i64 %now, %seen
  br i1 %new, label %join, label %rest
rest:
  call void $pause
  %n.next = add i32 %n, 1
  %tired = icmp uge i32 %n.next, %patience
  br i1 %tired, label %sleep, label %spin
sleep:
  %s0 = atomicrmw add ptr %sleepers, i32 1 seq_cst
  call void @sleep_while(ptr %generation, i64 %seen)
  %s1 = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  br label %watch
join:
  %t = phi i64 [ %t0, %spin ], [ %t.other, %sit ]
  %region = lshr i64 %t, 32
  %left = and i64 %t, 4194303
  %shifted = lshr i64 %t, 22
  %seat = and i64 %shifted, 1023
  %seats = load atomic i64, ptr %seats.at monotonic, align 8
  %some = icmp ne i64 %left, 0
  %free = icmp ult i64 %seat, %seats
  %open = and i1 %some, %free
  br i1 %open, label %sit, label %watch
sit:
  %seated = add i64 %t, 4194304
  %swap = cmpxchg ptr %ticket, i64 %t, i64 %seated acq_rel acquire
  %t.other = extractvalue { i64, i1 } %swap, 0
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %enter, label %join
enter:
  %count = call i32 @work(ptr %pool, i64 %region, i64 %seat)
  %worked = icmp ne i32 %count, 0
  br i1 %worked, label %report, label %watch
report:
  %d = atomicrmw add ptr %done, i32 %count seq_cst
  %w = load atomic i32, ptr %waiting seq_cst, align 4
  %asleep = icmp ne i32 %w, 0
  br i1 %asleep, label %call, label %watch
call:
  call void @wake(ptr %done, i64 1)
  br label %watch
}

; Starts threads until there are `count`. They are detached, so they never hold up the process's exit, and
; block all signals but those of faults, so that Python's main thread keeps receiving them.
define internal void @hire(ptr %pool, i32 %count) nounwind {
entry:
  %workers.at = $workers
  %refused.at = $refused
  %attributes = alloca [128 x i8], align 16
  %thread = alloca i64, align 8
  %blocked = alloca [16 x i64], align 16
  %before = alloca [16 x i64], align 16
  call void @llvm.memset.p0.i64(ptr %blocked, i8 255, i64 128, i1 false)
  store i64 -1273, ptr %blocked, align 16 ; all but ILL 4, TRAP 5, ABRT 6, BUS 7, FPE 8, SEGV 11
  $prepared
  %a = call i32 @pthread_attr_init(ptr %attributes)
  %b = call i32 @pthread_attr_setdetachstate(ptr %attributes, i32 1)
  %c = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 8388608)
  %d = call i32 @pthread_sigmask(i32 2, ptr %blocked, ptr %before)
  br label %look
look:
  %workers = load atomic i32, ptr %workers.at monotonic, align 4
  %enough = icmp sge i32 %workers, %count
  br i1 %enough, label %end, label %create
create:
  %failed = call i32 @pthread_create(ptr %thread, ptr %attributes, ptr @worker, ptr %pool)
  %created = icmp eq i32 %failed, 0
  br i1 %created, label %created.one, label %refuse
created.one:
  %more = add i32 %workers, 1
  store atomic i32 %more, ptr %workers.at monotonic, align 4
  br label %look
refuse: ; a limit of the system: go on with those that exist
  store i32 1, ptr %refused.at, align 4
  br label %end
end:
  %e = call i32 @pthread_sigmask(i32 2, ptr %before, ptr null)
  %f = call i32 @pthread_attr_destroy(ptr %attributes)
  ret void
}
"""
