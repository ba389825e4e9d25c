"""How many processors this process may use: affinity, container quota, the user's wish."""

from __future__ import annotations

import math
import os
import sys

MOST_THREADS = 1023  # what the pool's ticket has bits for


def default_threads() -> int:
    """$GRAPHC_NUM_THREADS, else min(processors of the affinity mask, ⌈container quota⌉)."""
    text = os.environ.get("GRAPHC_NUM_THREADS", "").strip()
    if text:
        if not text.isdecimal() or not 1 <= int(text) <= MOST_THREADS:
            raise ValueError(f"GRAPHC_NUM_THREADS={text!r}: write a number from 1 to {MOST_THREADS}")
        return int(text)
    # Rounded up: one and a half processors finish more work with two throttled threads than with one.
    return max(1, math.ceil(min(_allowed(), quota(), MOST_THREADS)))


def quota(root: str = "/") -> float:
    """Processors that the control groups of this process grant; ∞ where nothing limits them.

    Every ancestor group limits its descendants. Inside a container the path named in /proc may lie
    outside of what is mounted; the mount's root is then the group.
    """
    try:
        lines = _text(os.path.join(root, "proc/self/cgroup")).splitlines()
    except OSError:
        return math.inf
    limits = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = os.path.join(root, "sys/fs/cgroup", controllers)
        parts = path.strip("/").split("/")
        for depth in range(len(parts) + 1):
            limits.append(_limit(os.path.join(mount, *parts[:depth]), unified=not controllers))
    return min(limits)


def _limit(group: str, *, unified: bool) -> float:
    """quota / period of one group: version 2 keeps both in one file, version 1 in two."""
    try:
        if unified:
            granted, period = _text(os.path.join(group, "cpu.max")).split()
        else:
            granted = _text(os.path.join(group, "cpu.cfs_quota_us")).strip()
            period = _text(os.path.join(group, "cpu.cfs_period_us"))
    except OSError:
        return math.inf
    return math.inf if granted in ("max", "-1") else int(granted) / int(period)


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _allowed() -> int:
    if sys.platform == "linux":
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return allowed
