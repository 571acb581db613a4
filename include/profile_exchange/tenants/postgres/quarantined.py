"""What is in a connection's quarantine, read from the importing tenant's store; no values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, true
from sqlalchemy import Connection as Database

from profile_exchange.domain.fates import Reason
from profile_exchange.pipeline.quarantining import ask_again, held
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import quarantine, replay, run

ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: those in quarantine now, or all that one run made; narrowed if asked."""

    run_id: str | None = None
    reason: Reason | None = None
    profile_ids: tuple[UUID, ...] = ()
    property_id: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many profiles broke one rule."""

    reason: str
    property_id: str
    rule: str
    profiles: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One rejected profile: what it broke, and a fingerprint of the value that did.

    ``outcome`` is empty while the profile is in quarantine; ``replay`` says whether the next run
    was asked to take it again. Times are aware.
    """

    profile_id: str
    run_id: str
    property_id: str
    reason: str
    rule: str
    fingerprint: str
    quarantined_at: datetime
    outcome: str
    replay: bool


def reasons(url: str, connection_id: str, wanted: Wanted) -> Sequence[ReasonCount]:
    """The profiles counted by what they broke, the most frequent first."""
    keys = quarantine.c.reason, quarantine.c.property_id, quarantine.c.rule
    profiles = func.count(quarantine.c.profile_id.distinct())
    query = (
        select(*keys, profiles)
        .where(_chosen(connection_id, wanted))
        .group_by(*keys)
        .order_by(profiles.desc(), *keys)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return [ReasonCount(*row) for row in database.execute(query)]


def newest(
    url: str, connection_id: str, wanted: Wanted, limit: int, *, after: int = 0
) -> Sequence[Entry]:
    """The entries made last, by profile id within a run; ``after`` leaves out as many of them."""
    query = _entries(connection_id, wanted).limit(limit).offset(after)
    with store_errors(url), engine_for(url).connect() as database:
        return [_entry(row) for row in database.execute(query)]


def in_blocks(url: str, connection_id: str, wanted: Wanted) -> Iterator[Sequence[Entry]]:
    """All entries, some thousands at a time, however many there are."""
    streaming = {"stream_results": True, "max_row_buffer": ROWS_AT_ONCE}
    with store_errors(url), engine_for(url).connect() as database:
        rows = database.execute(_entries(connection_id, wanted), execution_options=streaming)
        for block in rows.partitions(ROWS_AT_ONCE):
            yield [_entry(row) for row in block]


def ask_replay(url: str, connection_id: str, wanted: Wanted, now: datetime) -> int:
    """Have the next run take profiles in quarantine again. Returns how many. Safe to repeat."""
    with store_errors(url), engine_for(url).begin() as database:
        return ask_again(database, connection_id, _narrowed(wanted), now)


def asked(url: str, connection_id: str) -> int:
    """How many profiles the next run was asked to take again."""
    query = select(func.count()).where(replay.c.connection == connection_id)
    with store_errors(url), engine_for(url).connect() as database:
        return _number(database, query)


def _number(database: Database, query: Select[Any]) -> int:
    return int(database.execute(query).scalar_one())


def _chosen(connection_id: str, wanted: Wanted) -> ColumnElement[bool]:
    if wanted.run_id is None:
        return and_(held(connection_id), _narrowed(wanted))
    runs = select(run.c.seq).where(run.c.connection == connection_id)
    return and_(quarantine.c.run_seq.in_(runs), _narrowed(wanted))


def _narrowed(wanted: Wanted) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.run_id is not None:
        runs = select(run.c.seq).where(run.c.run_id == wanted.run_id)
        conditions.append(quarantine.c.run_seq.in_(runs))
    broken = {"reason": wanted.reason, "property_id": wanted.property_id, "rule": wanted.rule}
    conditions += [quarantine.c[name] == told for name, told in broken.items() if told is not None]
    if wanted.profile_ids:
        conditions.append(quarantine.c.profile_id.in_(wanted.profile_ids))
    return and_(true(), *conditions)


def _entries(connection_id: str, wanted: Wanted) -> Select[Any]:
    again = and_(
        replay.c.connection == connection_id, replay.c.profile_id == quarantine.c.profile_id
    )
    order = quarantine.c.profile_id, quarantine.c.property_id, quarantine.c.rule
    return (
        select(quarantine, run.c.run_id, replay.c.asked_at)
        .join(run, run.c.seq == quarantine.c.run_seq)
        .outerjoin(replay, again)
        .where(_chosen(connection_id, wanted))
        .order_by(quarantine.c.run_seq.desc(), *order)
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        profile_id=str(row.profile_id),
        run_id=row.run_id,
        property_id=row.property_id,
        reason=row.reason,
        rule=row.rule,
        fingerprint=row.fingerprint,
        quarantined_at=row.quarantined_at,
        outcome=row.outcome or "",
        replay=row.asked_at is not None and row.outcome is None,
    )
