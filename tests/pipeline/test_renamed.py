"""A connection whose file was renamed is another one: its targets belong to the old name."""

from __future__ import annotations

from typing import Any

import pytest

from profile_exchange.domain.errors import TargetRefused
from tests.pipeline.exchange import Exchange, furnish, ours, profile_id

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
THEIRS = [{"id": 1, "email": "a@example.com", "sports": "Rowing", "visits": 5}]


def refused(store_url: str, **mapping: Any) -> str:
    """What a connection is told after its file was renamed, and that its old name serves."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "a", "email": "a@example.com"}])
    goal = {"links": [{"theirs": "email", "ours": "email"}], "mappings": [mapping]}
    exchange = Exchange(store_url, goal, THEIRS, TYPES)
    exchange.run()
    written = ours(store_url)[profile_id("a")]
    exchange.connection_id = "times"
    with pytest.raises(TargetRefused) as told:
        exchange.run()
    exchange.connection_id = "taylor-times"
    assert exchange.counts().unchanged == 1
    assert ours(store_url)[profile_id("a")] == written
    return str(told.value)


RENAMED = (
    "which belongs to connection taylor-times. If the file of times was renamed, give it back "
    "its old name, taylor-times: what it has done is on record under that."
)


def test_it_is_told_its_old_name(store_url: str) -> None:
    told = refused(store_url, **{"from": "sports", "to": "Sports"})
    assert told.startswith(f"Connection times maps sports to Sports, {RENAMED}")
    assert "or say overwrite: true if both may write there" in told


def test_for_a_sum_nothing_is_advised_that_would_count_twice(store_url: str) -> None:
    told = refused(store_url, **{"from": "visits", "to": "Visits", "strategy": "SUM"})
    assert RENAMED in told
    assert "overwrite" not in told
    assert "map to a new property, such as TaylorTimes_Visits" in told
