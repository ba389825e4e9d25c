"""What all tests share: a cache of their own, and which tests run when."""

import os
import tempfile
from pathlib import Path

import pytest

# Compiled code of earlier versions must not reach the tests: every run starts with an empty cache. Worker
# processes of pytest-xdist inherit the directory of the process that started them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="graphc-tests-")
    os.environ["GRAPHC_CACHE_DIR"] = str(Path(_cache.name) / "cache")


# Every pass's result is verified while tests run.
os.environ.setdefault("GRAPHC_VERIFY", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the slow tests out unless `-m` or a test's own name asks for them."""
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "slow" not in item.keywords]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a parity test where a library that it names is missing: `@pytest.mark.parity("torch")`."""
    for marker in item.iter_markers("parity"):
        for name in marker.args:
            pytest.importorskip(name, reason=f"compares with {name}, which is not installed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the texts in tests/golden anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-golden"))
