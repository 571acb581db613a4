"""A step that is taken again alone, after something has changed here: nothing is left half said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from profile_exchange.domain.errors import FatalError
from profile_exchange.pipeline.filter_by_consent import filter_by_consent
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.join import join
from profile_exchange.pipeline.map_properties import map_properties
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.validate import validate
from profile_exchange.tenants.postgres.quarantined import Wanted, newest
from tests.pipeline.exchange import Exchange, furnish, ours, profile_id, replace_ours

TYPES = {"email": "EMAIL!", "visits": "RANGE"}
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "visits", "to": "Visits"}],
    "limits": {"max_rejected_share": 1},
}
WITHOUT_CONSENT = {"id": "b", "email": "b@example.com"}
CONSENTED = {**WITHOUT_CONSENT, "consented": ["offers"]}
Again = Callable[[Exchange, Run], Any]


def join_again(exchange: Exchange, run: Run) -> None:
    join(run, exchange.today)


def filter_again(_: Exchange, run: Run) -> None:
    filter_by_consent(run)


def meeting(store_url: str, visits: str, mine: dict[str, Any] | None) -> Exchange:
    """One of theirs who is taken, and another who may match ``mine`` of ours."""
    taken = {"id": "a", "email": "a@example.com", "consented": ["offers"]}
    furnish(store_url, {"email": "EMAIL!"}, [taken, *([mine] if mine else [])], [{"id": "offers"}])
    theirs = [
        {"id": 1, "email": "a@example.com", "visits": 5},
        {"id": 2, "email": "b@example.com", "visits": visits},
    ]
    return Exchange(store_url, GOAL, theirs, TYPES, {"objectives": ["offers"]})


@pytest.mark.parametrize(
    ("before", "again"),
    [(None, join_again), (WITHOUT_CONSENT, filter_again)],
    ids=["join", "filter_by_consent"],
)
def test_whom_it_lets_in_now_is_missed_at_the_gate_before_anything_is_written(
    store_url: str, before: dict[str, Any] | None, again: Again
) -> None:
    exchange = meeting(store_url, "7", before)
    run, _ = exchange.gated()
    held = ours(store_url)
    replace_ours(store_url, [CONSENTED])
    again(exchange, run)
    with pytest.raises(FatalError, match=r"Of 2 profiles .* account for 1: .* Clear join and"):
        gate(run, exchange.profiles_per_part, exchange.max_parts)
    assert held[profile_id("a")] == ours(store_url)[profile_id("a")]
    # As it says: what comes after is taken again as well, and everybody is there.
    filter_by_consent(run)
    validate(run, exchange.today)
    map_properties(run, exchange.today)
    admission = gate(run, exchange.profiles_per_part, exchange.max_parts)
    assert exchange.finish(run, admission).counts.modified == 2


@pytest.mark.parametrize(
    ("after", "again", "fate"),
    [(None, join_again, "unmatched"), (WITHOUT_CONSENT, filter_again, "withheld")],
    ids=["join", "filter_by_consent"],
)
def test_whom_it_settles_now_is_not_in_quarantine_for_what_a_later_step_had_found(
    store_url: str, after: dict[str, Any] | None, again: Again, fate: str
) -> None:
    exchange = meeting(store_url, "many", CONSENTED)
    run, _ = exchange.gated()
    assert in_quarantine(exchange) == ["2"]
    replace_ours(store_url, [after] if after else [], [] if after else ["b"])
    again(exchange, run)
    done = exchange.finish(run, gate(run, exchange.profiles_per_part, exchange.max_parts))
    assert (done.counts.as_dict()[fate], done.counts.rejected) == (1, 0)
    assert [each.refused for each in done.properties] == [0]
    assert in_quarantine(exchange) == []


def in_quarantine(exchange: Exchange) -> list[str]:
    names = {str(profile_id(number)): str(number) for number in (1, 2)}
    found = newest(exchange.store_url, exchange.connection_id, Wanted(), limit=10)
    return [names[entry.profile_id] for entry in found]
