"""Every Python block in the documents runs, and prints what the document says."""

import re

import pytest

from graphc.api.numba_interop import register
from tests.docs.documents import ROOT, has_programs, programs, renewed, runs, same

register()  # Numba does it where graphc is installed; tests also run from the source alone
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_every_block_prints_what_the_document_says(path, update_golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what they write
    if update_golden:
        for _ in range(2):  # the first time moves lines that are named in what is printed
            _renew(path, runs)
    _check(path, runs(path.read_text(), path.name))


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if has_programs(path.read_text())])
def test_every_program_prints_what_the_document_says(path, update_golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in runs(path.read_text(), path.name):  # they make what the programs use
        pass
    if update_golden:
        _renew(path, lambda text, name: programs(text, tmp_path))
    found = list(programs(path.read_text(), tmp_path))
    if not found:
        pytest.skip("no tools for the programs in this document")
    _check(path, found)


def _renew(path, printed):
    text = path.read_text()
    path.write_text(renewed(text, printed(text, path.name)))


def _check(path, found):
    for block, printed in found:
        expected = block.output or ""
        message = f"{path.name}:{block.line} prints\n{printed}\nif that is right: pytest --update-golden"
        assert same(expected, printed), message


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_lead_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_index_of_decisions_lists_every_page():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d\d\d-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
