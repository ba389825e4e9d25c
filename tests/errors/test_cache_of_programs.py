"""Compiled functions where the cache is damaged, hostile, full or missing: the right answer and a warning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys, warnings
import numpy as np
import graphc

def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)

w, x = np.linspace(-1, 1, 6).reshape(3, 2), np.linspace(0, 1, 12).reshape(4, 3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    value, gradient = graphc.value_and_grad(loss)(w, x)
    product = graphc.compile(lambda x, w: x @ w)(x, w)
y = np.tanh(x @ w)
np.testing.assert_allclose(value, np.sum(y**2), rtol=1e-14)
np.testing.assert_allclose(gradient, x.T @ (2 * y * (1 - y**2)), rtol=1e-13)
np.testing.assert_allclose(product, x @ w, rtol=1e-14)
found = [str(w.message) for w in caught]
print(json.dumps({"warnings": found, "compiled": "graphc.lower.program" in sys.modules,
                  "modules": list(sys.modules)}))
"""


def run(directory: Path) -> dict:
    """What the program reports with its cache in this directory; its results are checked inside."""
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(directory)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def entries(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file())


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A cache directory that holds the program."""
    report = run(tmp_path / "cache")
    assert report["compiled"] and not report["warnings"]
    assert entries(tmp_path / "cache")
    return tmp_path / "cache"


def test_a_warm_start_compiles_nothing_and_imports_no_compiler(filled: Path) -> None:
    report = run(filled)
    assert not report["compiled"]
    heavy = {"numba", "sympy", "scipy", "rich", "graphc.backends.cpu.emit"}
    assert not heavy & set(report["modules"])


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a flipped bit": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "longer": lambda data: data + b"\0",
    "other bytes": lambda data: os.urandom(len(data)),
    "machine code of others": lambda data: b"\x7fELF" + data[4:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_compiled_again(filled: Path, damage: str) -> None:
    for path in entries(filled):
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    report = run(filled)
    assert report["compiled"] and len(report["warnings"]) == 1
    assert not run(filled)["compiled"]  # repaired


def test_entries_swapped_for_each_other_are_not_believed(filled: Path) -> None:
    first, second = entries(filled)[:2]
    data = first.read_bytes(), second.read_bytes()
    first.write_bytes(data[1])
    second.write_bytes(data[0])
    assert run(filled)["compiled"]


def test_a_directory_that_others_can_write_is_not_used(filled: Path) -> None:
    filled.chmod(0o777)
    report = run(filled)
    assert report["compiled"] and len(report["warnings"]) == 1


def test_links_in_place_of_entries_are_not_followed(filled: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for path in entries(filled):
        target.write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(target)
    before = target.read_bytes()
    assert run(filled)["compiled"]
    assert target.read_bytes() == before


def test_a_file_in_place_of_the_directory_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a directory")
    report = run(tmp_path / "cache")
    assert report["compiled"] and len(report["warnings"]) == 1
    assert (tmp_path / "cache").read_text() == "not a directory"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full device")
def test_a_full_disk_costs_one_warning(tmp_path: Path) -> None:
    """Files may not grow beyond 1 KiB, as on a full disk; the system reports it as an error."""
    command = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n" + PROGRAM
    )
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["warnings"]) == 1
    assert not entries(tmp_path / "cache")


def test_a_killed_process_leaves_a_cache_that_works(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(directory)}
    killing = "import os, threading; threading.Timer({0}, os._exit, (9,)).start()\n" + PROGRAM
    for delay in (0.3, 0.5, 0.7):
        subprocess.run(
            [sys.executable, "-c", killing.replace("{0}", str(delay))],
            env=environment,
            capture_output=True,
            check=False,
        )
    assert not run(directory)["warnings"]
