"""Received profiles that a tenant finds to be one, which one of them is created as."""

from __future__ import annotations

from typing import Any

import pytest

from tests.accepting.conftest import Writer
from tests.remote.over_api import ApiClient, RemoteExchange
from tests.remote.summing import SummingExchange
from tests.tenants.scripted_partner import Answer, Request

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}, {"theirs": "phone", "ours": "number"}],
    "unmatched": "create",
    "mappings": [{"from": "sports", "to": "section"}],
}
TYPES = {"email": "EMAIL!", "phone": "SELECT!", "sports": "SELECT"}
#: Ids in the two halves of all ids, and so in two packages.
LOW, HIGH = 1, 1 << 31 | 1


@pytest.mark.parametrize("ids", ["none", "visited", "any"])
@pytest.mark.parametrize("newer", [LOW, HIGH])
def test_whoever_wins_is_created_and_the_others_are_superseded(
    writer: Writer, store_url: str, newer: int, ids: str
) -> None:
    """Whether or not the tenant lets profiles be written by their ids."""
    writer.accept(profile_ids=ids)
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


@pytest.mark.parametrize(
    ("state", "fate"),
    [("CONSENT_MISMATCH", "withheld"), ("SKIPPED", "ambiguous"), ("X", "rejected")],
)
def test_a_winner_that_is_not_written_is_told_as_it_was_answered(
    summing: SummingExchange, state: str, fate: str
) -> None:
    summing.goal = {
        "links": [*summing.goal["links"], {"theirs": "phone", "ours": "section"}],
        "mappings": [{"from": "sports", "to": "place"}],
    }
    summing.their_properties = {**summing.their_properties, "phone": "SELECT!"}
    summing.served.unique.add("section")
    summing.theirs = [
        {"id": 1, "email": ["a@example.org", "x@example.org"], "sports": "Rowing"},
        {"id": 2, "email": "a@example.org", "sports": "Chess", "modified": "2026-02-01"},
    ]
    well = summing.served.respond

    def respond(request: Request) -> Answer:
        said = well(request)
        if request.method == "PUT" and b'"profileId"' in request.body:
            return Answer([{**each, "state": state} for each in said.body])
        return said

    summing.served.respond = respond
    counts = summing.counts().as_dict()
    assert (counts[fate], counts["superseded"]) == (1, 1)
