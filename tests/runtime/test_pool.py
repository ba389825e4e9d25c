"""The thread pool: every task once, on several threads, and nothing of it gets in anyone's way."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from graphc.runtime import pool, processors
from tests.runtime.pool_bodies import compute_context, integers, repeat_function, run, two_threads_meet

parallel = pytest.mark.skipif(not pool.is_parallel(), reason="no futex here: regions run in the caller")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture(autouse=True)
def two_threads():
    before = pool.get_num_threads()
    pool.set_num_threads(2)
    repeat_function()  # loaded here: two threads that load it at once would each load their own
    yield
    pool.set_num_threads(before)


def in_new_process(code: str, **environment: str) -> str:
    """What `code` prints in a fresh interpreter that can import the bodies."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.runtime.pool_bodies import *\n" + code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


# ---- tasks


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 64, 1001])
def test_every_task_runs_exactly_once(threads, tasks):
    pool.set_num_threads(threads)
    counts = integers(tasks + 1)
    run("count", counts, tasks, times=200)
    assert list(counts) == [200] * tasks + [0]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_region_takes_no_more_threads_than_it_asks_for(most):
    pool.set_num_threads(4)
    seats = integers(8)
    run("sit", seats, 64, times=500, most=most)
    assert sum(seats) == 64 * 500
    assert list(seats[most:]) == [0] * (8 - most)


def test_a_negative_number_of_tasks_is_none():
    counts = integers(1)
    run("count", counts, -5)
    assert counts[0] == 0


def test_more_tasks_than_a_ticket_counts_run_in_rounds():
    tasks = (1 << 22) + 5
    counts = integers(tasks)
    run("count", counts, tasks)
    assert set(counts) == {1}


@pytest.mark.parametrize("threads", [2, 5])
def test_no_seat_is_held_twice(threads):
    pool.set_num_threads(threads)
    context = integers(1 + threads)
    run("hold", context, 50, times=100)
    assert list(context) == [0] * (1 + threads)


@parallel
def test_two_threads_work_at_the_same_time():
    assert two_threads_meet()


def test_results_are_the_same_bits_for_any_number_of_threads():
    results = []
    for threads in (1, 2, 7):
        pool.set_num_threads(threads)
        context = compute_context(20, 1000)
        run("compute", context, 20)
        results.append(bytes(context))
    assert results[0] == results[1] == results[2]


# ---- other callers


def test_a_body_may_call_the_pool():
    counts = integers(16 * 40)
    run("nested", counts, 40, times=50)
    assert set(counts) == {50}


def test_several_python_threads_may_call_at_once():
    every = [integers(100) for _ in range(4)]
    callers = [threading.Thread(target=run, args=("count", c, 100, 300)) for c in every]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    assert all(set(counts) == {300} for counts in every)


def test_several_python_threads_may_install_and_change_the_number_of_threads():
    counts = integers(100)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for threads in (1, 2, 4, 3):
                pool.set_num_threads(threads)
                assert pool.install() == pool.parallel_address()

    changers = [threading.Thread(target=change) for _ in range(2)]
    for changer in changers:
        changer.start()
    run("count", counts, 100, times=1000)
    stop.set()
    for changer in changers:
        changer.join(60)
    assert set(counts) == {1000}


# ---- forks


FORKED = """
import os, signal
signal.alarm(40)
{before}
pid = {fork}
if pid == 0:
    counts = integers(64)
    run("count", counts, 64, 500)
    os._exit(0 if set(counts) == {{500}} and two_threads_meet() else 1)
status = os.waitpid(pid, 0)[1]
print(status, two_threads_meet())
"""
DURING = """
import threading
stop = []
counts = compute_context(64, 100)
repeat, compute = repeat_function(), loaded().address("compute")  # LLVM's lock must be free at the fork
def keep_on():
    while not stop: repeat(compute, ctypes.addressof(counts), 64, 1000)
threading.Thread(target=keep_on, daemon=True).start()
time.sleep(0.05)
"""


