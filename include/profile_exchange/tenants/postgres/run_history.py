"""What a connection's runs did, read from the importing tenant's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, func, or_, select

from profile_exchange.domain.fates import FateCounts
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import exchanged_profile, run


@dataclass(frozen=True, slots=True)
class PastRun:
    """One attempt at a run. ``counts`` is None until the run is reported; times are aware."""

    run_id: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    failure: str
    counts: FateCounts | None


@dataclass(frozen=True, slots=True)
class DataExchange:
    """Unique profiles received from and sent to the other tenant over a connection's life."""

    received: int
    sent: int


def history(url: str, connection_id: str, limit: int = 20) -> Sequence[PastRun]:
    """The connection's last runs, the newest first."""
    with store_errors(url), engine_for(url).connect() as database:
        return [_past_run(row) for row in database.execute(_newest(connection_id).limit(limit))]


def past_run(url: str, connection_id: str, run_id: str) -> PastRun | None:
    """The last attempt at one run, or None if it never came so far as to be noted."""
    query = _newest(connection_id).where(run.c.run_id == run_id).limit(1)
    with store_errors(url), engine_for(url).connect() as database:
        row = database.execute(query).first()
    return _past_run(row) if row else None


def was_running(url: str, connection_id: str, moment: datetime) -> bool:
    """Whether a run of the connection was going at a moment, or still is since before it."""
    going = select(run.c.seq).where(
        run.c.connection == connection_id,
        run.c.started_at <= moment,
        or_(run.c.finished_at.is_(None), run.c.finished_at > moment),
    )
    with store_errors(url), engine_for(url).connect() as database:
        return bool(database.execute(select(going.exists())).scalar_one())


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
    return select(run).where(run.c.connection == connection_id).order_by(run.c.seq.desc())


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
    )
