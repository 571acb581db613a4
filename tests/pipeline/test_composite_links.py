"""Links of several pairs that agree together, where one of them alone tells nobody apart."""

from __future__ import annotations

import time
from typing import Any

import pytest

from profile_exchange.pipeline.join import join
from profile_exchange.store.database import engine_for
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile_identifier
from tests.pipeline.exchange import Exchange, Timed, furnish, replace_ours

SHOP, NUMBER = {"theirs": "shop", "ours": "shop"}, {"theirs": "number", "ours": "number"}
TYPES = {"shop": "SELECT!", "number": "SELECT!"}
MAPPINGS = [{"from": "sports", "to": "TaylorTimes_Sports"}]
MANY = 3000


def members(number: int) -> list[dict[str, Any]]:
    """All of one shop, each with a number of its own."""
    return [{"id": each, "shop": "Quayside", "number": str(each)} for each in range(number)]


def exchange_of(store_url: str, theirs: list[dict[str, Any]]) -> Exchange:
    goal = {
        "links": [[SHOP, NUMBER]],
        "mappings": MAPPINGS,
        "limits": {"max_rejected_share": 1, "allow_zero_received": True},
    }
    return Exchange(store_url, goal, theirs, {**TYPES, "sports": "SELECT"}, page_size=1000)


def test_a_value_that_all_have_costs_no_look_at_everybody_for_each(store_url: str) -> None:
    """Pair by pair it would be nine million rows, and many times as long."""
    furnish(store_url, TYPES, [{**each, "id": f"o{each['id']}"} for each in members(MANY)])
    exchange = exchange_of(store_url, members(MANY))
    exchange.take = timed = Timed(join)
    for link in ([NUMBER], [SHOP, NUMBER]):
        exchange.goal = {**exchange.goal, "links": [link]}
        assert exchange.counts().unchanged == MANY
    alone, together = timed.took
    assert together < 6 * alone


def test_whoever_has_too_many_combinations_is_found_all_the_same(store_url: str) -> None:
    shops, numbers = ([f"{word}{each}" for each in range(40)] for word in ("shop", "number"))
    furnish(
        store_url,
        TYPES,
        [
            {"id": "a", "shop": "shop7", "number": "number39"},
            {"id": "b", "shop": "shop7", "number": "elsewhere"},
        ],
    )
    counts = exchange_of(store_url, [{"id": 1, "shop": shops, "number": numbers}]).counts()
    assert (counts.unchanged, counts.received) == (1, 1)


def test_several_who_agree_on_every_pair_decide_nothing(store_url: str) -> None:
    furnish(
        store_url,
        TYPES,
        [
            {"id": "a", "shop": ["one", "two"], "number": "7"},
            {"id": "b", "shop": "two", "number": ["7", "8"]},
        ],
    )
    theirs = [
        {"id": 1, "shop": "two", "number": "7"},
        {"id": 2, "shop": "one", "number": "7"},
        {"id": 3, "shop": "one", "number": "8"},
    ]
    counts = exchange_of(store_url, theirs).counts()
    assert (counts.ambiguous, counts.unchanged, counts.unmatched) == (1, 1, 1)


def test_nor_does_looking_again_for_those_who_wait(store_url: str) -> None:
    furnish(store_url, TYPES, [{**each, "id": f"o{each['id']}"} for each in members(MANY)])
    with engine_for(store_url).begin() as database:
        # As loading does, or autovacuum.
        analyze(database, profile_identifier)
    took = []
    for name in ("apart", "together"):
        theirs = [{**each, "number": f"new {each['id']}"} for each in members(MANY)]
        if name == "apart":
            theirs = [{**each, "shop": f"shop {each['id']}"} for each in theirs]
        exchange = exchange_of(store_url, theirs)
        mappings = [{"from": "sports", "to": f"Sports_{name}"}]
        exchange.goal = {**exchange.goal, "pull": "changed", "mappings": mappings}
        exchange.connection_id = name
        assert exchange.counts().unmatched == MANY
        start = time.perf_counter()
        exchange.open()
        took.append(time.perf_counter() - start)
    apart, together = took
    assert together < 6 * apart


@pytest.mark.parametrize("many", [3, 40])
def test_who_waits_is_let_in_when_ours_agree_on_every_pair(store_url: str, many: int) -> None:
    shops, numbers = ([f"{word}{each}" for each in range(many)] for word in ("shop", "number"))
    theirs = [{"id": 1, "shop": shops, "number": numbers, "sports": "Rowing"}]
    furnish(store_url, TYPES, [{"id": "a", "shop": "shop1"}, {"id": "b", "number": "number2"}])
    exchange = exchange_of(store_url, theirs)
    exchange.goal = {**exchange.goal, "pull": "changed"}
    assert exchange.counts().unmatched == 1
    assert exchange.counts().received == 0
    replace_ours(store_url, [{"id": "a", "shop": "shop1", "number": "number2"}])
    assert exchange.counts().modified == 1