@parallel
@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.CDLL(None).fork()"])
@pytest.mark.parametrize("before", ["", "time.sleep(0.05)"])
def test_a_forked_child_has_its_own_pool(fork, before):
    before = "pool.set_num_threads(2); two_threads_meet();" + before
    assert in_new_process(FORKED.format(fork=fork, before=before)) == "0 True"


@parallel
def test_a_forked_child_has_its_own_pool_on_kernels_that_cannot_wipe_pages():
    before = "pool._MADV_WIPEONFORK = 9999; pool.set_num_threads(2); two_threads_meet()"
    assert in_new_process(FORKED.format(fork="os.fork()", before=before)) == "0 True"


@parallel
def test_a_child_forked_while_another_thread_is_in_a_region_works():
    code = FORKED.format(fork="os.fork()", before="pool.set_num_threads(2)\n" + DURING)
    # The parent's own region may find the pool taken by its other thread, so only the child is asked.
    assert in_new_process(code.replace(", two_threads_meet())", ")")) == "0"


@parallel
def test_multiprocessing_with_fork_works_after_a_region():
    code = """
import multiprocessing
def child(n):
    counts = integers(n); run("count", counts, n, 10); return set(counts) == {10}
pool.set_num_threads(2); two_threads_meet()
with multiprocessing.get_context("fork").Pool(3) as workers:
    print(all(workers.map(child, [8] * 20)))
"""
    assert in_new_process(code) == "True"


# ---- idling, ending, signals


@parallel
def test_an_idle_pool_uses_no_processor_time():
    assert two_threads_meet()
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - start < 0.005


@parallel
@pytest.mark.parametrize("ending", ["", "os._exit(0)", "sys.exit(0)", DURING])
def test_the_process_ends_while_workers_spin_or_work(ending):
    code = "import os, sys\npool.set_num_threads(4)\nrun('count', integers(99), 99, 99)\n" + ending
    for _ in range(3):
        assert in_new_process(code) == ""


@parallel
def test_workers_leave_signals_to_python():
    code = """
import os, signal
pool.set_num_threads(4); two_threads_meet(); run("hold", integers(5), 64, 100)
def blocked(task):
    lines = open(f"/proc/self/task/{task}/status").read().splitlines()
    return int([l for l in lines if l.startswith("SigBlk")][0].split()[1], 16) >> (signal.SIGINT - 1) & 1
tasks = [t for t in os.listdir("/proc/self/task") if int(t) != os.getpid()]
print(len(tasks), {blocked(t) for t in tasks}, blocked(os.getpid()))
"""
    assert in_new_process(code, OPENBLAS_NUM_THREADS="1") == "3 {1} 0"


@parallel
def test_nothing_starts_before_the_first_parallel_region():
    code = """
import os
pool.set_num_threads(4); loaded()
before = len(os.listdir("/proc/self/task"))
run("count", integers(1), 1)
print(before, len(os.listdir("/proc/self/task")))
"""
    assert in_new_process(code, OPENBLAS_NUM_THREADS="1") == "1 1"


@parallel
def test_a_system_that_refuses_threads_gets_serial_regions():
    # RLIMIT_AS leaves no room for another stack; root is exempt from RLIMIT_NPROC.
    code = """
import resource
pool.set_num_threads(8); loaded(); repeat_function()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), -1))
counts = integers(50); run("count", counts, 50, 100)
print(set(counts), len(__import__("os").listdir("/proc/self/task")))
"""
    assert in_new_process(code, OPENBLAS_NUM_THREADS="1") == "{100} 1"


# ---- how many


@linux
def test_the_affinity_mask_limits_the_threads():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(pool.get_num_threads())"
    assert in_new_process(code, GRAPHC_NUM_THREADS="") == "1"


