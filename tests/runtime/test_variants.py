"""Programs that differ in numbers share code from the second on, and compute what each alone would."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.backends.cpu import jit
from graphc.runtime import registry
from graphc.runtime.cache import DiskCache, Entry
from graphc.runtime.cpu_backend import CpuBackend
from graphc.runtime.variants import KEPT, KEPT_BYTES, Variants

NUMBERS = [0.7, 1.3, 2.9, -3.5, 1e-300, 0.1]
Fresh = Callable[[], CpuBackend]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fresh:
    """What makes a backend that knows no program, all with one cache on disk, the one that compiles."""

    def make() -> CpuBackend:
        backend = CpuBackend()
        backend._cache = DiskCache(tmp_path / "cache")
        monkeypatch.setitem(registry._instances, "cpu", backend)
        return backend

    return make


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that were compiled."""
    texts: list[str] = []
    code = jit.object_code
    monkeypatch.setattr(jit, "object_code", lambda text: (texts.append(text), code(text))[1])
    return texts


def formula(x: Any, c: float) -> Any:
    return np.tanh(x * c) + x / (c + 2.3) - x * x


def of_numbers(function: Callable[[Any, float], Any], x: Any) -> list[Any]:
    return [graphc.compile(lambda x, c=c: function(x, c))(x) for c in NUMBERS]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(), (7,), (1003,)])
@pytest.mark.parametrize(
    "function",
    [
        formula,
        lambda x, c: np.sum(np.exp(x * c) / 3.7) - c,
        lambda x, c: np.where(x > 0, x * c, c * 1.1 - x) * np.sin(x * c + 0.3),
        lambda x, c: (x * c - 1.7, x + c),
    ],
    ids=["elementwise", "sum", "branches", "two"],
)
def test_results_are_those_of_a_program_alone(
    fresh: Fresh, tmp_path: Path, dtype: Any, size: tuple[int, ...], function: Any
) -> None:
    x = np.random.default_rng(5).normal(size=size).astype(dtype)[()]
    fresh()
    together = of_numbers(function, x)
    for c, got in zip(NUMBERS, together, strict=True):
        backend = fresh()
        backend._cache = DiskCache(tmp_path / f"cache of {c}")
        alone = graphc.compile(lambda x, c=c: function(x, c))(x)
        for a, b in zip(np.atleast_1d(*flat(got)), np.atleast_1d(*flat(alone)), strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes()


def flat(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result, result)


def test_two_modules_suffice(fresh: Fresh, compiled: list[str]) -> None:
    fresh()
    x = np.linspace(-1, 1, 100)
    for c, got in zip(NUMBERS, of_numbers(formula, x), strict=True):
        np.testing.assert_allclose(got, formula(x, c), rtol=1e-14, atol=1e-15)
    assert len(compiled) == 2


def test_the_first_has_its_numbers_in_its_code(fresh: Fresh, compiled: list[str]) -> None:
    fresh()
    of_numbers(formula, np.linspace(-1, 1, 100))
    special, general = compiled
    assert "splat (double 0x3fe6666666666666)" in special
    assert "splat (double 0x3fe6666666666666)" not in general


def test_programs_without_numbers_are_shared_at_once(fresh: Fresh, compiled: list[str]) -> None:
    fresh()
    x = np.linspace(-1, 1, 100)
    for name in "ab":
        namespace: dict[str, Any] = {"np": np}
        exec(f"def {name}(x): return np.tanh(x) - x * x", namespace)
        np.testing.assert_allclose(graphc.compile(namespace[name])(x), np.tanh(x) - x * x, rtol=1e-14)
    assert len(compiled) == 1


def test_numbers_that_change_the_code_are_not_shared(fresh: Fresh, compiled: list[str]) -> None:
    fresh()
    x = np.linspace(-1, 1, 100)
    for c in (0.5, 2.0, 3.0, 0.0):
        np.testing.assert_array_equal(graphc.compile(lambda x, c=c: x * x * c)(x), x * x * c)
    assert len(compiled) == 4


def test_errors_keep_their_own_lines(fresh: Fresh) -> None:
    fresh()

    def first(x: Any) -> Any:
        return np.linalg.cholesky(x * 1.7)

    def second(x: Any) -> Any:
        return np.linalg.cholesky(x * 1.9)

    x = -np.eye(3)
    texts = []
    for function in (first, second):
        with pytest.raises(np.linalg.LinAlgError) as error:
            graphc.compile(function)(x)
        texts.append(str(error.value))
    assert texts[0] != texts[1]
    assert all("test_variants.py" in text for text in texts)


def test_shared_code_is_found_on_disk(fresh: Fresh, compiled: list[str]) -> None:
    fresh()
    x = np.linspace(-1, 1, 100)
    before = of_numbers(formula, x)
    fresh()
    for a, b in zip(of_numbers(formula, x), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(compiled) == 2


def test_equal_code_is_loaded_once(fresh: Fresh) -> None:
    backend = fresh()
    kept = [graphc.compile(lambda x, c=c: x * c)(2.0) for c in NUMBERS]
    assert len(kept) == len(NUMBERS)
    assert len(backend._loaded) <= 2


def test_profiles_of_shared_code(fresh: Fresh) -> None:
    fresh()
    x = np.linspace(-1, 1, 100)
    for c in NUMBERS[:3]:
        function = graphc.compile(lambda x, c=c: np.tanh(x * c) + c)
        assert "k0" in str(function.profile(x))


def test_lists_and_tuples_have_entries_of_their_own(fresh: Fresh) -> None:
    """An entry for lists answers tuples by way of Python, a thousand times slower."""
    backend = fresh()
    x = np.ones(3)
    for arguments in ([x, x], (x, x)):
        np.testing.assert_array_equal(graphc.compile(lambda xs: xs[0] + xs[1])(arguments), x + x)
    assert len(backend._cache.entries()) == 2


def test_old_forms_are_forgotten() -> None:
    variants = Variants()
    variants.keep("first", Entry(b"code", {}))
    for i in range(KEPT - 1):
        assert not variants.met(str(i))
    assert variants.get("first") == Entry(b"code", {})
    assert variants.met("0")
    variants.met("one more")
    assert variants.get("first") is None


def test_code_that_is_kept_has_a_limit() -> None:
    variants = Variants()
    for name in ("first", "second"):
        variants.keep(name, Entry(bytes(KEPT_BYTES // 2 + 1), {}))
    assert variants.get("first") is None
    assert variants.get("second") is not None
    variants.keep("too large", Entry(bytes(KEPT_BYTES + 1), {}))
    assert variants.get("too large") is None


def test_threads_that_compile_at_once_do_not_disturb_each_other():
    variants, errors = Variants(), []

    def work(number):
        try:
            for i in range(400):
                form = f"{number} {i}"
                variants.met(form)
                variants.keep(form, Entry(bytes(1 << 16), {}))
                variants.get(form)
        except Exception as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
