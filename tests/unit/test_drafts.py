"""Drafts of connections: what is written reads back, mistakes name their fields, files are safe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from profile_exchange.config.connection_files import load, save
from profile_exchange.config.drafts import (
    in_words,
    path_of,
    put,
    put_unless,
    suggested_id,
    take_item,
    text_of,
    value_at,
    words,
)
from profile_exchange.config.registry import read_draft
from profile_exchange.config.yaml_source import dotted, read_text
from profile_exchange.domain.errors import ConfigurationError
from tests.unit.configuring import EXPOSING, IMPORTING, Folders

PATHS = ["title", "partner.host", "import.mappings[0].to", "import.links[1][0].ours"]


def draft_of(text: str) -> dict[str, Any]:
    return dict(read_text(text, "any.yaml").data)


@pytest.mark.parametrize("name", PATHS)
def test_a_field_is_named_as_mistakes_name_its_key(name: str) -> None:
    assert dotted(path_of(name)) == name


def test_a_draft_is_filled_key_by_key() -> None:
    data: dict[str, Any] = {"import": {"mappings": [{"from": "a"}]}}
    put(data, "partner.name", "Taylor Times")
    put(data, "import.mappings[0].to", "b")
    put(data, "import.mappings[7].to", "nowhere")
    put(data, "import.segments", [])
    put_unless(data, "favorite", False, False)
    assert data == {
        "import": {"mappings": [{"from": "a", "to": "b"}]},
        "partner": {"name": "Taylor Times"},
    }
    take_item(data, "import.mappings[0]")
    assert value_at(data, "import.mappings") == []
    assert words(" a, b\n a ,,") == ["a", "b"]


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ('"a, b", c', ["a, b", "c"]),
        ('a "b, c" d', ['a "b', 'c" d']),
        ('"a, b', ['"a', "b"]),
        ('"a" b, c', ['"a" b', "c"]),
        ('"say ""a, b""" ,c', ['say "a, b"', "c"]),
        ('"", c', ["c"]),
    ],
)
def test_quotes_keep_together_what_has_a_comma(told: str, meant: list[str]) -> None:
    assert words(told) == meant
    assert words(in_words(meant)) == meant


@pytest.mark.parametrize("word", ["a, b", '"', '""', 'a "b"', '"a"', ",", '"a",', "'", "a\\"])
def test_words_come_back_as_they_were_shown(word: str) -> None:
    assert words(in_words([word, "c", f"{word}!"])) == [word, "c", f"{word}!"]


@pytest.mark.parametrize("text", [IMPORTING, EXPOSING])
def test_a_draft_says_the_same_connection_as_the_file_that_it_makes(
    folders: Folders, text: str
) -> None:
    new = text_of(draft_of(text), None, "taylor-times.yaml")
    made, problems = read_draft("taylor-times", new, folders.tenants)
    was, _ = read_draft("taylor-times", text, folders.tenants)
    assert problems == ()
    assert made == was
    assert text_of(draft_of(text), text, "taylor-times.yaml") == text


def test_a_mistake_is_the_one_that_validating_the_file_tells(folders: Folders) -> None:
    data = draft_of(IMPORTING)
    put(data, "import.links[0].ours", "emial")
    put(data, "tenant", "harbour-goods")
    text = text_of(data, None, "taylor-times.yaml")
    found = {each.key: each.message for each in read_draft("any", text, folders.tenants)[1]}
    assert "Did you mean 'harbor-goods'?" in found["tenant"]
    folders.connection(text)
    assert {each.key: each.message for each in folders.read().problems} == found


@pytest.mark.parametrize("name", ["../up", "a/b", "", "UP", "a\n", ".hidden", "a" * 64])
def test_a_name_is_never_a_path(folders: Folders, name: str) -> None:
    with pytest.raises(ConfigurationError):
        save(name, IMPORTING, folders.connections, None)
    assert read_draft(name, IMPORTING, folders.tenants)[1]
    assert list(folders.root.rglob("*.yaml")) == [folders.tenants / "harbor-goods.yaml"]


def test_a_file_that_somebody_else_wrote_meanwhile_stays(folders: Folders) -> None:
    path = save("taylor-times", IMPORTING, folders.connections, None)
    with pytest.raises(ConfigurationError, match="meanwhile"):
        save("taylor-times", EXPOSING, folders.connections, None)
    read = load("taylor-times", folders.connections)
    assert read
    path.write_text(f"# mine\n{IMPORTING}")
    with pytest.raises(ConfigurationError, match="meanwhile"):
        save("taylor-times", EXPOSING, folders.connections, read.digest)
    now = load("taylor-times", folders.connections)
    assert now
    save("taylor-times", EXPOSING, folders.connections, now.digest)
    assert path.read_text() == EXPOSING
    assert [each.name for each in folders.connections.iterdir()] == ["taylor-times.yaml"]


def test_a_folder_that_cannot_be_written_is_told(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be (written|read)"):
        save("taylor-times", IMPORTING, tmp_path / "nowhere", None)


def test_an_id_comes_from_the_title() -> None:
    assert suggested_id("Taylor Times & Co", {"taylor-times-co"}) == "taylor-times-co-2"
    assert suggested_id("Журнал", ()) == "connection"


def test_of_many_who_save_at_the_same_moment_one_does(folders: Folders) -> None:
    folders.connection(EXPOSING)
    stored = load("taylor-times", folders.connections)
    assert stored is not None
    texts = [f"# {number}\n{EXPOSING}" for number in range(12)]
    together = Barrier(len(texts))

    def saved(text: str) -> str:
        together.wait()
        try:
            save("taylor-times", text, folders.connections, stored.digest)
        except ConfigurationError as error:
            return str(error)
        return text

    with ThreadPoolExecutor(len(texts)) as people:
        told = list(people.map(saved, texts))
    (done,) = set(told) & set(texts)
    assert sum("by somebody else meanwhile" in each for each in told) == len(texts) - 1
    assert stored.path.read_text() == done
    assert [each.name for each in folders.connections.iterdir()] == [stored.path.name]


def test_a_file_that_is_a_link_stays_one(folders: Folders, tmp_path: Path) -> None:
    folders.connection(EXPOSING)
    link = folders.connections / "taylor-times.yaml"
    target = tmp_path / "elsewhere" / "any.yaml"
    target.parent.mkdir()
    link.rename(target)
    link.symlink_to(target)
    stored = load("taylor-times", folders.connections)
    assert stored is not None
    save("taylor-times", f"# mine\n{EXPOSING}", folders.connections, stored.digest)
    assert link.is_symlink()
    assert target.read_text() == f"# mine\n{EXPOSING}"
