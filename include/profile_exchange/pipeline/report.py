"""Report: the counts of a run, which have to add up, and the end of its staging."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Select, func, select, update

from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.fates import FateCounts, PropertyCounts
from profile_exchange.pipeline.contributions import count_contributions
from profile_exchange.pipeline.gate import received_profiles
from profile_exchange.pipeline.per_property import record_properties, recorded_properties
from profile_exchange.pipeline.quarantining import conclude, forget_settled_otherwise
from profile_exchange.pipeline.retention import purge
from profile_exchange.pipeline.runs import SUCCEEDED, Run, at_work
from profile_exchange.pipeline.scope import move_watermark
from profile_exchange.pipeline.settling import counts_by_fate
from profile_exchange.pipeline.waiting import remember_waiting
from profile_exchange.store import tables
from profile_exchange.store.database import store_errors

RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Report:
    """A run's counts by fate, and the unique profiles received over the connection's life.

    ``told`` says what was asked for where that differs from run to run; ``properties`` what was
    done to each target property.
    """

    counts: FateCounts
    unique_received: int
    told: tuple[str, ...] = ()
    properties: tuple[PropertyCounts, ...] = ()

    def sentence(self) -> str:
        """The counts in one line, for logs and the run's note."""
        counts = self.counts.as_dict()
        received = counts.pop("received")
        fates = ", ".join(f"{name} {number}" for name, number in counts.items())
        counted = f"received {received} = {fates}; unique profiles so far {self.unique_received}"
        return "; ".join([counted, *self.told])


def report(run: Run, now: datetime) -> Report:
    """Close a run whose packages are all written.

    Raises `CountsDisagree` when the counts do not add up. The staged profiles are dropped; the
    fates stay, profile by profile.
    """
    if run.finished:
        with store_errors(run.store_url), run.engine.connect() as database:
            return _recorded(database, run)
    with at_work(run) as database:
        if _is_recorded(database, run):
            return _recorded(database, run)
        _check_packages(database, run)
        forget_settled_otherwise(database, run)
        fates = counts_by_fate(database, run.staging)
        counts = FateCounts.of(received_profiles(database, run), fates).check()
        done = Report(
            counts,
            unique_profiles(database, run.connection.id, RECEIVED),
            run.plan.told(),
            record_properties(database, run),
        )
        _record(database, run, done, now)
        move_watermark(database, run)
        remember_waiting(database, run, now)
        conclude(database, run, now)
        _record_segments(database, run)
        purge(database, run, now)
        count_contributions(database, run)
        run.staging.drop_profiles(database)
        return done


def unique_profiles(database: Database, connection_id: str, direction: str) -> int:
    """Unique profiles exchanged in one direction over a connection's life."""
    ledger = tables.exchanged_profile
    query = select(func.count()).where(
        ledger.c.connection == connection_id, ledger.c.direction == direction
    )
    return int(database.execute(query).scalar_one())


def _check_packages(database: Database, run: Run) -> None:
    ledger = tables.package
    query = select(func.count(), func.max(ledger.c.parts)).where(ledger.c.run_seq == run.seq)
    written, parts = database.execute(query).one()
    if not written or written != parts:
        raise FatalError(
            f"Run {run.run_id} of {run.connection.id} has {written} of {parts or 'its'} packages "
            "written: clear its task upsert before report."
        )


def _record(database: Database, run: Run, done: Report, now: datetime) -> None:
    values = {**done.counts.as_dict(), "unique_received": done.unique_received}
    close = update(tables.run).where(tables.run.c.seq == run.seq)
    database.execute(close.values(state=SUCCEEDED, failure="", finished_at=now, **values))


def _record_segments(database: Database, run: Run) -> None:
    """How many readable profiles came in each segment, each once however often it came."""
    segments = run.plan.segments
    numbers = database.execute(_profiles_by_segment(run)).all()
    pulled = {segments[place]: int(number) for place, number in numbers}
    remember = update(tables.run).where(tables.run.c.seq == run.seq)
    database.execute(remember.values(segments=pulled))


def _profiles_by_segment(run: Run) -> Select[Any]:
    """``(segment, profiles)``; a segment that nobody came in is there with 0.

    Join has left one row of a profile in a segment.
    """
    staged, progress = run.staging.staged, tables.pull_progress
    came = (
        select(staged.c.segment, func.count().label("profiles"))
        .group_by(staged.c.segment)
        .subquery("came")
    )
    asked = select(progress.c.segment).where(progress.c.run_seq == run.seq).distinct()
    each = asked.subquery("asked")
    number = func.coalesce(came.c.profiles, 0)
    return select(each.c.segment, number).outerjoin_from(
        each, came, came.c.segment == each.c.segment
    )


def _is_recorded(database: Database, run: Run) -> bool:
    """Whether the run was reported, a moment ago perhaps by a repetition of this task."""
    query = select(tables.run.c.state).where(tables.run.c.seq == run.seq)
    return bool(database.execute(query).scalar_one() == SUCCEEDED)


def _recorded(database: Database, run: Run) -> Report:
    names = list(FateCounts.__dataclass_fields__)
    columns = [tables.run.c[name] for name in [*names, "unique_received"]]
    row = database.execute(select(*columns).where(tables.run.c.seq == run.seq)).one()
    properties = recorded_properties(database, run.seq)
    return Report(FateCounts(*row[:-1]), row[-1], run.plan.told(), properties)
