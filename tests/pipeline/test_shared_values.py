"""A value that thousands of profiles share, on both sides, tells nobody apart, and costs little."""

from __future__ import annotations

import time
from typing import Any

import pytest

from profile_exchange.pipeline.join import join
from tests.pipeline.exchange import Exchange, Timed, furnish

MANY = 3000
MAPPINGS = [{"from": "sports", "to": "TaylorTimes_Sports"}]


ALIKE = [{"mail": "nobody@example.com"} for _ in range(MANY)]
DIFFERENT = [{"mail": f"{each}@example.com"} for each in range(MANY)]
EVERYBODY = [{**each, "id": place} for place, each in enumerate([*ALIKE, *DIFFERENT])]
OURS = [{**each, "id": f"o{each['id']}"} for each in EVERYBODY]


def exchange_of(store_url: str, **more: Any) -> Exchange:
    links = [[{"theirs": "mail", "ours": "mail"}]]
    goal = {"links": links, "mappings": MAPPINGS, "limits": {"allow_zero_received": True}, **more}
    return Exchange(store_url, goal, [], {"mail": "EMAIL!", "sports": "SELECT"}, page_size=1000)


@pytest.mark.parametrize("ours_are", ["EMAIL!", "SELECT!"])
def test_join_takes_about_as_long_as_where_all_differ(store_url: str, ours_are: str) -> None:
    """Compared each with each, nine million pairs would agree. Case is folded where we hold
    mails as texts."""
    furnish(store_url, {"mail": ours_are}, OURS)
    exchange = exchange_of(store_url)
    exchange.take = timed = Timed(join)
    exchange.theirs = EVERYBODY[MANY:]
    assert exchange.counts().unchanged == MANY
    exchange.theirs = EVERYBODY[:MANY]
    assert exchange.counts().ambiguous == MANY
    apart, together = timed.took
    assert together < 6 * apart


def test_looking_again_for_those_who_wait_does_too(store_url: str) -> None:
    furnish(store_url, {"mail": "EMAIL!"}, OURS)
    strangers = [{"mail": f"{each}@example.org", "id": each} for each in range(MANY)]
    took = []
    for name, theirs in (("apart", strangers), ("together", EVERYBODY[:MANY])):
        own = [{"from": "sports", "to": f"Sports_{name}"}]
        exchange = exchange_of(store_url, pull="changed", mappings=own)
        exchange.connection_id, exchange.theirs = name, theirs
        assert exchange.counts().received == MANY
        start = time.perf_counter()
        exchange.open()
        took.append(time.perf_counter() - start)
    apart, together = took
    assert together < 6 * apart
