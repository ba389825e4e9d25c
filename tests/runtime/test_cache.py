"""The cache on disk: what is stored comes back, whatever happens to the disk is a miss."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from graphc.runtime import cache as cache_module
from graphc.runtime import fingerprint
from graphc.runtime.cache import CacheWarning, DiskCache, Entry, cache_key

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to chown")
KEY = cache_key("a program")
ENTRY = Entry(code=b"\x7fELF code" * 100, manifest={"symbol": "main_1", "arena": [1, 2.5, None, True]})


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "deep" / "cache")


def path_of(cache: DiskCache, key: str = KEY) -> Path:
    assert cache.directory is not None
    return cache.directory / f"{key}.graphc"


def files(cache: DiskCache) -> list[str]:
    assert cache.directory is not None
    return sorted(p.name for p in cache.directory.iterdir())


# ---- storing and finding


def test_an_entry_comes_back_equal(cache):
    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY
    assert DiskCache(cache.directory).get(KEY) == ENTRY


def test_empty_code_and_manifest_come_back(cache):
    cache.put(KEY, Entry(b"", {}))
    assert cache.get(KEY) == Entry(b"", {})


def test_the_last_put_wins_and_leaves_one_file(cache):
    cache.put(KEY, ENTRY)
    cache.put(KEY, Entry(b"new", {}))
    assert cache.get(KEY) == Entry(b"new", {})
    assert len(files(cache)) == 1


def test_clear_counts_and_removes(cache):
    assert cache.clear() == 0
    for i in range(3):
        cache.put(cache_key(str(i)), ENTRY)
    assert cache.total_size() == sum(item.size for item in cache.entries()) > 3 * len(ENTRY.code)
    assert cache.clear() == 3
    assert files(cache) == [] and cache.entries() == [] and cache.total_size() == 0


def test_other_files_in_the_directory_are_left_alone(cache):
    cache.put(KEY, ENTRY)
    (cache.directory / "notes.txt").write_text("mine")
    cache.clear()
    assert files(cache) == ["notes.txt"]


def test_a_key_that_is_a_path_is_refused(cache):
    with pytest.raises(ValueError, match="is no cache key"):
        cache.get("../../etc/passwd")


def test_a_manifest_that_is_not_json_is_refused(cache):
    with pytest.raises(TypeError):
        cache.put(KEY, Entry(b"", {"symbol": object()}))


# ---- keys


def test_keys_keep_parts_and_kinds_apart():
    keys = [cache_key("ab", "c"), cache_key("a", "bc"), cache_key("abc"), cache_key(b"abc"), cache_key()]
    assert len(set(keys)) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_keys_are_the_same_in_every_process():
    code = "from graphc.runtime.cache import cache_key; print(cache_key('a program'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == KEY


@pytest.mark.parametrize("part", ["compiler_source", "llvm_version", "processor"])
def test_keys_change_with_the_compiler_llvm_and_the_processor(monkeypatch, part):
    fingerprint.environment.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, part, lambda: "another")
        other = cache_key("a program")
    fingerprint.environment.cache_clear()
    assert other != KEY == cache_key("a program")


def test_the_fingerprint_names_llvm_and_the_processors_features():
    import llvmlite

    assert llvmlite.__version__ in fingerprint.llvm_version()
    if sys.platform == "linux":
        assert re.search("flags|Features|isa", fingerprint.processor())


# ---- where it lives


def test_the_environment_chooses_directory_and_limit(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "3M")
    assert (DiskCache().directory, DiskCache().limit) == (tmp_path / "x", 3 << 20)
    monkeypatch.delenv("GRAPHC_CACHE_DIR")
    monkeypatch.delenv("GRAPHC_CACHE_SIZE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform != "win32":
        assert (DiskCache().directory, DiskCache().limit) == (tmp_path / "graphc", 512 << 20)


def test_the_cache_can_be_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GRAPHC_CACHE", "off")
    cache = DiskCache()
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) is None and cache.entries() == [] and cache.clear() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_is_no_size_names_itself(monkeypatch):
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "plenty")
    with pytest.raises(ValueError, match="GRAPHC_CACHE_SIZE='plenty' is not a size"):
        DiskCache()


def test_importing_the_cache_imports_no_compiler():
    code = """
import sys
from graphc.runtime.cache import DiskCache, cache_key
cache_key("x")
print([m for m in ("numba", "llvmlite", "sympy", "numpy", "pickle") if m in sys.modules])
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


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
    assert cache.directory.stat().st_mode & 0o777 == 0o700
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


# ---- disks that refuse


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


# ---- size


def test_the_least_recently_used_entries_are_evicted(tmp_path):
    cache = DiskCache(tmp_path / "c", limit=16_000)
    keys = [cache_key(str(i)) for i in range(4)]
    for age, key in enumerate(keys):
        cache.put(key, Entry(bytes(3000), {}))
        os.utime(path_of(cache, key), (1000 + age, 1000 + age))
    assert cache.get(keys[0]) is not None  # now the most recently used
    assert [item.key for item in cache.entries()] == [*keys[1:], keys[0]]
    for i in range(2):
        cache.put(cache_key("new", str(i)), Entry(bytes(3000), {}))
    kept = [item.key for item in cache.entries()]
    assert keys[0] in kept and keys[1] not in kept and cache_key("new", "1") in kept


def test_one_writer_never_exceeds_the_limit(tmp_path):
    cache = DiskCache(tmp_path / "c", limit=50_000)
    for i in range(200):
        cache.put(cache_key(str(i)), Entry(bytes(17 * i), {}))
        assert cache.total_size() <= 50_000
    assert cache.total_size() > 40_000


def test_what_is_larger_than_the_cache_is_not_stored(tmp_path):
    cache = DiskCache(tmp_path / "c", limit=1000)
    with pytest.warns(CacheWarning, match="too large"):
        cache.put(KEY, ENTRY)
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
    os.utime(cache.directory / left, (past, past))
    DiskCache(cache.directory).put(cache_key("next"), ENTRY)
    assert left not in files(cache) and len(files(cache)) == 2
