"""Received profiles that a tenant finds to be one, which one of them is created as."""

from __future__ import annotations

from typing import Any

import pytest

from tests.accepting.conftest import Writer
from tests.remote.over_api import ApiClient, RemoteExchange

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}, {"theirs": "phone", "ours": "number"}],
    "unmatched": "create",
    "mappings": [{"from": "sports", "to": "section"}],
}
TYPES = {"email": "EMAIL!", "phone": "SELECT!", "sports": "SELECT"}
#: Ids in the two halves of all ids, and so in two packages.
LOW, HIGH = 1, 1 << 31 | 1


@pytest.mark.parametrize("newer", [LOW, HIGH])
def test_whoever_wins_is_created_and_the_others_are_superseded(
    writer: Writer, store_url: str, newer: int
) -> None:
    writer.accept(profile_ids="any")
    theirs: list[dict[str, Any]] = [
        {"id": LOW, "email": "a@example.org", "phone": "1", "sports": "Rowing"},
        {"id": HIGH, "email": "b@example.org", "phone": "1", "sports": "Chess"},
    ]
    for each in theirs:
        each["modified"] = "2026-02-01" if each["id"] == newer else "2026-01-01"
    exchange = RemoteExchange(store_url, GOAL, theirs, TYPES, profiles_per_part=1)
    exchange.client = ApiClient(writer)
    counts = exchange.counts()
    assert (counts.created, counts.superseded, counts.settled) == (1, 1, 2)
    writer.accept(read_back=True)
    [found] = writer.results({"matching": [[{"id": "number", "value": "1"}]]})
    won = next(each["sports"] for each in theirs if each["id"] == newer)
    assert writer.installation.stored(found["profileId"])["section"] == [won]
