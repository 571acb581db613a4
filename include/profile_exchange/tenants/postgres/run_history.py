"""What a connection's runs did, read from the importing tenant's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Row,
    ScalarSelect,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from profile_exchange.domain.fates import FateCounts, PropertyCounts
from profile_exchange.domain.forecast import Forecast
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import exchanged_profile, exposure_check, run, run_property


@dataclass(frozen=True, slots=True)
class PastRun:
    """One attempt at a run; times are aware.

    ``counts`` is None until the run is reported; those of a previewed run say what would be.
    ``segments`` says how many profiles were received in each, ``matched`` how many of ours they
    match. ``forecast`` is what the gate expected, where it had to know; ``decided_by`` and
    ``decided_at`` say who answered its question.
    ``properties`` is what it did to each target property, in the order of their ids.
    ``check_failure`` is why the check of what the partner may do failed in the same run, of a
    connection that has both goals.
    """

    run_id: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    failure: str
    counts: FateCounts | None
    properties: tuple[PropertyCounts, ...] = ()
    preview: bool = False
    segments: Mapping[str, int] = field(default_factory=dict)
    matched: int | None = None
    forecast: Forecast | None = None
    decided_by: str = ""
    decided_at: datetime | None = None
    check_failure: str = ""

    @property
    def outcome(self) -> str:
        """How the run as a whole ended: an import that is done does not make up for its check."""
        return "failed" if self.check_failure and self.state in _NO_FAILURE else self.state

    @property
    def told(self) -> str:
        """Why it failed, or what else there is to say of how it ended: of each goal its own."""
        if not self.check_failure:
            return self.failure
        imported = self.failure or _NO_FAILURE.get(self.state, "")
        checked = f"The check of what the partner may do failed: {self.check_failure}"
        return f"{imported} {checked}".strip()


#: The states of an import in which nothing has failed, and what is told of one beside a check.
_NO_FAILURE = {
    "succeeded": "The import succeeded.",
    "previewed": "The preview is made.",
    "refused": "",
    "left out": "",
}


@dataclass(frozen=True, slots=True)
class Trace:
    """When a connection last did something in a store, and whether it ever imported into it."""

    last: datetime
    imported: bool


@dataclass(frozen=True, slots=True)
class DataExchange:
    """Unique profiles received from and sent to the other tenant over a connection's life."""

    received: int
    sent: int


def history(
    url: str, connection_id: str, limit: int = 20, before: datetime | None = None
) -> Sequence[PastRun]:
    """The connection's last runs, the newest first; only those that started before a moment, if
    one is named."""
    query = _newest(connection_id).where(true() if before is None else run.c.started_at < before)
    with store_errors(url), engine_for(url).connect() as database:
        return [_past_run(row) for row in database.execute(query.limit(limit))]


def past_run(url: str, connection_id: str, run_id: str) -> PastRun | None:
    """The last attempt at one run, or None if it never came so far as to be noted."""
    query = _newest(connection_id).where(run.c.run_id == run_id).limit(1)
    with store_errors(url), engine_for(url).connect() as database:
        row = database.execute(query).first()
    return _past_run(row) if row else None


def was_running(
    url: str,
    connection_id: str,
    moment: datetime,
    *,
    about: timedelta = timedelta(0),
    previews: bool = False,
) -> bool:
    """Whether a run that writes, or a preview as well, was going at about a moment, or is since."""
    going = select(run.c.seq).where(
        run.c.connection == connection_id,
        or_(~run.c.preview, literal(previews)),
        run.c.started_at <= moment + about,
        or_(run.c.finished_at.is_(None), run.c.finished_at > moment - about),
    )
    with store_errors(url), engine_for(url).connect() as database:
        return bool(database.execute(select(going.exists())).scalar_one())


def trace_of(url: str, connection_id: str) -> Trace | None:
    """What is left of a connection, configured or not; None if it never ran here."""
    imported, checked = (
        select(func.max(moment)).where(table.c.connection == connection_id).scalar_subquery()
        for table, moment in ((run, run.c.started_at), (exposure_check, exposure_check.c.at))
    )
    with store_errors(url), engine_for(url).connect() as database:
        imported_at, checked_at = database.execute(select(imported, checked)).one()
    last = [moment for moment in (imported_at, checked_at) if moment is not None]
    return Trace(max(last), imported=imported_at is not None) if last else None


