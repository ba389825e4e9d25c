"""Entries that are damaged, planted or owned by others, writers that die: a miss, never another answer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from graphc.runtime import cache as cache_module
from graphc.runtime.cache import CacheWarning, DiskCache, Entry, cache_key
from tests.runtime.cache_entries import ENTRY, KEY, files, path_of, posix, root

# ---- damage


def damaged(data: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "garbage": b"\0garbage" * 50,
        "truncated": data[:-1],
        "header only": data[:30],
        "extended": data + b"\0",
        "flipped code": data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
        "flipped manifest": data[:60] + bytes([data[60] ^ 1]) + data[61:],
        "length of the manifest": data[:40] + b"\xff" * 8 + data[48:],
        "older format": data[:7] + b"\0" + data[8:],
    }


@pytest.mark.parametrize("kind", list(damaged(bytes(100))))
def test_a_damaged_entry_is_a_miss_and_is_removed(cache, kind):
    cache.put(KEY, ENTRY)
    path_of(cache).write_bytes(damaged(path_of(cache).read_bytes())[kind])
    with pytest.warns(CacheWarning, match="was dropped: its checksum"):
        assert cache.get(KEY) is None
    assert files(cache) == []
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY


def test_an_entry_under_another_key_is_a_miss(cache):
    cache.put(KEY, ENTRY)
    other = cache_key("another")
    path_of(cache).rename(path_of(cache, other))
    with pytest.warns(CacheWarning):
        assert cache.get(other) is None


def test_damage_warns_once(cache):
    for attempt in range(3):
        cache.put(KEY, ENTRY)
        path_of(cache).write_bytes(b"garbage")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert cache.get(KEY) is None
        assert len(caught) == (1 if attempt == 0 else 0)


# ---- hostile files


def plant(kind: str, path: Path, target: Path) -> None:
    if kind == "symbolic link":
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target.parent / "missing")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    elif kind == "writable by all":
        path.write_bytes(target.read_bytes())
        path.chmod(0o666)


@posix
@pytest.mark.parametrize(
    "kind", ["symbolic link", "dangling link", "directory", "fifo", "socket", "huge", "writable by all"]
)
def test_what_is_not_our_file_is_removed_and_never_followed(tmp_path, monkeypatch, kind):
    cache = DiskCache(tmp_path / "c")
    cache.put(KEY, ENTRY)
    target = tmp_path / "target"
    path_of(cache).rename(target)
    monkeypatch.chdir(cache.directory)  # a socket's path must be short
    plant(kind, Path(path_of(cache).name) if kind == "socket" else path_of(cache), target)
    started = time.monotonic()
    with pytest.warns(CacheWarning, match="was dropped"):
        assert cache.get(KEY) is None
    assert time.monotonic() - started < 1
    assert files(cache) == []
    assert target.stat().st_size > 0
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY


@posix
def test_a_full_directory_under_a_key_warns_and_nothing_breaks(cache):
    cache.put(cache_key("other"), ENTRY)
    path_of(cache).mkdir()
    (path_of(cache) / "file").touch()
    with pytest.warns(CacheWarning):
        assert cache.get(KEY) is None
    with pytest.warns(CacheWarning, match="nothing is stored"):
        cache.put(KEY, ENTRY)
    assert cache.get(cache_key("other")) == ENTRY
    assert not [name for name in files(cache) if name.endswith(".tmp")]


# ---- who may write


@posix
def test_a_new_directory_and_its_files_are_the_owners_alone(cache):
    old = os.umask(0)
    try:
        cache.put(KEY, ENTRY)
    finally:
        os.umask(old)
    assert Path(cache.directory).stat().st_mode & 0o777 == 0o700
    assert path_of(cache).stat().st_mode & 0o777 == 0o600


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
@pytest.mark.parametrize("through_link", [False, True])
def test_a_directory_that_others_can_write_is_refused(tmp_path, mode, through_link):
    directory = tmp_path / "open"
    DiskCache(directory).put(KEY, ENTRY)
    directory.chmod(mode)
    if through_link:
        (tmp_path / "link").symlink_to(directory)
        directory = tmp_path / "link"
    cache = DiskCache(directory)
    with pytest.warns(CacheWarning, match="writable by others"):
        assert cache.get(KEY) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put(cache_key("new"), ENTRY)
    assert len(list(directory.iterdir())) == 1


@root
def test_a_directory_of_another_user_is_refused(cache):
    cache.put(KEY, ENTRY)
    os.chown(cache.directory, 12345, -1)
    with pytest.warns(CacheWarning, match="owned by user 12345"):
        assert cache.get(KEY) is None


@root
def test_an_entry_of_another_user_is_dropped(cache):
    cache.put(KEY, ENTRY)
    os.chown(path_of(cache), 12345, -1)
    with pytest.warns(CacheWarning, match="owned by user 12345"):
        assert cache.get(KEY) is None


# ---- parallel and dying processes


def hammer(directory: Path, number: int, rounds: int) -> None:
    warnings.simplefilter("error")
    cache = DiskCache(directory, limit=40_000)
    for i in range(rounds):
        key = cache_key(str(i % 3))
        cache.put(key, Entry(bytes([number]) * (500 + 1500 * number), {"writer": number}))
        entry = cache.get(key)
        if entry is not None:
            writer = entry.manifest["writer"]
            assert entry.code == bytes([writer]) * (500 + 1500 * writer)
        if i % 50 == 49:
            cache.clear()


def test_parallel_writers_of_the_same_keys_never_tear_an_entry(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=hammer, args=(tmp_path / "c", n, 300)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4


WRITER = """
import os, sys, time
from graphc.runtime.cache import *
def slow(descriptor, data, write=os.write):
    done = write(descriptor, bytes(data[:100]))
    print("writing", flush=True)
    time.sleep(60)
    return done
os.write = slow
DiskCache(sys.argv[1]).put(cache_key("a program"), Entry(b"half" * 1000, {}))
"""


@posix
def test_a_killed_writer_leaves_a_miss_and_its_file_is_cleaned_later(cache):
    command = [sys.executable, "-c", WRITER, str(cache.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"writing\n"
        writer.send_signal(signal.SIGKILL)
    [left] = files(cache)
    assert left.endswith(".tmp")
    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY
    assert left in files(cache)  # its writer might still be alive
    past = time.time() - 2 * cache_module.ABANDONED_AFTER
    os.utime(Path(cache.directory, left), (past, past))
    DiskCache(cache.directory).put(cache_key("next"), ENTRY)
    assert left not in files(cache) and len(files(cache)) == 2
