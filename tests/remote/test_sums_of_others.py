"""Sums in properties that somebody else writes to: nothing is guessed, and nothing added twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.remote.scripted_tenant import Played
from tests.remote.summing import SUM, SummingExchange
from tests.tenants import faults
from tests.tenants.scripted_partner import Answer


def somebody_writes(summing: SummingExchange, value: str) -> Callable[[Any], Answer]:
    """A sum is added, somebody sets the property, and no answer comes."""

    def play(_: Any) -> Answer:
        summing.found("a").properties["articles"] = [value]
        return faults.hung_up(None)

    return play


@pytest.fixture
def unsettled(summing: SummingExchange) -> SummingExchange:
    """3 became 5, and somebody else has made 40 of it before the answer got lost."""
    summing.receives({1: ("a", 3), 2: ("b", 1)})
    assert summing.counts().modified == 2
    summing.receives({1: ("a", 5), 2: ("b", 1)})
    summing.served.sums = [Played(somebody_writes(summing, "40"))]
    counts = summing.counts()
    assert (counts.rejected, counts.unchanged) == (1, 1)
    return summing


def test_nobody_can_tell_and_the_profile_says_so(unsettled: SummingExchange) -> None:
    assert unsettled.articles("a", "b") == ["40", "1"]
    assert unsettled.rules_broken() == ["sum_unsettled"]
    assert unsettled.open_sums() == 1


def test_later_runs_add_nothing_to_it_and_go_on_with_everybody_else(
    unsettled: SummingExchange,
) -> None:
    for visits in (6, 7):
        unsettled.receives({1: ("a", visits), 2: ("b", visits)})
        counts = unsettled.counts()
        assert (counts.rejected, counts.modified) == (1, 1)
        assert unsettled.articles("a", "b") == ["40", str(visits)]
    assert unsettled.open_sums() == 1


@pytest.mark.parametrize("mended", ["3", "5"], ids=["it was not added", "it was added"])
def test_once_one_of_the_two_numbers_stands_there_again_it_goes_on(
    unsettled: SummingExchange, mended: str
) -> None:
    unsettled.found("a").properties["articles"] = [mended]
    unsettled.receives({1: ("a", 9), 2: ("b", 1)})
    assert unsettled.counts().rejected == 0
    assert unsettled.articles("a") == ["9"]
    assert unsettled.open_sums() == 0
    assert unsettled.counts().unchanged == 2


@pytest.mark.parametrize("value", [["many"], ["4", "5"], ["3.5"]], ids=str)
def test_what_is_no_number_of_ours_settles_nothing(
    unsettled: SummingExchange, value: list[str]
) -> None:
    unsettled.found("a").properties["articles"] = value
    assert unsettled.counts().rejected == 1
    assert unsettled.found("a").properties["articles"] == value


def test_with_overwrite_it_is_added_to_what_others_have_written(summing: SummingExchange) -> None:
    summing.goal = {**summing.goal, "mappings": [{**SUM, "overwrite": True}]}
    summing.found("a").properties["articles"] = ["10"]
    summing.receives({1: ("a", 3)})
    assert summing.counts().modified == 1
    assert summing.articles("a") == ["13"]
    summing.found("a").properties["articles"] = ["20"]
    assert summing.counts().unchanged == 1
    summing.receives({1: ("a", 4)})
    assert summing.counts().modified == 1
    assert summing.articles("a") == ["21"]


@pytest.mark.parametrize("processed", [True, False])
def test_with_overwrite_an_answer_that_is_lost_is_settled_by_what_was_read_before(
    summing: SummingExchange, *, processed: bool
) -> None:
    summing.goal = {**summing.goal, "mappings": [{**SUM, "overwrite": True}]}
    summing.found("a").properties["articles"] = ["10"]
    summing.receives({1: ("a", 3)})
    summing.served.sums = [Played(faults.hung_up, processed)]
    assert summing.counts().modified == 1
    assert (summing.articles("a"), summing.served.added) == (["13"], 1)


def test_what_all_mappings_bring_is_added_where_somebody_has_emptied_a_property(
    summing: SummingExchange,
) -> None:
    """Also what has not changed since it was added: it is gone with the rest."""
    shared = {"to": "articles", "strategy": "SUM", "overwrite": True}
    mappings = [{"from": "visits", **shared}, {"from": "clicks", **shared}]
    summing.goal = {**summing.goal, "mappings": mappings}
    summing.their_properties = {**summing.their_properties, "clicks": "RANGE"}
    summing.theirs = [{"id": 1, "email": "a@example.org", "visits": "4", "clicks": "3"}]
    summing.run()
    assert summing.articles("a") == ["7"]
    del summing.found("a").properties["articles"]
    summing.theirs = [{**summing.theirs[0], "clicks": "5"}]
    assert summing.counts().modified == 1
    assert summing.articles("a") == ["9"]
    assert summing.counts().unchanged == 1


def test_a_property_that_was_deleted_and_is_made_anew_gets_all_that_comes(
    summing: SummingExchange,
) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.served.types.pop("articles")
    for each in summing.served.held.values():
        each.properties.pop("articles", None)
    assert summing.counts().modified == 2
    assert summing.articles("a", "b") == ["3", "4"]
    assert summing.counts().unchanged == 2
