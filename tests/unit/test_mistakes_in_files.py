"""Every mistake in a file is told with its line, its key and what to write (``mistakes/``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.configuring import ACCEPTING, EXPOSING, IMPORTING, TENANT, Folders

CASES = Path(__file__).with_name("mistakes")
SOUND = {
    "importing": IMPORTING,
    "exposing": EXPOSING,
    "accepting": ACCEPTING,
    "tenant": TENANT,
}


def mistakes() -> Iterator[object]:
    for kind in SOUND:
        for case in yaml.safe_load((CASES / f"{kind}.yaml").read_text()):
            yield pytest.param(kind, case, id=f"{kind}: {case['told'][:70]}")


@pytest.mark.parametrize(("kind", "mistake"), list(mistakes()))
def test_a_mistake_is_told(folders: Folders, kind: str, mistake: dict[str, str]) -> None:
    assert mistake["replace"] in SOUND[kind]
    broken = SOUND[kind].replace(mistake["replace"], mistake["by"], 1)
    write = folders.tenant if kind == "tenant" else folders.connection
    told = f"{write(broken).name}:{mistake['told']}"
    problems = folders.problems()
    assert any(problem.startswith(told) for problem in problems), problems


def test_the_files_that_get_broken_are_sound(folders: Folders) -> None:
    folders.connection(IMPORTING)
    folders.connection(EXPOSING, "exposing.yaml")
    folders.connection(ACCEPTING, "accepting.yaml")
    assert folders.problems() == []
