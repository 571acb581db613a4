"""Runs: opening one, finding it again from a later task, and who may write.

A connection has one pen. The run that starts last takes it; a package is written only while
its run holds the pen. Writers lock the pen's row in share mode and a run that starts updates
it, so a new run waits for packages being written and old runs cannot write any more.

Previews have a pen of their own: they exclude each other, and leave a run that writes, and what
it has staged, alone. A run that starts takes that pen too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Insert, Update, delete, func, insert, select, update
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert as upsert_into
from sqlalchemy.schema import CreateTable

from profile_exchange.domain.connection import Connection, ImportGoal
from profile_exchange.domain.errors import FatalError, RunExpired, RunOvertaken, RunRefused
from profile_exchange.pipeline.configured import as_configured
from profile_exchange.pipeline.plan import Plan
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.fingerprints import make_key
from profile_exchange.store.staging import Staging, staging

RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
OVERTAKEN = "Another run of the connection was started before this one was done."
#: A preview has ended: what would be is counted, and nothing was written.
PREVIEWED = "previewed"
#: A person said no at the gate, or nobody answered in time: nothing was written.
REFUSED = "refused"
EXPIRED = "expired"
#: Nothing ran, because the slot came during another run, or long ago.
LEFT_OUT = "left out"
LOST = (
    "Airflow ended this run, and none of its tasks said why: it was killed, or somebody marked it "
    "or a task of it. Nothing is written twice by the next run."
)
#: Airflow calls a run a success, and nothing was reported.
NOT_REPORTED = (
    "Airflow ended this run as a success before it was done: somebody marked it or a task of it, "
    "or cleared a task without those that follow. What it had not written by then is not written: "
    "clear its task authenticate and what follows, or trigger a new run."
)
_REFUSALS = {REFUSED: RunRefused, EXPIRED: RunExpired}


@dataclass(frozen=True)
class Run:
    """One execution of an import, as its steps see it."""

    connection: Connection
    run_id: str
    seq: int
    state: str
    plan: Plan
    store_url: str = field(repr=False)
    preview: bool = False

    @property
    def goal(self) -> ImportGoal:
        """The connection's import goal."""
        return import_goal(self.connection)

    @property
    def pen(self) -> str:
        """The name of the pen that the run's steps have to hold."""
        return _pen(self.connection.id, preview=self.preview)

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
        return self.state in {SUCCEEDED, PREVIEWED}


def import_goal(connection: Connection) -> ImportGoal:
    """The import goal of a connection that must have one."""
    if connection.importing is None:
        raise FatalError(
            f"Connection {connection.id} does not import anything: give it an import goal."
        )
    return connection.importing


def open_run(
    database: Database,
    connection: Connection,
    run_id: str,
    plan: Plan,
    now: datetime,
    *,
    preview: bool = False,
) -> int:
    """Start a run, or start it over, and take the pen. Returns its sequence number.

    The pen comes first: whoever holds it is at work on staging, and is waited for. Staging of
    earlier runs of the connection is dropped then: only the newest run may still write.
    A run that starts over is a new attempt with a row of its own; what the earlier attempt
    did stays on record. A preview takes the pen of previews, and clears away after those only.
    """
    pen = _pen(connection.id, preview=preview)
    _lock_pen(database, pen, now)
    opened = (
        insert(tables.run)
        .values(
            connection=connection.id,
            run_id=run_id,
            state=RUNNING,
            preview=preview,
            started_at=now,
            plan=plan.as_json(),
        )
        .returning(tables.run.c.seq)
    )
    seq = int(database.execute(opened).scalar_one())
    taken = {pen, _pen(connection.id, preview=True)}
    mine = update(tables.pen).where(tables.pen.c.connection.in_(taken))
    database.execute(mine.values(run_seq=seq, taken_at=now))
    _close_others(database, connection.id, seq, now, only_previews=preview)
    make_key(database, now)
    staging(seq).create(database)
    if plan.remote:
        database.execute(CreateTable(staging(seq).sent))
    return seq


def _close_others(
    database: Database, connection_id: str, seq: int, now: datetime, *, only_previews: bool
) -> None:
    """End what other runs of a connection were about, and drop what they have staged."""
    run = tables.run
    others = [run.c.connection == connection_id, run.c.seq != seq]
    if only_previews:
        others.append(run.c.preview)
    query = select(run.c.seq).where(*others, _staging_exists())
    for other in database.execute(query).scalars():
        staging(other).drop(database)
    close = update(run).where(*others, run.c.state == RUNNING)
    database.execute(close.values(state=FAILED, finished_at=now, failure=OVERTAKEN))
    forget_previews(database, *others)


def record_failure(
    store_url: str,
    connection_id: str,
    run_id: str,
    failure: str,
    now: datetime,
    *,
    started_at: datetime | None = None,
) -> None:
    """Note that a run failed and why; what it staged stays until the next run starts.

    A run that failed before it was opened is noted as well, without a plan.
    """
    with store_errors(store_url), engine_for(store_url).begin() as database:
        if _is_known(database, connection_id, run_id):
            database.execute(_failed(connection_id, run_id, failure, now))
        else:
            database.execute(
                _never_opened(connection_id, run_id, failure, now, started_at=started_at or now)
            )


