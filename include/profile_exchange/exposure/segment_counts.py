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
from time import monotonic
from typing import Any

from sqlalchemy import Float, FromClause, Text, bindparam, cast, func, literal, select, table
from sqlalchemy import column as named
from sqlalchemy.dialects.postgresql import REGCLASS

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.refinement import Refinement
from profile_exchange.exposure.counting import SECONDS, Counting
from profile_exchange.exposure.statements import Kept
from profile_exchange.exposure.stores import Database, Row, Statement, compiled
from profile_exchange.store.tables import profile
from profile_exchange.tenants.postgres.audience import Audience

#: About so many profiles are looked at where a sample is.
SAMPLE = 100_000
#: A store has to be so many times as large: what can be counted soon is counted.
WORTH_SAMPLING = 20
#: Segments that are counted with one look at every profile: a column each, of which a statement may
#: have 1,664.
AT_ONCE = 1_000
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
            exact = await self._counted(database, _exact, [refinements[place] for place in left])
            for place, number in zip(left, exact, strict=True):
                found[place] = number
        return found

    async def _sampled(self, database: Database, refinements: Refinements) -> Sequence[int | None]:
        """What a sample says of each segment; None where it does not say enough."""
        size = await _SIZE.row(database)
        if not size or size[0] < SAMPLE * WORTH_SAMPLING:
            return [None] * len(refinements)
        share = SAMPLE / size[0]
        found = await self._counted(database, _in_a_sample, refinements, percent=100 * share)
        return [_estimate(number, share) for number in found]

    async def _counted(
        self,
        database: Database,
        made: Kept[[Audience, Refinements]],
        refinements: Sequence[Refinement | None],
        **more: Any,
    ) -> Sequence[int | None]:
        """The counts of a statement, some at a time; None from where it has taken too long."""
        found: list[int | None] = []
        ends = monotonic() + SECONDS
        while len(found) < len(refinements) and (not found or monotonic() < ends):
            some = tuple(refinements[len(found) : len(found) + AT_ONCE])
            row = await self._row(database, await made(self.audience, some), **more)
            if row is None:
                break
            found.extend(row)
        return [*found, *[None] * (len(refinements) - len(found))]

    async def _row(self, database: Database, statement: Statement, **more: Any) -> Row | None:
        what = "what is exposed"
        return await self.counting.row(
            database, self.connection, what, statement, now=self.now, **more
        )


def _estimate(in_sample: int | None, share: float) -> int | None:
    return None if in_sample is None or in_sample < ENOUGH else rounded(in_sample / share)


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
