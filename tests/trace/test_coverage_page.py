"""docs/coverage.md says what the tables say."""

from __future__ import annotations

from pathlib import Path

from graphc.trace.coverage import page


def test_the_coverage_page_is_current() -> None:
    stored = Path(__file__).parents[2] / "docs" / "coverage.md"
    assert stored.read_text(encoding="utf-8") == page(), (
        "run: python -m graphc.trace.coverage docs/coverage.md"
    )
