"""What was pulled in part only: somebody has marked a part of the pull as done, and it was not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from profile_exchange.domain.errors import FatalError, SourceUnavailable
from profile_exchange.pipeline.join import join
from profile_exchange.pipeline.ports import Source
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.received import Page
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import watermark
from tests.pipeline.exchange import Exchange, InMemorySource, furnish

TYPES = {"email": "EMAIL!", "visits": "RANGE"}
GOAL = {
    "pull": "changed",
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "visits", "to": "Visits"}],
}
SEGMENTS = ("everybody", "subscribers")


class Ranged(Exchange):
    """An exchange whose source can be pulled by id ranges, or cannot."""

    ranged = True

    @property
    def source(self) -> InMemorySource:
        return replace(super().source, ranged=self.ranged)


@pytest.fixture(params=[True, False], ids=["by ranges", "by segments"])
def exchange(request: pytest.FixtureRequest, store_url: str) -> Ranged:
    numbers = range(1, 9)
    ours = [{"id": f"a{number}", "email": f"{number}@example.com"} for number in numbers]
    theirs = [
        {"id": number, "email": f"{number}@example.com", "visits": 5, "segments": SEGMENTS}
        for number in numbers
    ]
    furnish(store_url, {"email": "EMAIL!"}, ours)
    made = Ranged(
        store_url, GOAL, theirs, TYPES, segment_ids=SEGMENTS, profiles_per_part=2, page_size=1
    )
    made.ranged = request.param
    return made


class Ending(InMemorySource):
    """A source of which somebody ends the pull after its first page."""

    pages = 0

    def page(self, *asked: object, **named: object) -> Page:
        self.pages += 1
        if self.pages > 1:
            raise SourceUnavailable("killed")
        return super().page(*asked, **named)  # type: ignore[arg-type]


def pull_but(run: Run, exchange: Exchange, left: int, source: Source | None = None) -> None:
    """Pull all parts but one, and of that what a source of its own brings before it ends."""
    for number, request in enumerate(requests_for(run, run.plan.segments)):
        if number != left:
            pull(run, exchange.source, request)
        elif source is not None:
            with pytest.raises(SourceUnavailable):
                pull(run, source, request)


def marks(url: str) -> int:
    with engine_for(url).connect() as database:
        return len(database.execute(select(watermark)).all())


@pytest.mark.parametrize("begun", [True, False])
def test_a_part_that_was_not_pulled_to_its_end_is_not_imported_without(
    exchange: Ranged, begun: bool
) -> None:
    run = exchange.open()
    assert run.plan.ranges == exchange.ranged
    theirs = exchange.source
    source = Ending(theirs.profiles, theirs.known, SEGMENTS, 1, theirs.ranged) if begun else None
    pull_but(run, exchange, 0 if begun else 1, source)
    with pytest.raises(FatalError, match="parts pulled to the end: clear its task pull"):
        join(run, exchange.today)
    assert marks(exchange.store_url) == 0
    # As it says.
    for request in requests_for(run, run.plan.segments):
        pull(run, exchange.source, request)
    assert join(run, exchange.today)["matched"] == 8
