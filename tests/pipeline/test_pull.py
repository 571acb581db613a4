"""Pull: where a chain of pages ends, and which profiles staging takes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from profile_exchange.domain.errors import ProtocolViolation, SourceUnavailable
from profile_exchange.pipeline.page_chain import IDLE_PAGES
from profile_exchange.pipeline.plan import Span
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.received import Page, PropertyValues, ReceivedProfile
from profile_exchange.pipeline.runs import Run
from profile_exchange.store import tables
from tests.pipeline.exchange import Exchange, InMemorySource, furnish, profile_id

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}],
}
SOMEBODY, ANOTHER = str(profile_id(1)), str(profile_id(2))


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    furnish(store_url, {"email": "EMAIL!"}, [])
    return Exchange(store_url, GOAL, [], {"email": "EMAIL!", "sports": "SELECT"})


class Paged(InMemorySource):
    """A source whose page after the nth is what a function says."""

    asked = 0

    def __init__(self, source: InMemorySource, nth: Callable[[int], Page]) -> None:
        super().__init__(source.profiles, source.known)
        self.nth = nth

    def page(
        self,
        segment: str,
        cursor: str | None,
        properties: Sequence[str],
        modified: Sequence[Span] = (),
    ) -> Page:
        self.asked += 1
        return self.nth(self.asked)


def pulled(exchange: Exchange, nth: Callable[[int], Page]) -> tuple[Run, int]:
    run = exchange.open()
    (request,) = requests_for(run, run.plan.segments)
    return run, pull(run, Paged(exchange.source, nth), request)


def one(value: str = "Rowing", **fields: object) -> Page:
    properties = [PropertyValues("sports", [value])]
    return Page([ReceivedProfile(SOMEBODY, properties=properties, **fields)], [], None)  # type: ignore[arg-type]


def staged(run: Run) -> list[tuple[object, ...]]:
    table = run.staging.staged
    with run.engine.connect() as database:
        columns = (table.c.profile_id, table.c.created_at, table.c.properties)
        return [tuple(row) for row in database.execute(select(*columns))]


def test_empty_pages_in_between_are_no_end(exchange: Exchange) -> None:
    def nth(asked: int) -> Page:
        return Page([], [], str(asked)) if asked < IDLE_PAGES else one()

    assert pulled(exchange, nth)[1] == 1


def test_empty_pages_that_always_claim_a_next_one_end_the_pull(exchange: Exchange) -> None:
    with pytest.raises(ProtocolViolation, match="pages in a row that bring no new profile"):
        pulled(exchange, lambda asked: Page([], [], str(asked)))


def test_pages_that_come_round_under_new_cursors_end_the_pull(exchange: Exchange) -> None:
    def nth(asked: int) -> Page:
        return Page([ReceivedProfile((SOMEBODY, ANOTHER)[asked % 2])], [], str(asked))

    with pytest.raises(ProtocolViolation, match="never end"):
        pulled(exchange, nth)


def test_a_moment_with_an_offset_that_postgresql_does_not_know_is_stored(
    exchange: Exchange,
) -> None:
    moment = datetime(2026, 1, 2, 20, 0, tzinfo=timezone(timedelta(hours=20)))
    run, _ = pulled(exchange, lambda _: one(creation_date=moment))
    assert staged(run)[0][1] == datetime(2026, 1, 2, 0, 0, tzinfo=UTC)


def test_a_moment_before_all_time_costs_its_profile(exchange: Exchange) -> None:
    moment = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=20)))
    run, received = pulled(exchange, lambda _: one(creation_date=moment))
    assert (staged(run), received) == ([], 0)
    assert quarantined(run) == [profile_id(1)]


def test_a_backslash_before_u0000_is_text_and_a_nul_character_costs_its_profile(
    exchange: Exchange,
) -> None:
    run, _ = pulled(exchange, lambda _: one(r"\u0000"))
    assert staged(run)[0][2] == {"sports": [r"\u0000"]}
    run, _ = pulled(exchange, lambda _: one("\0"))
    assert (staged(run), quarantined(run)) == ([], [profile_id(1)])


def quarantined(run: Run) -> list[object]:
    rows = select(tables.quarantine.c.profile_id).where(tables.quarantine.c.run_seq == run.seq)
    with run.engine.connect() as database:
        return list(database.execute(rows).scalars())


def test_no_page_shows_in_a_traceback_with_local_variables(exchange: Exchange) -> None:
    def nth(asked: int) -> Page:
        if asked > 1:
            raise SourceUnavailable("gone")
        return Page(one("canary@example.com").profiles, [], "next")

    with pytest.raises(SourceUnavailable) as raised:
        pulled(exchange, nth)
    shown = "".join(
        traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    )
    assert "page = " in shown
    assert "canary" not in shown
