"""Harbor Goods imports the sample from Taylor Times: what becomes of the profiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select

from profile_exchange import sample
from profile_exchange.config import registry
from profile_exchange.domain.connection import Connection, PropertyMapping, Strategy
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.store.consent import consented
from profile_exchange.store.database import engine_for
from profile_exchange.store.refinement import Refiner
from profile_exchange.store.tables import profile
from tests.pipeline.exchange import Exchange, ours
from tests.pipeline.in_memory import InMemorySource

PROFILES = 6_000
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass
class SampleExchange(Exchange):
    """The sample connection, with what Taylor Times exposes held in memory."""

    @property
    def connection(self) -> Connection:
        return registry.connection("taylor-times")

    @property
    def source(self) -> InMemorySource:
        known = [*registry.tenant("taylor-times").properties, *super().source.known]
        return InMemorySource(self.theirs, known, self.segment_ids, page_size=5_000)


@dataclass
class EveryStrategy(SampleExchange):
    """The sample connection with the one strategy more that it does without, and a second sum."""

    @property
    def connection(self) -> Connection:
        connection = super().connection
        assert connection.importing is not None
        more = (
            PropertyMapping("newsletters", "TaylorTimes_Ended", Strategy.REMOVE),
            PropertyMapping("engagement_score", "TaylorTimes_Score", Strategy.SUM),
        )
        mappings = (*connection.importing.mappings, *more)
        return replace(connection, importing=replace(connection.importing, mappings=mappings))


def exposed(url: str) -> list[dict[str, Any]]:
    """What Taylor Times lets Harbor Goods read: profiles in a segment, whose people consented."""
    tenant, connection = registry.tenant("taylor-times"), registry.connection("harbor-goods")
    objectives = {known.id: known for known in tenant.objectives}
    refiner = Refiner(profile, NOW, objectives)
    columns = profile.c
    may_leave = consented(
        columns.consented_objectives,
        columns.refused_objectives,
        columns.privacy_legislation,
        [objectives[name] for name in connection.objectives],
        unneeded_counts=False,
    )
    belongs = {
        segment.id: refiner.condition(parse_refinement(segment.refinement)).label(segment.id)
        for segment in tenant.segments
        if connection.expose and segment.id in connection.expose.segments
    }
    with engine_for(url).connect() as database:
        rows = database.execute(
            select(profile, *belongs.values()).where(may_leave, or_(*belongs.values()))
        ).mappings()
        return [
            {
                "id": row["id"],
                "segments": [name for name in belongs if row[name]],
                "zone": row["privacy_legislation"],
                "consented": row["consented_objectives"],
                "refused": row["refused_objectives"],
                "modified": row["modified_at"].isoformat(),
                **row["properties"],
            }
            for row in rows
        ]


def test_every_fate_but_created_occurs_and_few_are_rejected(
    store_url: str, other_store_url: str
) -> None:
    sample.load("harbor-goods", store_url, PROFILES, now=NOW)
    sample.load("taylor-times", other_store_url, PROFILES, now=NOW)
    exchange = SampleExchange(store_url, {}, exposed(other_store_url), {}, profiles_per_part=10**6)
    exchange.segment_ids = ("subscribers", "sports-readers", "avid-readers")

    counts = exchange.counts().as_dict()
    received = counts.pop("received")
    assert counts.pop("created") == 0
    assert received > PROFILES / 4
    assert min(counts.values()) >= received / 200
    assert 0.005 < counts["rejected"] / received < 0.03
    assert counts["modified"] > received / 4

    again = exchange.counts()
    assert again.modified == 0
    assert again.unchanged == counts["modified"] + counts["unchanged"]


def test_three_runs_of_every_strategy_leave_the_totals_of_one(
    store_url: str, other_store_url: str
) -> None:
    sample.load("harbor-goods", store_url, PROFILES, now=NOW)
    sample.load("taylor-times", other_store_url, PROFILES, now=NOW)
    exchange = EveryStrategy(store_url, {}, exposed(other_store_url), {}, profiles_per_part=2000)
    exchange.segment_ids = ("subscribers", "sports-readers")
    goal = exchange.connection.importing
    assert goal is not None
    assert {mapping.strategy for mapping in goal.mappings} == set(Strategy)

    first = exchange.counts()
    once = totals(store_url)
    assert min(once.values()) > 0
    for _ in range(2):
        again = exchange.counts()
        assert totals(store_url) == once
        assert (again.modified, again.unchanged) == (0, first.modified + first.unchanged)


def totals(url: str) -> dict[str, Decimal]:
    """What all our profiles hold together of each summed property."""
    held = ours(url).values()
    return {
        name: sum((Decimal(number) for p in held for number in p.get(name, [])), Decimal(0))
        for name in ("TaylorTimes_Articles", "TaylorTimes_Score")
    }