def close_ended(
    store_url: str,
    connection_id: str,
    run_id: str,
    now: datetime,
    *,
    failed: bool,
    ended_at: datetime | None = None,
) -> None:
    """Close a run that Airflow has ended, and of which none of its tasks has said how.

    One that ``failed`` before anything of it was on record is noted as well. What began after
    that end is another attempt, and goes on.
    """
    lost = _failed(connection_id, run_id, LOST if failed else NOT_REPORTED, now)
    with store_errors(store_url), engine_for(store_url).begin() as database:
        database.execute(lost.where(tables.run.c.started_at <= (ended_at or now)))
        if failed and not _is_known(database, connection_id, run_id):
            began = ended_at or now
            database.execute(_never_opened(connection_id, run_id, LOST, now, started_at=began))


def _failed(connection_id: str, run_id: str, failure: str, now: datetime) -> Update:
    """The attempt at a run that is on record as running has failed."""
    run = tables.run
    mine = (run.c.connection == connection_id, run.c.run_id == run_id, run.c.state == RUNNING)
    return update(run).where(*mine).values(state=FAILED, finished_at=now, failure=failure)


def _is_known(database: Database, connection_id: str, run_id: str) -> bool:
    run = tables.run.c
    known = select(run.seq).where(run.connection == connection_id, run.run_id == run_id)
    return database.execute(known.limit(1)).first() is not None


def _never_opened(
    connection_id: str, run_id: str, failure: str, now: datetime, *, started_at: datetime
) -> Insert:
    return insert(tables.run).values(
        connection=connection_id,
        run_id=run_id,
        state=FAILED,
        started_at=started_at,
        finished_at=now,
        failure=failure,
    )


def record_left_out(
    store_url: str, connection_id: str, run_id: str, why: str, now: datetime
) -> None:
    """Note that a scheduled run did nothing, and why."""
    nothing = insert(tables.run).values(
        connection=connection_id,
        run_id=run_id,
        state=LEFT_OUT,
        started_at=now,
        finished_at=now,
        failure=why,
    )
    with store_errors(store_url), engine_for(store_url).begin() as database:
        database.execute(nothing)


def runs_at_work(store_url: str, connection_id: str) -> Sequence[str]:
    """The runs of a connection that have not said yet how they ended."""
    run = tables.run
    query = select(run.c.run_id).where(run.c.connection == connection_id, run.c.state == RUNNING)
    with store_errors(store_url), engine_for(store_url).connect() as database:
        return database.execute(query.distinct()).scalars().all()


def _staging_exists() -> ColumnElement[bool]:
    return func.to_regclass(func.concat("exchange.staged_", tables.run.c.seq)).is_not(None)


def forget_previews(database: Database, *some: ColumnElement[bool]) -> None:
    """Delete what the steps of some previews left beside staging: figures are all that stays."""
    seqs = select(tables.run.c.seq).where(tables.run.c.preview, *some)
    for ledger in (tables.pull_progress, tables.quarantine):
        database.execute(delete(ledger).where(ledger.c.run_seq.in_(seqs)))


def _pen(connection_id: str, *, preview: bool) -> str:
    """The name of the pen that a run needs. No connection's id has a blank in it."""
    return f"{connection_id} preview" if preview else connection_id


def _lock_pen(database: Database, name: str, now: datetime) -> None:
    """Wait for whoever holds the pen, and keep it until this transaction ends."""
    pen = upsert_into(tables.pen).values(connection=name, run_seq=0, taken_at=now)
    unchanged = {"connection": pen.excluded.connection}
    database.execute(pen.on_conflict_do_update(index_elements=["connection"], set_=unchanged))


def hold_pen(database: Database, run: Run, *, alone: bool = False) -> None:
    """Keep other runs from taking the pen until this transaction ends.

    Packages hold it together; a step that holds it ``alone`` keeps every other step of its run
    waiting, a repetition of itself among them. Raises `RunOvertaken` when another run has it.
    """
    pen = tables.pen
    mine = pen.c.connection == run.pen
    together = select(pen.c.run_seq).where(mine).with_for_update(read=True)
    # Written and not only locked: a package whose snapshot is from before the step loses a race,
    # and is tried again on what the step has left.
    by_itself = update(pen).where(mine).values(run_seq=pen.c.run_seq).returning(pen.c.run_seq)
    check_holder(run, database.execute(by_itself if alone else together).scalar_one_or_none())


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
    """The run that authenticate opened.

    Raises `FatalError` when there is none, or when it is not what is configured any more, and
    `RunRefused` when it was not let through the gate.
    """
    there = _staging_exists().label("there")
    query = select(tables.run, there).where(
        tables.run.c.connection == connection.id, tables.run.c.run_id == run_id
    )
    query = query.order_by(tables.run.c.seq.desc()).limit(1)
    with store_errors(store_url), engine_for(store_url).connect() as database:
        found = database.execute(query).one_or_none()
    if found is None or not found.plan:
        raise FatalError(
            f"Run {run_id} of {connection.id} is not known to the profile store: "
            "clear its task authenticate, or trigger a new run."
        )
    if found.state == FAILED and not found.there:
        raise RunOvertaken(
            f"What run {run_id} of {connection.id} pulled is not kept any more: a newer run has "
            "started, or it failed too long ago. Trigger a new run."
        )
    if refusal := _REFUSALS.get(found.state):
        raise refusal(f"{found.failure} Clear its task authenticate, or trigger a new run.")
    run = Run(
        connection=connection,
        run_id=run_id,
        seq=found.seq,
        state=found.state,
        plan=Plan.from_json(found.plan),
        store_url=store_url,
        preview=found.preview,
    )
    if not run.finished and run.plan.configured != as_configured(connection):
        raise FatalError(
            f"The configuration of {connection.id} has changed since run {run_id} started, which "
            "must not write what nobody has looked at: trigger a new run."
        )
    return run
