"""The cache on a file system that is really full: right results, one warning, and nothing torn."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.errors.test_cache_of_programs import entries, run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB in memory, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(disk)]
    if shutil.which("mount") is None:
        pytest.skip("no mount command: cannot make a file system to fill")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a file system to fill: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Writes until the system says that there is no space left."""
    with pytest.raises(OSError, match="No space left on device"), (disk / "ballast").open("wb") as file:
        while True:
            file.write(bytes(1024))
            file.flush()


def test_a_full_file_system_costs_one_warning(small_disk: Path) -> None:
    cache = small_disk / "cache"
    cache.mkdir(mode=0o700)
    fill(small_disk)
    report = run(cache)
    assert report["compiled"] and len(report["warnings"]) == 1
    assert not entries(cache)


def test_the_cache_works_once_there_is_space_again(small_disk: Path) -> None:
    cache = small_disk / "cache"
    cache.mkdir(mode=0o700)
    fill(small_disk)
    run(cache)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    (small_disk / "ballast").unlink()
    assert not run(cache)["warnings"]
    assert not run(cache)["compiled"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_writing_to_the_full_device_is_what_the_cache_expects() -> None:
    """The error that the tests inject elsewhere is the one the system raises."""
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert caught.value.errno == 28
