"""Sums of source profiles that are another profile of the tenant's now, or none: they go along."""

from __future__ import annotations

import uuid

from tests.remote.scripted_tenant import Held, Played
from tests.remote.summing import SummingExchange
from tests.tenants import faults


def test_what_moves_is_taken_out_where_it_was(summing: SummingExchange) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("c", 5), 2: ("b", 4)})
    summing.run()
    assert summing.articles("a", "b", "c") == [None, "4", "5"]
    assert summing.open_sums() == 0


def test_two_that_change_places_each_take_their_own_along(summing: SummingExchange) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("b", 3), 2: ("a", 4)})
    summing.run()
    assert summing.articles("a", "b") == ["4", "3"]


def test_one_that_is_superseded_takes_its_part_out_and_brings_it_back(
    summing: SummingExchange,
) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("a", 3), 2: ("a", 4)}, newest=1)
    assert summing.counts().superseded == 1
    assert summing.articles("a", "b") == ["3", None]
    summing.receives({1: ("a", 3), 2: ("a", 4)}, newest=2)
    summing.run()
    assert summing.articles("a", "b") == ["4", None]
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    assert summing.articles("a", "b") == ["3", "4"]


def test_who_wins_without_a_value_takes_out_what_the_other_brought(
    summing: SummingExchange,
) -> None:
    summing.receives({1: ("a", 3)})
    summing.run()
    summing.receives({2: ("a", None)})
    summing.run()
    assert summing.articles("a") == [None]


def test_what_does_not_come_or_is_nobody_any_more_stays(summing: SummingExchange) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("nobody", 9)})
    assert summing.counts().unmatched == 1
    assert summing.articles("a", "b") == ["3", "4"]


def test_a_part_is_taken_out_once_though_the_answer_to_it_is_lost(
    summing: SummingExchange,
) -> None:
    """An empty property is set, not added to; what others of the source have stays in it."""
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("b", 3), 2: ("c", 4)})
    summing.served.sums = [Played(faults.hung_up), Played(faults.hung_up, processed=False)]
    summing.run()
    assert summing.articles("a", "b", "c") == [None, "3", "4"]
    assert summing.open_sums() == 0


def merge_into_another(summing: SummingExchange, name: str) -> None:
    """The tenant merges a profile: it has another id from now on, and the old one is gone."""
    old = summing.found(name)
    del summing.served.held[old.id]
    merged = Held(str(uuid.uuid4()), old.properties)
    summing.served.held[merged.id] = merged


def test_what_the_tenant_merges_takes_its_sum_along(summing: SummingExchange) -> None:
    summing.receives({1: ("a", 3)})
    summing.run()
    for visits in (3, 3, 5):
        merge_into_another(summing, "a")
        summing.receives({1: ("a", visits)})
        summing.run()
        assert summing.articles("a") == [str(visits)]
    assert summing.counts().unchanged == 1
    assert summing.open_sums() == 0


def test_what_is_made_anew_under_another_id_gets_all(summing: SummingExchange) -> None:
    """The old one is gone, and the new one holds nothing of it."""
    summing.receives({1: ("a", 3)})
    summing.run()
    for _ in range(2):
        merge_into_another(summing, "a")
        del summing.found("a").properties["articles"]
        assert summing.counts().modified == 1
        assert summing.articles("a") == ["3"]
    merge_into_another(summing, "a")
    assert summing.counts().unchanged == 1
    assert summing.articles("a") == ["3"]


def test_what_moves_to_one_that_holds_another_s_is_added_to_it(summing: SummingExchange) -> None:
    """The one that it left is still there: nothing has been merged."""
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    summing.run()
    summing.receives({1: ("b", 3)})
    summing.run()
    assert summing.articles("a", "b") == [None, "3"]
