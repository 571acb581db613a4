"""What belongs into the repository, and what must never be in it."""

from __future__ import annotations

import re

import pytest

from tests.architecture.project import ROOT, tracked_files

#: Written so that this file does not contain what it looks for.
UNWANTED = {
    "a package index": r"(--(extra-)?index-ur[l]|--find-link[s]|--trusted-hos[t]|/simple/?['\"\s])",
    "a registry's host": r"(pypi\.or[g]|pythonhosted\.or[g]|artifactor[y]|nexu[s]\.|jfrog\.i[o])",
    "a folder of one machine": r"(?<![\w.])/(home/(?!airflow)|Users/|work/|mnt/|builds/)\w",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KE[Y]",
}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_what_people_look_for_first_is_there(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("what", UNWANTED)
def test_no_tracked_file_names(what: str) -> None:
    found = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        if match := re.search(UNWANTED[what], text, re.IGNORECASE):
            found.append(f"{path.relative_to(ROOT)}: {match.group(0)}")
    assert found == []


def test_no_lock_that_would_carry_addresses_is_tracked() -> None:
    assert not (ROOT / "uv.lock").exists()


def test_nothing_that_is_made_is_tracked() -> None:
    made = {".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", "logs", "build", "dist"}
    assert [path for path in tracked_files() if made & set(path.relative_to(ROOT).parts)] == []
