"""What the tests of the cache share: one entry, and where it lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from graphc.runtime.cache import DiskCache, Entry, cache_key

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to chown")
KEY = cache_key("a program")
ENTRY = Entry(code=b"\x7fELF code" * 100, manifest={"symbol": "main_1", "arena": [1, 2.5, None, True]})


def path_of(cache: DiskCache, key: str = KEY) -> Path:
    assert cache.directory is not None
    return Path(cache.directory) / f"{key}.graphc"


def files(cache: DiskCache) -> list[str]:
    assert cache.directory is not None
    return sorted(p.name for p in Path(cache.directory).iterdir())
