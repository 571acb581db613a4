"""How many profiles of each segment are exposed.

No index knows, so all of them are looked at, which takes more than a second for a million. In a
store of several millions a sample is looked at instead, and only for a segment that has few in it
all of them: a round number is better than none, and nobody waits ten seconds for either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10
from typing import Any

from sqlalchemy import Float, FromClause, Text, bindparam, cast, func, literal, select, table
from sqlalchemy import column as named
from sqlalchemy.dialects.postgresql import REGCLASS

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.refinement import Refinement
from profile_exchange.exposure.counting import Counting
from profile_exchange.exposure.statements import Kept
from profile_exchange.exposure.stores import Database, Row, Statement, compiled
from profile_exchange.store.tables import profile
from profile_exchange.tenants.postgres.audience import Audience

#: About so many profiles are looked at where a sample is.
SAMPLE = 100_000
#: A store has to be so many times as large: what can be counted soon is counted.
WORTH_SAMPLING = 20
#: So many profiles of a segment in the sample say how many it has, to a few in a hundred.
ENOUGH = 1_000
#: Figures of a number that stands for a sample: the others would only look exact.
FIGURES = 2

Refinements = tuple[Refinement | None, ...]

_SIZE = compiled(
    select(named("reltuples"))
    .select_from(table("pg_class", named("oid"), schema="pg_catalog"))
    .where(named("oid") == cast(literal(f"{profile.schema}.{profile.name}", Text), REGCLASS))
)


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    """Counts what a connection exposes of segments, as of a time."""

    counting: Counting
    connection: Connection
    audience: Audience
    now: datetime

    async def of(self, database: Database, refinements: Refinements) -> Sequence[int | None]:
        """How many profiles each of these segments exposes; None if counting takes too long."""
        found = list(await self._sampled(database, refinements))
        left = [place for place, number in enumerate(found) if number is None]
        if left:
            statement = await _exact(self.audience, tuple(refinements[place] for place in left))
            row = await self._row(database, statement)
            for place, number in zip(left, row or (), strict=False):
                found[place] = number
        return found

    async def _sampled(self, database: Database, refinements: Refinements) -> Sequence[int | None]:
        """What a sample says of each segment; None where it does not say enough."""
        size = await _SIZE.row(database)
        row = None
        if size and size[0] >= SAMPLE * WORTH_SAMPLING:
            share = SAMPLE / size[0]
            statement = await _in_a_sample(self.audience, refinements)
            row = await self._row(database, statement, percent=100 * share)
        return [_estimate(number, share) for number in row] if row else [None] * len(refinements)

    async def _row(self, database: Database, statement: Statement, **more: Any) -> Row | None:
        what = "what is exposed"
        return await self.counting.row(
            database, self.connection, what, statement, now=self.now, **more
        )


def _estimate(in_sample: int, share: float) -> int | None:
    return rounded(in_sample / share) if in_sample >= ENOUGH else None


def rounded(number: float) -> int:
    """A number above 0 to `FIGURES` figures."""
    return int(round(number, FIGURES - 1 - floor(log10(number))))


def _exact_statement(audience: Audience, refinements: Refinements) -> Statement:
    """How many profiles each of several segments exposes, in one pass. Binds ``now``."""
    return _counting(audience, refinements, profile)


def _sample_statement(audience: Audience, refinements: Refinements) -> Statement:
    """The same for some of the store's blocks. Binds ``percent`` too: how many of a hundred."""
    percent = bindparam("percent", type_=Float)
    # The same blocks each time: a number that changes tells that something has.
    return _counting(
        audience, refinements, profile.tablesample(func.system(percent), "some", seed=literal(0))
    )


def _counting(audience: Audience, refinements: Refinements, profiles: FromClause) -> Statement:
    refiner = audience.refiner(profiles)
    counts = [func.count().filter(refiner.condition(each)) for each in refinements]
    return compiled(select(*counts).select_from(profiles).where(audience.condition(profiles)))


_exact = Kept(_exact_statement)
_in_a_sample = Kept(_sample_statement)
