"""Importing into a tenant behind REST API v2: the answers are fates, and sums are safe."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, sum_intent
from tests.accepting.conftest import Writer
from tests.remote.over_api import LOST_AFTER, LOST_BEFORE, ApiClient, RemoteExchange
from tests.remote.summing import SummingExchange

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "section"},
        {"from": "visits", "to": "articles", "strategy": "SUM"},
    ],
}
THEIRS = [
    {"id": 1, "email": "a@example.org", "sports": "Rowing", "visits": "3"},
    {"id": 2, "email": "b@example.org", "sports": "Chess", "visits": "4"},
    {"id": 3, "email": "nobody@example.org", "visits": "5"},
    {"id": 4, "sports": "Golf"},
]


@pytest.fixture
def exchange(writer: Writer, store_url: str) -> RemoteExchange:
    writer.accept(read_back=True)
    for name in ("a", "b"):
        writer.installation.add(email=[f"{name}@example.org"])
    made = RemoteExchange(
        store_url,
        GOAL,
        THEIRS,
        {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"},
    )
    made.client = ApiClient(writer)
    return made


def held(exchange: RemoteExchange, name: str) -> dict[str, Any]:
    with engine_for(exchange.client.writer.installation.store).connect() as database:
        rows = database.execute(select(profile.c.properties)).scalars()
        return next(each for each in rows if each["email"] == [f"{name}@example.org"])


def open_sums(exchange: RemoteExchange) -> int:
    with engine_for(exchange.store_url).connect() as database:
        return len(database.execute(select(sum_intent)).all())


def fates(exchange: RemoteExchange) -> dict[str, int]:
    return {name: number for name, number in exchange.counts().as_dict().items() if number}


def test_answers_are_fates_and_sums_are_safe_to_repeat(exchange: RemoteExchange) -> None:
    assert fates(exchange) == {"received": 4, "unmatched": 2, "modified": 2}
    assert fates(exchange) == {"received": 4, "unmatched": 2, "unchanged": 2}
    assert held(exchange, "a")["articles"] == ["3"]
    assert held(exchange, "a")["section"] == ["Rowing"]
    exchange.theirs = [{**THEIRS[0], "visits": "7"}, *THEIRS[1:]]
    assert fates(exchange) == {"received": 4, "unmatched": 2, "modified": 1, "unchanged": 1}
    assert held(exchange, "a")["articles"] == ["7"]
    assert open_sums(exchange) == 0


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER, 429, 503, 413])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_lost_is_sent_again_and_no_sum_twice(
    exchange: RemoteExchange, fault: str | int, place: int
) -> None:
    exchange.client.faults = ["", fault] if place else [fault]
    assert exchange.counts().settled == 4
    assert held(exchange, "a")["articles"] == ["3"]
    assert held(exchange, "b")["articles"] == ["4"]
    assert open_sums(exchange) == 0


def test_two_of_theirs_that_are_one_of_ours(exchange: RemoteExchange) -> None:
    older = {"id": 5, "email": "A@example.org", "sports": "Golf", "modified": "2026-01-01"}
    exchange.theirs = [{**THEIRS[0], "modified": "2026-02-01"}, older]
    assert fates(exchange) == {"received": 2, "superseded": 1, "modified": 1}
    assert held(exchange, "a")["section"] == ["Rowing"]


def test_a_preview_says_what_can_be_known(exchange: RemoteExchange) -> None:
    foretold = exchange.preview()
    assert (foretold.counts.unmatched, foretold.undecided) == (1, 3)
    assert "which alone knows who they are" in foretold.sentence()
    assert exchange.client.sent == []


def test_who_is_created_is_found_again_however_the_tenant_compares(
    summing: SummingExchange,
) -> None:
    """It is introduced with what it was looked for by: a tenant may compare values as they are."""
    summing.goal = {**summing.goal, "unmatched": "create"}
    summing.theirs = [{"id": 1, "email": " New@Example.org ", "visits": "3"}]
    assert summing.counts().created == 1
    assert summing.found("new").properties["articles"] == ["3"]
    assert summing.counts().unchanged == 1
