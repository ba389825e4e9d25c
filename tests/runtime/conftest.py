from pathlib import Path

import pytest

from graphc.runtime.cache import DiskCache


@pytest.fixture(params=[True, False], ids=["native", "python"])
def native(request):
    """Every entry behaves the same in machine code and in Python."""
    return request.param


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "deep" / "cache")
