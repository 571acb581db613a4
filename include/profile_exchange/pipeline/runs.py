"""Runs: opening one, finding it again from a later task, and who may write.

A connection has one pen. The run that starts last takes it; a package is written only while
its run holds the pen. Writers lock the pen's row in share mode and a run that starts updates
it, so a new run waits for packages being written and old runs cannot write any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, func, insert, select, update
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert as upsert_into

from profile_exchange.domain.connection import Connection, ImportGoal
from profile_exchange.domain.errors import FatalError, RunOvertaken
from profile_exchange.pipeline.plan import Plan
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.fingerprints import make_key
from profile_exchange.store.staging import Staging, staging

RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
OVERTAKEN = "Another run of the connection was started before this one was done."


@dataclass(frozen=True)
class Run:
    """One execution of an import, as its steps see it."""

    connection: Connection
    run_id: str
    seq: int
    state: str
    plan: Plan
    store_url: str = field(repr=False)

    @property
    def goal(self) -> ImportGoal:
        """The connection's import goal."""
        return import_goal(self.connection)

    @property
    def staging(self) -> Staging:
        """The run's staging tables."""
        return staging(self.seq)

    @property
    def engine(self) -> Engine:
        """The importing tenant's database."""
        return engine_for(self.store_url)

    @property
    def finished(self) -> bool:
        """Whether the run was reported: then its staging is gone and steps have no work left."""
        return self.state == SUCCEEDED


def import_goal(connection: Connection) -> ImportGoal:
    """The import goal of a connection that must have one."""
    if connection.importing is None:
        raise FatalError(
            f"Connection {connection.id} does not import anything: give it an import goal."
        )
    return connection.importing


def open_run(
    database: Database, connection: Connection, run_id: str, plan: Plan, now: datetime
) -> int:
    """Start a run, or start it over, and take the pen. Returns its sequence number.

    The pen comes first: whoever holds it is at work on staging, and is waited for. Staging of
    earlier runs of the connection is dropped then: only the newest run may still write.
    A run that starts over is a new attempt with a row of its own; what the earlier attempt
    did stays on record.
    """
    _lock_pen(database, connection.id, now)
    opened = (
        insert(tables.run)
        .values(
            connection=connection.id,
            run_id=run_id,
            state=RUNNING,
            started_at=now,
            plan=plan.as_json(),
        )
        .returning(tables.run.c.seq)
    )
    seq = int(database.execute(opened).scalar_one())
    mine = update(tables.pen).where(tables.pen.c.connection == connection.id)
    database.execute(mine.values(run_seq=seq, taken_at=now))
    _close_others(database, connection.id, seq, now)
    make_key(database, now)
    staging(seq).create(database)
    return seq


def _close_others(database: Database, connection_id: str, seq: int, now: datetime) -> None:
    """End what other runs of a connection were about."""
    for other in _with_staging(database, connection_id):
        staging(other).drop(database)
    close = (
        update(tables.run)
        .where(tables.run.c.connection == connection_id, tables.run.c.state == RUNNING)
        .where(tables.run.c.seq != seq)
        .values(state=FAILED, finished_at=now, failure=OVERTAKEN)
    )
    database.execute(close)


def record_failure(
    store_url: str, connection_id: str, run_id: str, failure: str, now: datetime
) -> None:
    """Note that a run failed and why; what it staged stays until the next run starts."""
    failed = (
        update(tables.run)
        .where(tables.run.c.connection == connection_id, tables.run.c.run_id == run_id)
        .where(tables.run.c.state == RUNNING)
        .values(state=FAILED, finished_at=now, failure=failure)
    )
    with store_errors(store_url), engine_for(store_url).begin() as database:
        database.execute(failed)


def _with_staging(database: Database, connection_id: str) -> list[int]:
    """Runs of a connection whose staging tables may exist."""
    query = select(tables.run.c.seq).where(
        tables.run.c.connection == connection_id,
        _staging_exists(),
    )
    return [int(seq) for seq in database.execute(query).scalars()]


def _staging_exists() -> ColumnElement[bool]:
    return func.to_regclass(func.concat("exchange.staged_", tables.run.c.seq)).is_not(None)


def _lock_pen(database: Database, connection_id: str, now: datetime) -> None:
    """Wait for whoever holds the pen, and keep it until this transaction ends."""
    pen = upsert_into(tables.pen).values(connection=connection_id, run_seq=0, taken_at=now)
    unchanged = {"connection": pen.excluded.connection}
    database.execute(pen.on_conflict_do_update(index_elements=["connection"], set_=unchanged))


def hold_pen(database: Database, run: Run, *, alone: bool = False) -> None:
    """Keep other runs from taking the pen until this transaction ends.

    Packages hold it together; a step that holds it ``alone`` keeps every other step of its run
    waiting, a repetition of itself among them. Raises `RunOvertaken` when another run has it.
    """
    query = (
        select(tables.pen.c.run_seq)
        .where(tables.pen.c.connection == run.connection.id)
        .with_for_update(read=not alone)
    )
    check_holder(run, database.execute(query).scalar_one_or_none())


def check_holder(run: Run, seq: int | None) -> None:
    """Raise `RunOvertaken` unless a run is the one that holds the pen."""
    if seq != run.seq:
        raise RunOvertaken(
            f"Run {run.run_id} of {run.connection.id} may not go on: a newer run has started "
            "since. What it had not written by then is not written; trigger a new run."
        )


@contextmanager
def at_work(run: Run) -> Iterator[Database]:
    """A transaction for a step that no run may overtake, and no repetition may meet, in it."""
    with store_errors(run.store_url), run.engine.begin() as database:
        hold_pen(database, run, alone=True)
        yield database


def find_run(store_url: str, connection: Connection, run_id: str) -> Run:
    """The run that authenticate opened. Raises `FatalError` when there is none."""
    there = _staging_exists().label("there")
    query = select(tables.run.c.seq, tables.run.c.state, tables.run.c.plan, there).where(
        tables.run.c.connection == connection.id, tables.run.c.run_id == run_id
    )
    query = query.order_by(tables.run.c.seq.desc()).limit(1)
    with store_errors(store_url), engine_for(store_url).connect() as database:
        found = database.execute(query).one_or_none()
    if found is None:
        raise FatalError(
            f"Run {run_id} of {connection.id} is not known to the profile store: "
            "clear its task authenticate, or trigger a new run."
        )
    if found.state == FAILED and not found.there:
        raise RunOvertaken(
            f"What run {run_id} of {connection.id} pulled is not kept any more: a newer run has "
            "started, or it failed too long ago. Trigger a new run."
        )
    return Run(
        connection=connection,
        run_id=run_id,
        seq=found.seq,
        state=found.state,
        plan=Plan.from_json(found.plan),
        store_url=store_url,
    )