@parallel
def test_regions_finish_when_all_threads_share_one_processor():
    code = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
pool.set_num_threads(4)
counts = integers(64); run("count", counts, 64, 2000)
held = integers(5); run("hold", held, 64, 20)
print(set(counts), set(held))
"""
    assert in_new_process(code) == "{2000} {0}"


def test_the_environment_chooses_the_number_of_threads():
    assert in_new_process("print(pool.get_num_threads())", GRAPHC_NUM_THREADS="5") == "5"


@pytest.mark.parametrize("text", ["0", "-1", "many", "1024", "2.5"])
def test_a_number_of_threads_that_is_none_names_itself(monkeypatch, text):
    monkeypatch.setenv("GRAPHC_NUM_THREADS", text)
    with pytest.raises(ValueError, match=f"GRAPHC_NUM_THREADS='{text}': write a number from 1 to 1023"):
        processors.default_threads()


@pytest.mark.parametrize("threads", [0, -1, 1024])
def test_setting_an_impossible_number_of_threads_is_refused(threads):
    with pytest.raises(ValueError, match=f"^{threads} threads: the number must be from 1 to 1023$"):
        pool.set_num_threads(threads)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_quota_of_control_groups_version_2_is_the_least_of_all_ancestors(tmp_path):
    group = "sys/fs/cgroup/a"
    files = {"proc/self/cgroup": "0::/a/b\n", f"{group}/cpu.max": "150000 100000\n"}
    assert processors.quota(write(tmp_path, files)) == 1.5
    assert processors.quota(write(tmp_path, {f"{group}/b/cpu.max": "max 100000\n"})) == 1.5
    assert processors.quota(write(tmp_path, {f"{group}/b/cpu.max": "50000 100000\n"})) == 0.5


def test_a_path_outside_of_the_container_means_the_mounted_root(tmp_path):
    files = {"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}
    assert processors.quota(write(tmp_path, files)) == 2


def test_the_quota_of_control_groups_version_1_is_read(tmp_path):
    group = "sys/fs/cgroup/cpu,cpuacct/x"
    files = {
        "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/x\n",
        f"{group}/cpu.cfs_quota_us": "300000\n",
        f"{group}/cpu.cfs_period_us": "100000\n",
    }
    assert processors.quota(write(tmp_path, files)) == 3
    assert processors.quota(write(tmp_path, {f"{group}/cpu.cfs_quota_us": "-1\n"})) == math.inf


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert processors.quota(tmp_path) == math.inf


def test_a_fraction_of_a_processor_is_one_thread(monkeypatch):
    monkeypatch.delenv("GRAPHC_NUM_THREADS", raising=False)
    monkeypatch.setattr(processors, "quota", lambda: 0.3)
    assert processors.default_threads() == 1


# ---- without futexes


def test_the_serial_form_runs_every_task():
    import ctypes

    from graphc.backends.cpu.jit import object_code
    from graphc.backends.cpu.loaded import Loaded
    from graphc.runtime.pool_ir import serial_ir

    code = Loaded(object_code(serial_ir()))
    seen: list[tuple[int, int]] = []
    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        lambda _, task, seat: seen.append((task, seat))
    )
    signature = ctypes.CFUNCTYPE(None, type(body), ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    signature(code.address("graphc_parallel"))(body, None, 3, 2)
    assert seen == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("machine", ["aarch64", "riscv64"])
def test_the_pool_compiles_for_other_processors(machine):
    import llvmlite.binding as llvm

    from graphc.backends.cpu.jit import object_code
    from graphc.runtime.pool_ir import parallel_ir
    from graphc.runtime.pool_machines import MACHINES

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    features = "+a" if machine == "riscv64" else ""
    target = llvm.Target.from_triple(f"{machine}-unknown-linux-gnu").create_target_machine(features=features)
    assert object_code(parallel_ir(MACHINES[machine]), target).startswith(b"\x7fELF")
