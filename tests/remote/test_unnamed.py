"""A tenant that does not say which profile it left as it was: sums find it all the same."""

from __future__ import annotations

import pytest

from tests.remote.summing import SUM, SummingExchange
from tests.tenants.scripted_partner import Answer, Request


@pytest.fixture(params=["names what it changed", "names nobody"])
def silent(request: pytest.FixtureRequest, summing: SummingExchange) -> SummingExchange:
    summing.served.names = {"CREATED", "MODIFIED"} if "changed" in request.param else set()
    return summing


def test_a_sum_that_grows_is_added_though_nothing_else_changes(silent: SummingExchange) -> None:
    for visits in (3, 9):
        silent.receives({1: ("a", visits), 2: ("b", 4)})
        silent.run()
        assert silent.articles("a", "b") == [str(visits), "4"]
    assert silent.counts().unchanged == 2
    assert silent.open_sums() == 0


def test_two_that_are_one_of_the_tenant_s_are_seen_to_be(silent: SummingExchange) -> None:
    silent.goal = {**silent.goal, "mappings": [SUM]}
    silent.goal["links"] = [*silent.goal["links"], {"theirs": "sports", "ours": "email"}]
    silent.their_properties = {**silent.their_properties, "sports": "SELECT!"}
    silent.receives({1: ("nobody", 3), 2: ("a", 4)}, newest=1)
    silent.theirs[0]["sports"] = "a@example.org"
    counts = silent.counts()
    assert (counts.modified, counts.superseded) == (1, 1)
    assert silent.articles("a") == ["3"]


def test_what_moves_is_taken_out_where_it_was(silent: SummingExchange) -> None:
    silent.receives({1: ("a", 3)})
    silent.run()
    silent.receives({1: ("b", 3)})
    silent.run()
    assert silent.articles("a", "b") == [None, "3"]


def test_who_is_found_twice_is_not_guessed(silent: SummingExchange) -> None:
    well = silent.served.respond

    def respond(request: Request) -> Answer:
        found = well(request)
        if request.path.endswith("/profiles") and request.method == "GET":
            found.body["profiles"] *= 2
            found.body["profiles"][0] = {"id": silent.found("b").id}
        return found

    silent.served.respond = respond
    silent.receives({1: ("a", 3), 2: ("b", None)})
    counts = silent.counts()
    assert (counts.rejected, counts.unchanged) == (1, 1)
    assert silent.rules_broken() == ["sum_unsettled"]
    assert silent.articles("a", "b") == [None, None]


def test_who_cannot_be_looked_for_is_rejected_and_not_forgotten(silent: SummingExchange) -> None:
    well = silent.served.respond
    refused = Answer({}, status=501)

    def respond(request: Request) -> Answer:
        searches = request.path.endswith("/profiles") and request.method == "GET"
        return refused if searches else well(request)

    silent.served.respond = respond
    silent.receives({1: ("a", 3)})
    assert silent.counts().rejected == 1
    assert silent.rules_broken() == ["sum_unsettled"]
    silent.served.respond = well
    assert silent.counts().modified == 1
    assert silent.articles("a") == ["3"]


def test_an_entry_that_asks_for_nothing_may_be_skipped(summing: SummingExchange) -> None:
    """It is no sign of several profiles: the sum alone is what comes."""
    summing.served.skips_nothing_to_do = True
    summing.goal = {**summing.goal, "mappings": [SUM]}
    summing.receives({1: ("a", 3), 2: ("nobody", 4)})
    counts = summing.counts()
    assert (counts.modified, counts.unmatched) == (1, 1)
    assert summing.articles("a") == ["3"]
    assert summing.counts().unchanged == 1


@pytest.mark.parametrize("state", ["CONSENT_MISMATCH", "RESTRICTION_MISMATCH", "NOTFOUND"])
def test_what_is_said_of_a_sum_alone_is_the_fate_where_nothing_else_was_written(
    summing: SummingExchange, state: str
) -> None:
    well = summing.served.respond

    def respond(request: Request) -> Answer:
        said = well(request)
        if request.method == "PUT" and b"INCREMENT" in request.body:
            return Answer([{**each, "state": state} for each in said.body])
        return said

    summing.served.respond = respond
    summing.goal = {**summing.goal, "mappings": [SUM]}
    summing.receives({1: ("a", 3)})
    counts = summing.counts()
    assert (counts.unchanged, counts.withheld + counts.unmatched) == (0, 1)


def several_values(summing: SummingExchange, *mails: str) -> None:
    """One source profile with several mail addresses, which nothing but a sum comes for."""
    summing.goal = {**summing.goal, "mappings": [SUM]}
    summing.theirs = [{"id": 1, "email": list(mails), "visits": "3"}]


@pytest.mark.parametrize("links", [1, 2])
def test_several_values_of_an_identifier_are_one_alternative(
    silent: SummingExchange, links: int
) -> None:
    """Each finds one, and not the same one: the alternative is discarded, and the next is tried."""
    silent.served.skips_nothing_to_do = True
    several_values(silent, "a@example.org", "b@example.org")
    if links > 1:
        another = [{"theirs": "sports", "ours": "section"}]
        silent.goal["links"] = [*silent.goal["links"], *another]
        silent.their_properties = {**silent.their_properties, "sports": "SELECT!"}
        silent.served.unique.add("section")
        silent.theirs[0]["sports"] = "Rowing"
        silent.found("c").properties["section"] = ["Rowing"]
    counts = silent.counts()
    assert silent.articles("a", "b") == [None, None]
    assert (counts.ambiguous, counts.modified) == ((1, 0) if links == 1 else (0, 1))
    assert silent.articles("c") == ["3" if links > 1 else None]


def test_a_value_that_finds_nobody_leaves_the_others(silent: SummingExchange) -> None:
    silent.served.skips_nothing_to_do = True
    several_values(silent, "nobody@example.org", "b@example.org")
    assert silent.counts().modified == 1
    assert silent.articles("b") == ["3"]
