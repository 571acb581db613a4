"""Approval: a run that waits at the gate for a person, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import select, update

from profile_exchange.domain.connection import ApprovalRule
from profile_exchange.domain.errors import RunRefused
from profile_exchange.domain.forecast import Forecast
from profile_exchange.pipeline.package_ledger import parts_written
from profile_exchange.pipeline.runs import (
    EXPIRED,
    FAILED,
    REFUSED,
    RUNNING,
    SUCCEEDED,
    Run,
    at_work,
)
from profile_exchange.store import tables
from profile_exchange.store.database import store_errors


def approval_needed(database: Database, run: Run) -> bool:
    """Whether a person has to approve the run; one that is being written was let through."""
    approval = run.goal.approval
    if approval is None or run.preview or parts_written(database, run):
        return False
    return approval.rule is ApprovalRule.REQUIRED or not _any_success(database, run)


def _any_success(database: Database, run: Run) -> bool:
    past = tables.run
    query = select(past.c.seq).where(
        past.c.connection == run.connection.id, past.c.state == SUCCEEDED
    )
    return database.execute(query.limit(1)).first() is not None


def question(run: Run) -> Forecast | None:
    """The figures to decide on, as the gate forecast them; None if nobody has to decide now."""
    if run.finished:
        return None
    known = select(tables.run.c.forecast).where(tables.run.c.seq == run.seq)
    with store_errors(run.store_url), run.engine.connect() as database:
        if not _undecided(database, run):
            return None
        return Forecast.from_json(database.execute(known).scalar_one())


def check_decided(run: Run) -> None:
    """Raise `RunRefused` while a person has yet to let the run write."""
    if run.goal.approval is None:
        return
    with store_errors(run.store_url), run.engine.connect() as database:
        if _undecided(database, run):
            raise RunRefused(
                f"Nobody has approved run {run.run_id} of {run.connection.id} yet, so it must not "
                "write: answer what its task approve asks, or trigger a new run."
            )


def _undecided(database: Database, run: Run) -> bool:
    decided = select(tables.run.c.decided_by).where(tables.run.c.seq == run.seq)
    return approval_needed(database, run) and not database.execute(decided).scalar_one()


def approve(run: Run, by: str, now: datetime) -> None:
    """Note who let the run through, and when."""
    _decide(run, decided_by=by, decided_at=now)


def refuse(run: Run, by: str, now: datetime) -> str:
    """Close a run that a person refused. Returns the sentence about it."""
    told = f"The run was refused by {by} at {now:%Y-%m-%d %H:%M %Z}: nothing was written."
    _close(run, REFUSED, told, now, decided_by=by, decided_at=now)
    return told


def expire(run: Run, now: datetime) -> str:
    """Close a run that nobody decided on in time. Returns the sentence about it."""
    approval = run.goal.approval
    waited = f" within {approval.timeout}" if approval else ""
    told = f"Nobody approved the run{waited}: nothing was written."
    _close(run, EXPIRED, told, now)
    return told


def _close(run: Run, state: str, told: str, now: datetime, **decision: Any) -> None:
    _decide(run, state=state, failure=told, finished_at=now, **decision)


def _decide(run: Run, **values: Any) -> None:
    """Enter a decision on a run that is still waiting; what a refused run staged is dropped."""
    ledger = tables.run
    # A run that failed and goes on stays noted as failed until it has ended.
    waiting = ledger.c.state.in_([RUNNING, FAILED])
    decided = update(ledger).where(ledger.c.seq == run.seq, waiting)
    with at_work(run) as database:
        database.execute(decided.values(**values))
        if "state" in values:
            # The pen is put down: no task that takes the run for waiting can write any more.
            put_down = update(tables.pen).where(tables.pen.c.run_seq == run.seq)
            database.execute(put_down.values(run_seq=0))
            run.staging.drop(database)
