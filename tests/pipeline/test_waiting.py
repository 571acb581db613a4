"""What is remembered of profiles that wait, and what is asked for when they can be taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from profile_exchange.domain.errors import LimitExceeded
from profile_exchange.domain.moments import milliseconds_of
from profile_exchange.pipeline.waiting import MAX_SPANS, spans
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import (
    objective,
    waiting_identifier,
    waiting_profile,
    watermark,
)
from tests.pipeline.exchange import Exchange, furnish, replace_ours

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}],
    "pull": "changed",
}
THEIRS = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}


def milliseconds(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


@given(st.sets(st.integers(0, 10**13)).map(sorted), st.integers(1, MAX_SPANS))
def test_spans_cover_every_moment_and_are_few(moments: list[int], at_most: int) -> None:
    found = spans(moments, at_most)
    ends = [(milliseconds(s.earliest), milliseconds(s.latest or s.earliest)) for s in found]
    assert len(found) == min(len(moments), at_most)
    assert all(any(first <= moment <= last for first, last in ends) for moment in moments)
    assert all(first + 1 in moments and last - 1 in moments for first, last in ends)


@given(st.integers(-(10**15), 10**15))
def test_a_moment_that_is_finer_than_a_millisecond_is_in_its_span(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    [span] = spans([milliseconds_of(moment.isoformat()) or 0])
    assert span.earliest <= moment <= (span.latest or span.earliest)


def test_spans_are_parted_at_the_widest_gaps() -> None:
    found = spans([1, 2, 50, 51, 1000], at_most=3)
    assert [milliseconds(span.earliest) for span in found] == [0, 49, 999]


def remembered(store_url: str) -> list[str]:
    """Everything that is kept of waiting profiles, as text."""
    with engine_for(store_url).connect() as database:
        rows = [
            *database.execute(select(waiting_profile)),
            *database.execute(select(waiting_identifier)),
        ]
    return [str(value) for row in rows for value in row]


def test_no_value_of_a_waiting_profile_is_kept(store_url: str) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [])
    theirs = [{"id": 1, "email": "ann@example.com", "sports": "Rowing"}]
    exchange = Exchange(store_url, GOAL, theirs, THEIRS)
    exchange.run()
    kept = " ".join(remembered(store_url))
    assert kept
    assert "ann" not in kept
    assert "Rowing" not in kept


def test_a_connection_that_pulls_everything_remembers_nothing(store_url: str) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [])
    theirs = [{"id": 1, "email": "ann@example.com", "sports": "Rowing"}]
    Exchange(store_url, {**GOAL, "pull": "complete"}, theirs, THEIRS).run()
    assert remembered(store_url) == []


def test_a_run_that_stops_at_the_gate_moves_no_mark(store_url: str) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "ann@example.com"}])
    goal = {**GOAL, "mappings": [{"from": "visits", "to": "Visits"}]}
    theirs = [{"id": 1, "email": "ann@example.com", "visits": "many"}]
    exchange = Exchange(store_url, goal, theirs, THEIRS)
    with pytest.raises(LimitExceeded):
        exchange.run()
    with engine_for(store_url).connect() as database:
        assert database.execute(select(watermark)).all() == []
    assert remembered(store_url) == []


def test_a_complete_pull_forgets_what_is_gone_over_there(store_url: str) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [])
    theirs = [{"id": n, "email": f"p{n}@example.com", "sports": "Rowing"} for n in (1, 2)]
    goal = {**GOAL, "complete_every_days": 1}
    exchange = Exchange(store_url, goal, theirs, THEIRS)
    exchange.run()
    exchange.theirs = theirs[:1]
    exchange.run()
    with engine_for(store_url).connect() as database:
        assert len(database.execute(select(waiting_profile)).all()) == 1
        assert len(database.execute(select(waiting_identifier)).all()) == 1


@pytest.mark.parametrize(
    "odd",
    [
        *("999999999999999", "-999999999999999"),
        *("253402300800000", "253402300799999", "-62135596800000"),
    ],
)
def test_a_profile_modified_at_no_time_there_is_stops_no_later_run(
    store_url: str, odd: str
) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [])
    theirs = [
        {"id": 1, "email": "ann@example.com", "sports": "Rowing", "modified": odd},
        {"id": 2, "email": "bob@example.com", "sports": "Golf"},
    ]
    exchange = Exchange(store_url, GOAL, theirs, THEIRS)
    assert exchange.counts().unmatched == 2
    replace_ours(store_url, [{"id": "a", "email": "ann@example.com"}])
    assert exchange.counts().modified == 1


def test_everything_is_pulled_when_an_objective_comes_to_need_no_consent(store_url: str) -> None:
    """Who had not given it may be created now."""
    furnish(store_url, {"email": "EMAIL!"}, [], [{"id": "offers", "legislations": ["GDPR"]}])
    theirs = [{"id": 1, "email": "ann@example.com", "sports": "Rowing", "zone": "GDPR"}]
    lenient = {"objectives": ["offers"], "consent": "consented_or_unneeded"}
    exchange = Exchange(store_url, {**GOAL, "unmatched": "create"}, theirs, THEIRS, lenient)
    assert exchange.counts().withheld == 1
    with engine_for(store_url).begin() as database:
        database.execute(update(objective).values(needs_consent=False))
    assert exchange.counts().created == 1


def test_a_date_far_ahead_of_our_clock_costs_no_change_that_comes_after_it(store_url: str) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "ann@example.com"}])
    theirs = {"id": 1, "email": "ann@example.com", "sports": "Rowing"}
    exchange = Exchange(store_url, GOAL, [theirs], THEIRS, ahead=timedelta(hours=3))
    assert exchange.counts().modified == 1
    later = exchange.today + timedelta(hours=1)
    exchange.ahead = timedelta()
    exchange.theirs = [{**theirs, "sports": "Chess", "modified": later}]
    assert exchange.counts().modified == 1
