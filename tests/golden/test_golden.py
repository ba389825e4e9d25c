"""The graphs and kernels of representative programs, as files: read the diff when one of them changes.

`python -m pytest tests/golden --update-golden` writes the files anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.programs import PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_graph_and_kernels_are_those_on_file(name: str, update_golden: bool) -> None:
    function, arguments = PROGRAMS[name]
    lowered = function.lower(*arguments)
    folder = Path(__file__).parent / name
    texts = {
        "graph.txt": f"{lowered.graph}\n",
        "kernels.txt": f"{lowered.kernels}\n",
        "kernels.py": lowered.source,
    }
    for file, text in texts.items():
        path = folder / file
        if update_golden:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), (
            f"{path} differs; if the new text is right, write it with `pytest tests/golden --update-golden`"
        )


def test_printing_twice_gives_the_same_text() -> None:
    for function, arguments in PROGRAMS.values():
        assert function.lower(*arguments).source == function.lower(*arguments).source
