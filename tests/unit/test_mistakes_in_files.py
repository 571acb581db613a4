"""Every mistake in a file is told with its line, its key and what to write (``mistakes/``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from profile_exchange.config.registry import read_connection
from profile_exchange.domain.errors import ConfigurationError
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


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("title: Again\n", "13: title: this key stands here twice; keep one."),
        ("? [a, b]\n: 1\n", "13: a key must be text."),
    ],
)
@pytest.mark.parametrize(
    ("replaced", "other"),
    [
        (("partner: {", "partner: {nmae: x, "), "3: partner.nmae: unknown key."),
        (("tenant: harbor-goods", "tenant: nobody"), "2: tenant: there is no tenant 'nobody'."),
        (("strategy: SUM", "strategy: SMU"), "12: import.mappings[1].strategy: "),
    ],
    ids=["a key", "another file", "a value"],
)
def test_a_mistake_among_the_keys_hides_no_other(
    folders: Folders, key: str, told: str, replaced: tuple[str, str], other: str
) -> None:
    name = folders.connection(IMPORTING.replace(*replaced) + key).name
    first, second = folders.problems()
    assert first.startswith(f"{name}:{other}")
    assert second == f"{name}:{told}"


def test_a_connection_with_a_mistake_among_its_keys_is_not_used(folders: Folders) -> None:
    path = folders.connection(f"{IMPORTING}title: Again\n")
    with pytest.raises(ConfigurationError, match="title: this key stands here twice"):
        read_connection(path)
    assert folders.read().connections == {}


def test_a_mistake_among_the_keys_of_a_tenant_is_told_once(folders: Folders) -> None:
    """What a connection misses in the tenant may stand below the key that is left out."""
    folders.connection(IMPORTING)
    other = "objectives: [{id: other, name: Other, legislations: [GDPR]}]\n"
    name = folders.tenant(f"{other}{TENANT}").name
    assert folders.problems() == [
        f"{name}:14: objectives: this key stands here twice; keep one.",
    ]


def test_the_files_that_get_broken_are_sound(folders: Folders) -> None:
    folders.connection(IMPORTING)
    folders.connection(EXPOSING, "exposing.yaml")
    folders.connection(ACCEPTING, "accepting.yaml")
    assert folders.problems() == []
