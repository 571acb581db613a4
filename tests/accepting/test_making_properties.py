"""Profile properties that a partner may write are described to it, and made by it if missing."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from profile_exchange.domain.scopes import Scope
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation

NEW = "HarborGoods_Orders"
GOAL = {"properties": {NEW: ["SET", "SUM"], "articles": ["SET"]}, "identifiers": ["email"]}
WANTED: dict[str, Any] = {
    "id": NEW,
    "name": "Harbor Goods: Orders",
    "filterType": "RANGE",
    "dataSensitivity": "PII",
    "tags": ["Orders", "Orders"],
    "description": "How many",
    "mergeStrategy": "SUM",
}


def make(writer: Writer, at: str = NEW, /, **body: Any) -> httpx.Response:
    path = f"/rest/v2/profileProperties/{at}"
    return writer.api.request("PUT", path, json={**WANTED, **body})


def test_a_missing_property_is_made_once_and_written(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(**GOAL)
    assert writer.api.get(f"/profileProperties/{NEW}").status_code == 404
    made = make(writer)
    assert made.status_code == 200
    assert made.json() == {
        "id": NEW,
        "name": "Harbor Goods: Orders",
        "description": "How many",
        "filterType": "RANGE",
        "dataSensitivity": "PII",
        "indexed": False,
        "tags": ["Orders"],
        "creationDate": "2025-03-01T12:00:00.000Z",
        "lastModifiedDate": "2025-03-01T12:00:00.000Z",
    }
    installation.clock.forward(hours=0.5)
    assert make(writer, description="another").json() == made.json()
    assert writer.api.ok(f"/profileProperties/{NEW}") == {**made.json(), "profileCount": 0}
    result = writer.one(entry(rule(NEW, "2", strategy="INCREMENT"), strategy="UPSERT"))
    assert installation.stored(result["profileId"])[NEW] == ["2"]


def test_one_that_is_there_stays_as_it_is(writer: Writer) -> None:
    writer.accept(**GOAL)
    same = make(writer, "articles", id="articles", name="Mine")
    assert (same.status_code, same.json()["name"]) == (200, "Articles read")
    assert make(writer, "articles", id="articles", filterType="SELECT").status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "another"},
        {"filterType": "NUMBER"},
        {"indexed": True},
        {"groupTypeId": "household"},
        {"name": "two\nlines"},
        {"name": 1},
        {"description": "nul\x00"},
        {"tags": "Orders"},
    ],
    ids=str,
)
def test_what_is_not_as_described_is_refused_and_makes_nothing(
    writer: Writer, wrong: dict[str, Any]
) -> None:
    writer.accept(**GOAL)
    assert make(writer, **wrong).status_code == 400
    assert writer.api.get(f"/profileProperties/{NEW}").status_code == 404


def test_only_what_the_goal_names_is_made_or_described(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(**GOAL)
    for name in ("Unheard_Of", "section", "email"):
        assert make(writer, name, id=name).status_code == 400, name
    assert {each["id"]: each["indexed"] for each in listed(writer)} == {
        "articles": False,
        "email": True,
    }
    for name in ("section", "city", "unheard_of"):
        assert writer.api.get(f"/profileProperties/{name}").status_code == 404
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    assert make(writer).status_code == 401
    assert {each["id"] for each in listed(writer)} == {"email", "section", "articles", "since"}
    writer.api.log_in(installation.issue(scopes=[Scope.READ, Scope.WRITE]))
    assert {each["id"] for each in listed(writer)} == {"email", "section", "articles", "since"}


def test_who_makes_one_is_logged(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    writer.accept(**GOAL)
    with caplog.at_level(logging.INFO):
        make(writer)
        make(writer)
    assert caplog.text.count(f"Connection harbor-goods: its partner made the property {NEW}.") == 1


def listed(writer: Writer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = writer.api.ok("/profileProperties")["profileProperties"]
    return found
