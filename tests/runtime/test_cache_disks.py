"""Disks that refuse writing, are full or read-only: one warning, and the answer."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from graphc.runtime.cache import DiskCache, cache_key
from tests.runtime.cache_entries import ENTRY, KEY, files


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("function", ["open", "write", "replace"])
def test_a_disk_that_refuses_writing_costs_one_warning(cache, monkeypatch, number, function):
    cache.put(KEY, ENTRY)
    original = getattr(os, function)

    def refuse(*args, **kwargs):
        if function == "open" and not args[1] & os.O_CREAT:
            return original(*args, **kwargs)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, refuse)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(3):
            cache.put(cache_key(str(i)), ENTRY)
    assert len(caught) == 1 and "nothing is stored" in str(caught[0].message)
    assert len(files(cache)) == 1
    assert cache.get(KEY) == ENTRY


def test_short_writes_are_continued(cache, monkeypatch):
    original = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: original(fd, bytes(data[:7])))
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY


@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_directory_that_cannot_be_made_costs_one_warning(tmp_path, place):
    (tmp_path / "file").touch()
    cache = DiskCache(tmp_path / "file" if place == "file" else tmp_path / "file" / "cache")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache.put(KEY, ENTRY)
        assert cache.get(KEY) is None and cache.entries() == [] and cache.clear() == 0
    assert len(caught) == 1 and "cannot be used" in str(caught[0].message)


MOUNTED = """
import sys, warnings
from graphc.runtime.cache import *
cache = DiskCache(sys.argv[1] + "/cache")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for i in range(6):
        cache.put(cache_key(str(i)), Entry(bytes(60_000), {}))
found = sum(cache.get(cache_key(str(i))) is not None for i in range(6))
print(found, len(caught), [str(w.message) for w in caught])
"""


def on_mounted_disk(options: str, directory: Path) -> str:
    """What MOUNTED prints on a small file system that only the new process sees."""
    script = 'mount -t tmpfs -o "$1" none "$2" && exec "$3" -c "$4" "$2"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    command += [options, str(directory), sys.executable, MOUNTED]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no unshare(1) here")
    if done.returncode and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_full_disk_keeps_what_fits(tmp_path):
    printed = on_mounted_disk("size=200k,mode=700", tmp_path)
    assert re.fullmatch(r"[123] 1 \[.*No space left on device.*\]", printed), printed


def test_a_read_only_disk_works_without_cache(tmp_path):
    printed = on_mounted_disk("ro,mode=700", tmp_path)
    assert printed.startswith("0 1 ") and "Read-only" in printed, printed