def known_connections(url: str) -> frozenset[str]:
    """Every connection that ever did something in a store, configured or not."""
    query = union(*(_each_once(table.c.connection) for table in (run, exposure_check)))
    with store_errors(url), engine_for(url).connect() as database:
        return frozenset(database.execute(query).scalars())


def _each_once(column: ColumnElement[str]) -> Select[Any]:
    """Every value of an indexed column, from one to the next: a look at each, not at each row."""
    walk = select(func.min(column).label("found")).cte(recursive=True)
    following = select(func.min(column)).where(column > walk.c.found).scalar_subquery()
    walk = walk.union_all(select(following).where(walk.c.found.is_not(None)))
    return select(walk.c.found).where(walk.c.found.is_not(None))


def received_by_day(url: str, connection_id: str, days: int) -> Mapping[date, int]:
    """How many unique profiles had been received by the end of each of the last days (in UTC) on
    which a run was reported, in time."""
    of_connection = and_(run.c.connection == connection_id, ~run.c.preview)
    return _by_day(url, run.c.finished_at, run.c.unique_received, of_connection, days)


def sent_by_day(url: str, connection_id: str, days: int) -> Mapping[date, int]:
    """The same of those that had been sent, by the checks of what is exposed."""
    checks = exposure_check.c
    of_connection = checks.connection == connection_id
    return _by_day(url, checks.at, checks.unique_sent, of_connection, days)


def _by_day(
    url: str,
    moment: ColumnElement[datetime],
    figure: ColumnElement[int | None],
    chosen: ColumnElement[bool],
    days: int,
) -> Mapping[date, int]:
    """A figure that only grows, as each day left it."""
    day = cast(func.timezone("UTC", moment), Date)
    query = (
        select(day, func.max(figure))
        .where(chosen, figure.is_not(None))
        .group_by(day)
        .order_by(day.desc())
        .limit(days)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return {row[0]: row[1] or 0 for row in reversed(database.execute(query).all())}


def data_exchange(url: str, connection_id: str) -> DataExchange:
    """The connection's unique profiles in both directions."""
    ledger = exchanged_profile
    query = (
        select(ledger.c.direction, func.count().label("profiles"))
        .where(ledger.c.connection == connection_id)
        .group_by(ledger.c.direction)
    )
    with store_errors(url), engine_for(url).connect() as database:
        by_direction = {row.direction: int(row.profiles) for row in database.execute(query)}
    return DataExchange(received=by_direction.get("received", 0), sent=by_direction.get("sent", 0))


def _newest(connection_id: str) -> Select[tuple[object, ...]]:
    query = select(run, _properties().label("properties"), _check_failure().label("check_failure"))
    return query.where(run.c.connection == connection_id).order_by(run.c.seq.desc())


def _properties() -> ScalarSelect[object]:
    """A JSON list of what a run did to each property; null until it is reported."""
    names = list(PropertyCounts.__dataclass_fields__)
    pairs = [part for name in names for part in (literal(name, Text), run_property.c[name])]
    one = func.jsonb_build_object(*pairs)
    query = select(func.jsonb_agg(aggregate_order_by(one, run_property.c.property_id)))
    return query.where(run_property.c.run_seq == run.c.seq).scalar_subquery()


def _check_failure() -> ScalarSelect[str]:
    check = exposure_check.c
    query = select(check.failure).where(check.connection == run.c.connection)
    return query.where(check.run_id == run.c.run_id).scalar_subquery()


def _past_run(row: Row[tuple[object, ...]]) -> PastRun:
    names = FateCounts.__dataclass_fields__
    counts = {name: row._mapping[name] for name in names}
    reported = all(count is not None for count in counts.values())
    return PastRun(
        run_id=row.run_id,
        state=row.state,
        started_at=row.started_at,
        finished_at=row.finished_at,
        failure=row.failure,
        counts=FateCounts(**counts) if reported else None,
        properties=tuple(PropertyCounts(**each) for each in row.properties or ()),
        preview=row.preview,
        segments=row.segments or {},
        matched=row.matched,
        forecast=Forecast.from_json(row.forecast) if row.forecast else None,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        check_failure=row.check_failure or "",
    )
