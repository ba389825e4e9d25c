"""The cache on disk: what is stored comes back, under its key, within its size."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.runtime import fingerprint
from graphc.runtime.cache import CacheWarning, DiskCache, Entry, cache_key
from tests.runtime.cache_entries import ENTRY, KEY, files, path_of

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
    Path(cache.directory, "notes.txt").write_text("mine")
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
    assert (DiskCache().directory, DiskCache().limit) == (str(tmp_path / "x"), 3 << 20)
    monkeypatch.delenv("GRAPHC_CACHE_DIR")
    monkeypatch.delenv("GRAPHC_CACHE_SIZE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform != "win32":
        assert (DiskCache().directory, DiskCache().limit) == (str(tmp_path / "graphc"), 512 << 20)


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
