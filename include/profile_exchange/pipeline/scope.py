"""Scope: which segments and which of their profiles a run asks for, and why those.

A connection whose pull is ``changed`` asks only for profiles that changed since the start of its
last successful run. That start is a moment of the other tenant's clock, because its own clock
says when a profile changed, or of ours where that is earlier. It is remembered with the report of
the run that used it, so a run that fails, or writes nothing, moves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.connection import Connection, Pull
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.configured import decisive, digest
from profile_exchange.pipeline.filter_by_consent import objectives_of
from profile_exchange.pipeline.plan import Plan, PlannedPull, SegmentChanges
from profile_exchange.pipeline.quarantining import to_replay
from profile_exchange.pipeline.runs import SUCCEEDED, Run, import_goal
from profile_exchange.pipeline.waiting import LetIn, let_in
from profile_exchange.store import tables

#: How far a pull of changed profiles reaches back behind the start of the run before. It covers
#: clocks that disagree, and writes of the other tenant's that take long to be committed: their
#: profiles carry the moment at which the write began. What is received twice changes nothing.
OVERLAP = timedelta(hours=1)
#: A run that starts a little earlier than the one so many days ago counts as that much later.
PUNCTUALITY = timedelta(hours=1)


def segment_changes(
    database: Database, connection_id: str, segments: Sequence[str], exposed: Collection[str]
) -> SegmentChanges:
    """Which of the segments to import are new since the connection's last successful run, and
    which of those that it imported are exposed no more: one that is only not chosen has not gone.
    """
    past = tables.run
    query = (
        select(past.c.plan["segments"])
        .where(past.c.connection == connection_id, past.c.state == SUCCEEDED)
        .order_by(past.c.seq.desc())
        .limit(1)
    )
    before = database.execute(query).scalar_one_or_none()
    if before is None:
        return SegmentChanges()
    return SegmentChanges(
        new=tuple(name for name in segments if name not in before),
        gone=tuple(name for name in before if name not in exposed),
    )


def planned_pull(database: Database, run: Run, source_time: datetime, now: datetime) -> PlannedPull:
    """Whether the run pulls everything or what has changed; ``source_time`` is their clock.

    ``run`` has its plan but for the pull, and need not be open yet.
    """
    if run.goal.pull is Pull.COMPLETE:
        return PlannedPull()
    decided_by = fingerprint(run.connection, run.plan, objectives_of(database, run))
    pull = PlannedPull(fingerprint=decided_by, source_time=source_time, complete_at=now)
    mark = _watermark(database, run.connection.id)
    reason = _why_complete(mark, pull.fingerprint, run.goal.days_between_complete_pulls, now)
    if not reason and to_replay(database, run.connection.id):
        reason = "profiles in quarantine are to be taken again"
    waited = LetIn() if reason else let_in(database, run)
    if waited.needs_all:
        reason = "profiles that waited for a match or a consent of ours can be taken now"
    if mark is None or reason:
        return replace(pull, why_complete=reason)
    since = mark.source_time - OVERLAP
    return replace(pull, changed_since=since, again=waited.spans, complete_at=mark.complete_at)


def _why_complete(mark: Row[Any] | None, digest: str, days: int, now: datetime) -> str:
    """Why everything has to be pulled, as the end of a sentence; empty when it has not."""
    if mark is None:
        return "it is the first"
    if mark.fingerprint != digest:
        return "what is imported, or how, has changed"
    if now - mark.complete_at >= timedelta(days=days) - PUNCTUALITY:
        return f"the last complete one is {days} days old"
    return ""


def fingerprint(connection: Connection, plan: Plan, objectives: Sequence[Objective]) -> str:
    """A digest of all that decides what an unchanged profile comes to.

    ``objectives`` are the connection's as our tenant defines them: where one comes to need no
    consent, those may be created who had given none.
    """
    facts = decisive(connection)
    # Limits stop a run, or let it write: what a profile comes to is the same.
    facts["goal"].pop("limits")
    names = dict(zip(plan.segments, plan.segment_names, strict=True))
    by_name = any(mapping.segments for mapping in import_goal(connection).mappings)
    return digest(
        {
            **facts,
            "segments": names if by_name else sorted(names),
            "sources": {key: known.filter_type for key, known in plan.sources.items()},
            "targets": dict(plan.targets),
            "identifiers": dict(plan.identifier_types),
            "consent_needed": [
                [each.id, each.needs_consent, sorted(each.legislations)]
                for each in sorted(objectives, key=lambda each: each.id)
            ],
        }
    )


def _watermark(database: Database, connection_id: str) -> Row[Any] | None:
    mark = tables.watermark
    return database.execute(select(mark).where(mark.c.connection == connection_id)).one_or_none()


def move_watermark(database: Database, run: Run) -> None:
    """Remember where the next pull of changed profiles goes on. Part of a run's report."""
    pull = run.plan.pull
    if pull.source_time is None:
        return
    mark = insert_into(tables.watermark).values(
        connection=run.connection.id,
        run_seq=run.seq,
        source_time=pull.source_time,
        fingerprint=pull.fingerprint,
        complete_at=pull.complete_at,
    )
    new = {name: mark.excluded[name] for name in ("run_seq", "source_time", "fingerprint")}
    moved = mark.on_conflict_do_update(
        index_elements=["connection"],
        set_={**new, "complete_at": mark.excluded.complete_at},
        where=tables.watermark.c.run_seq < mark.excluded.run_seq,
    )
    database.execute(moved)
