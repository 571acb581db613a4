"""A value that thousands of profiles share, on both sides: it tells nobody apart, and costs little."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from profile_exchange.pipeline.join import join
from tests.pipeline.exchange import Exchange, furnish

MANY = 3000
MAPPINGS = [{"from": "sports", "to": "TaylorTimes_Sports"}]


@pytest.mark.parametrize("ours_are", ["EMAIL!", "SELECT!"])
def test_join_takes_about_as_long_as_where_all_differ(store_url: str, ours_are: str) -> None:
    """Compared each with each, nine million pairs would agree. Case is folded where we hold
    mails as texts."""
    alike = [{"mail": "nobody@example.com"} for _ in range(MANY)]
    different = [{"mail": f"{each}@example.com"} for each in range(MANY)]
    theirs = [*({**each, "id": place} for place, each in enumerate([*alike, *different]))]
    furnish(store_url, {"mail": ours_are}, [{**each, "id": f"o{each['id']}"} for each in theirs])
    goal = {"links": [[{"theirs": "mail", "ours": "mail"}]], "mappings": MAPPINGS}
    types = {"mail": "EMAIL!", "sports": "SELECT"}
    exchange = Exchange(store_url, goal, [], types, page_size=1000)
    took: list[float] = []

    def timed(step: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        done = step(*arguments)
        if step is join:
            took.append(time.perf_counter() - start)
        return done

    exchange.take = timed
    exchange.theirs = theirs[MANY:]
    assert exchange.counts().unchanged == MANY
    exchange.theirs = theirs[:MANY]
    assert exchange.counts().ambiguous == MANY
    apart, together = took
    assert together < 6 * apart
