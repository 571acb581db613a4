"""A segment has gone when the other tenant exposes it no more, not when we do not choose it."""

from __future__ import annotations

import pytest

from profile_exchange.pipeline.authenticate import changes_of_segments, look
from profile_exchange.pipeline.plan import SegmentChanges
from tests.pipeline.exchange import Exchange, furnish
from tests.pipeline.test_repeating import GOAL, TYPES, people


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    """An exchange that has imported the segments one and two."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "p0@example.com"}])
    found = Exchange(store_url, GOAL, people(1), TYPES, segment_ids=("one", "two"))
    found.run()
    return found


def checked(exchange: Exchange) -> SegmentChanges:
    """What `exchange check` and the page say."""
    exposed = look(exchange.source, exchange.connection)
    return changes_of_segments(exchange.store_url, exchange.connection, exposed)


def test_a_segment_that_is_not_chosen_any_more_has_not_gone(exchange: Exchange) -> None:
    exchange.goal = {**exchange.goal, "segments": ["one"]}
    assert checked(exchange) == SegmentChanges()
    assert exchange.open().plan.segment_changes == SegmentChanges()


def test_a_segment_that_is_not_exposed_any_more_has_gone(exchange: Exchange) -> None:
    exchange.segment_ids = ("one",)
    assert checked(exchange) == SegmentChanges(gone=("two",))
    assert exchange.open().plan.segment_changes == SegmentChanges(gone=("two",))
