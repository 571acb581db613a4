"""Retention: what runs leave behind, and when it goes. Each successful run purges.

- Quarantine: `Keep.quarantine_days` after the profile was rejected.
- What became of each profile of a run (``fate_<seq>``): `Keep.fate_days` after the run started.
  The run's counts stay.
- The other tenant's data (``staged``, ``matched``, ``mapped``, ``values``): until its run has
  succeeded, or the connection's next one starts. Of a failed run after which none was started, any
  connection of the tenant purges it after `STAGING_DAYS`.
- Claims: a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy import Connection as Database

from profile_exchange.pipeline.runs import FAILED, Run
from profile_exchange.store.staging import staging
from profile_exchange.store.tables import claim, pen, pull_progress, quarantine, run

STAGING_DAYS = 7
CLAIM_DAYS = 1
#: Dropping a table takes locks until the end of the transaction; the rest is left to the next run.
TABLES_AT_ONCE = 100


def purge(database: Database, finished: Run, now: datetime) -> None:
    """Let go of what the connection's runs, and failed ones of others, have kept long enough."""
    keep = finished.goal.keep
    own = run.c.connection == finished.connection.id
    runs = select(run.c.seq).where(own)
    forgotten = quarantine.c.quarantined_at < now - timedelta(days=keep.quarantine_days)
    database.execute(delete(quarantine).where(quarantine.c.run_seq.in_(runs), forgotten))
    database.execute(delete(claim).where(claim.c.claimed_at < now - timedelta(days=CLAIM_DAYS)))
    database.execute(delete(pull_progress).where(pull_progress.c.run_seq == finished.seq))
    old = run.c.started_at < now - timedelta(days=keep.fate_days)
    for seq in _runs_with(database, "fate", and_(own, old, run.c.seq != finished.seq)):
        staging(seq).drop(database)
    _purge_failed(database, now)


def _purge_failed(database: Database, now: datetime) -> None:
    """Drop what failed runs pulled, unless somebody is at work on one of them right now."""
    old = run.c.started_at < now - timedelta(days=STAGING_DAYS)
    for seq in _runs_with(database, "staged", and_(run.c.state == FAILED, old)):
        whose = select(pen.c.run_seq).where(pen.c.connection == _connection_of(seq))
        idle = database.execute(whose.with_for_update(skip_locked=True)).first()
        if idle is not None:
            staging(seq).drop_profiles(database)


def _connection_of(seq: int) -> ColumnElement[str]:
    return select(run.c.connection).where(run.c.seq == seq).scalar_subquery()


def _runs_with(database: Database, kind: str, which: ColumnElement[bool]) -> list[int]:
    """The runs, oldest first, that have a staging table of one kind."""
    there = func.to_regclass(func.concat(f"exchange.{kind}_", run.c.seq)).is_not(None)
    query = select(run.c.seq).where(which, there).order_by(run.c.seq).limit(TABLES_AT_ONCE)
    return [int(seq) for seq in database.execute(query).scalars()]
