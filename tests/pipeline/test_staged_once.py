"""A profile that comes unchanged in several segments: staged whole once, and no worse for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from profile_exchange.domain.errors import SourceUnavailable
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.received import Page, PropertyValues, ReceivedProfile
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.staged_rows import Known, copy_block
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from tests.pipeline.exchange import Exchange, furnish, ours, profile_id
from tests.pipeline.in_memory import BreakingOff

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "Sports"},
        {"segments": True, "to": "In"},
    ],
}
TYPES = {"email": "EMAIL!", "sports": "SELECT"}
BOTH = ("one", "two")
EARLY, LATE = "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"


@pytest.fixture
def meeting(store_url: str) -> Callable[..., Exchange]:
    """An exchange with a tenant whose profiles are in the segments ``one`` and ``two``."""
    furnish(store_url, TYPES, [{"id": "a", "email": "a@example.com"}])

    def made(*theirs: Mapping[str, Any], **options: Any) -> Exchange:
        return Exchange(store_url, GOAL, theirs, TYPES, segment_ids=BOTH, **options)

    return made


def came(sports: str, *segments: str, modified: str | None = EARLY) -> dict[str, Any]:
    one = {"id": 1, "email": "a@example.com", "sports": sports, "segments": list(segments)}
    return {**one, "modified": "unknown" if modified is None else modified}


def staged(run: Run) -> list[tuple[int, list[str] | None]]:
    """``(segment, sports)`` of every row; None for one without properties."""
    table = run.staging.staged
    with run.engine.connect() as database:
        rows = database.execute(
            select(table.c.segment, table.c.properties).order_by(table.c.segment, table.c.part)
        )
        return [(row.segment, row.properties and row.properties["sports"]) for row in rows]


def test_only_the_first_row_of_a_profile_is_whole(meeting: Callable[..., Exchange]) -> None:
    assert staged(meeting(came("Rowing", *BOTH)).pulled()) == [(0, ["Rowing"]), (1, None)]


def test_it_counts_and_is_mapped_with_all_its_segments(meeting: Callable[..., Exchange]) -> None:
    exchange = meeting(came("Rowing", *BOTH))
    done = exchange.run()
    assert (done.counts.received, done.counts.modified) == (1, 1)
    assert ours(exchange.store_url)[profile_id("a")] == {
        "email": ["a@example.com"],
        "Sports": ["Rowing"],
        "In": list(BOTH),
    }
    with engine_for(exchange.store_url).connect() as database:
        assert database.execute(select(tables.run.c.segments)).scalar_one() == {"one": 1, "two": 1}


@pytest.mark.parametrize("page_size", [1, 2])
@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ((EARLY, "Rowing"), (LATE, "Chess"), "Chess"),
        ((LATE, "Rowing"), (EARLY, "Chess"), "Rowing"),
        ((None, "Rowing"), (None, "Chess"), "Rowing"),
    ],
)
def test_one_that_changed_in_between_is_staged_again(
    meeting: Callable[..., Exchange],
    first: tuple[str | None, str],
    second: tuple[str | None, str],
    wins: str,
    page_size: int,
) -> None:
    exchange = meeting(
        came(first[1], "one", modified=first[0]),
        came(second[1], "two", modified=second[0]),
        page_size=page_size,
    )
    assert staged(exchange.pulled()) == [(0, [first[1]]), (1, [second[1]])]
    exchange.run()
    assert ours(exchange.store_url)[profile_id("a")]["Sports"] == [wins]


def test_what_comes_twice_in_one_segment_is_whole_both_times(
    meeting: Callable[..., Exchange],
) -> None:
    exchange = meeting(came("Rowing", "one"), came("Rowing", "one"))
    assert staged(exchange.pulled()) == [(0, ["Rowing"])] * 2
    assert exchange.counts().modified == 1


def test_a_repeated_pull_stages_again_what_it_did_not_see(
    meeting: Callable[..., Exchange],
) -> None:
    exchange = meeting(came("Rowing", *BOTH))
    run = exchange.open()
    (request,) = requests_for(run, run.plan.segments)
    with pytest.raises(SourceUnavailable):
        pull(run, BreakingOff(exchange.source, pages=1), request)
    assert pull(run, exchange.source, request) == 2
    assert staged(run) == [(0, ["Rowing"]), (1, ["Rowing"])]


def test_one_that_cannot_be_stored_is_in_no_segment(meeting: Callable[..., Exchange]) -> None:
    exchange = meeting(came("Row\0ing", *BOTH))
    run = exchange.pulled()
    assert staged(run) == []


def rows_of(known: Known, *profiles: ReceivedProfile) -> Sequence[bool]:
    """Whether each row was staged whole."""
    block, _ = copy_block(Page(list(profiles), [], None), "\t0\t0\t", known)
    return [not line.endswith(rb"\N") for line in block.splitlines()]


def somebody(number: int) -> ReceivedProfile:
    properties = [PropertyValues("sports", ["Rowing"])]
    return ReceivedProfile(str(profile_id(number)), properties=properties)


def test_no_more_rows_are_remembered_than_memory_is_meant_to_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Known, "MOST", 2)
    known, profiles = Known(segments=2), [somebody(number) for number in range(4)]
    assert rows_of(known, *profiles) == [True] * 4
    known.close_segment()
    assert rows_of(known, *profiles) == [False, False, True, True]


def test_the_last_segment_leaves_nothing_in_memory() -> None:
    known = Known(segments=1)
    rows_of(known, somebody(1))
    known.close_segment()
    assert rows_of(known, somebody(1)) == [True]
