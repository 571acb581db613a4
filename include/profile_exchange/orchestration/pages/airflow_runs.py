"""What Airflow knows of our DAGs and their runs: one statement, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

#: A run that nothing more will happen in.
ENDED = frozenset({"success", "failed"})
#: The states of a run that is not over.
GOING = ("queued", "running")
_AT_WORK = DagRun._state == "running"


@dataclass(frozen=True, slots=True)
class AirflowRun:
    """One DAG run. ``trigger`` is who or what started it. Times are aware."""

    run_id: str
    state: str
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    trigger: str
    preview: bool

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.state in ENDED

    @property
    def lasted(self) -> timedelta | None:
        """How long it took."""
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None


@dataclass(frozen=True, slots=True)
class AirflowDag:
    """What Airflow knows of a connection; ``next_at`` is when it runs by itself.

    A ``stale`` one is none that could run: the file did not make it when Airflow read that last,
    as while the connection was off in it.
    """

    on: bool
    stale: bool
    next_at: datetime | None
    going: AirflowRun | None


@dataclass(frozen=True, slots=True)
class StepTiming:
    """One step of a run: its task's state, how many mapped ones it has, and when they ran."""

    step: str
    state: str
    tasks: int
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def lasted(self) -> timedelta | None:
        """From the start of the first to the end of the last."""
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None


def known_dags(session: Session, dag_ids: Collection[str]) -> Mapping[str, AirflowDag]:
    """What Airflow knows of some connections, by id, with the run that is going in each: the one
    at work, which may wait for a person; else the newest of those that wait for their turn.

    How past runs ended our own ledger says too, without a look at every run there ever was.
    """
    going = and_(DagRun.dag_id == DagModel.dag_id, DagRun._state.in_(GOING))
    columns = (DagModel.is_paused, DagModel.is_stale, DagModel.next_dagrun_create_after)
    query = (
        select(DagModel.dag_id.label("known_id"), *columns, *_columns())
        .outerjoin(DagRun, going)
        .where(DagModel.dag_id.in_(dag_ids))
        .order_by(_AT_WORK, DagRun.id)
    )
    return {row.known_id: _dag(row) for row in session.execute(query)}


def _columns() -> tuple[Any, ...]:
    return (
        DagRun.dag_id,
        DagRun.run_id,
        DagRun._state.label("state"),
        DagRun.queued_at,
        DagRun.start_date,
        DagRun.end_date,
        DagRun.run_type,
        DagRun.triggering_user_name,
        DagRun.conf,
    )


def _dag(row: Row[Any]) -> AirflowDag:
    on = not (row.is_paused or row.is_stale)
    return AirflowDag(
        on=on,
        stale=row.is_stale,
        next_at=row.next_dagrun_create_after if on else None,
        going=_run(row) if row.run_id else None,
    )


def _run(row: Row[Any]) -> AirflowRun:
    by = f" by {row.triggering_user_name}" if row.triggering_user_name else ""
    return AirflowRun(
        run_id=row.run_id,
        state=row.state,
        queued_at=row.queued_at,
        started_at=row.start_date,
        ended_at=row.end_date,
        trigger=f"{row.run_type}{by}",
        preview=(row.conf or {}).get("preview") is True,
    )


def newest_runs(
    session: Session, dag_id: str, number: int, before: datetime | None = None
) -> Sequence[AirflowRun]:
    """A connection's runs that started last, the newest first; only those from before a moment,
    if one is named, else the one that is at work among them, whenever it started.

    An old run that was cleared starts anew.
    """
    started = func.coalesce(DagRun.start_date, DagRun.queued_at)
    query = select(*_columns()).where(DagRun.dag_id == dag_id)
    query = query.order_by(_AT_WORK.desc()) if before is None else query.where(started < before)
    return [_run(row) for row in session.execute(query.order_by(started.desc()).limit(number))]


def step_timings(
    session: Session, dag_id: str, run_ids: Collection[str]
) -> Mapping[str, Sequence[StepTiming]]:
    """The steps of some runs, by run, in the order in which they started."""
    task, first = TaskInstance, func.min(TaskInstance.start_date)
    states = func.array_agg(task.state.distinct())
    query = (
        select(task.run_id, task.task_id, states, func.count(), first, func.max(task.end_date))
        .where(task.dag_id == dag_id, task.run_id.in_(run_ids))
        .group_by(task.run_id, task.task_id)
        .order_by(task.run_id, first.nulls_last())
    )
    found: dict[str, list[StepTiming]] = {}
    for run_id, step, each, tasks, started, ended in session.execute(query):
        timing = StepTiming(step, _told(each), tasks, started, ended)
        found.setdefault(run_id, []).append(timing)
    return found


#: What a person wants to know first of several states.
_FIRST = (
    *("failed", "upstream_failed", "up_for_retry", "awaiting_input", "deferred"),
    *("running", "queued", "scheduled"),
)


def _told(states: Sequence[str | None]) -> str:
    known = {state or "waiting" for state in states}
    return next((state for state in _FIRST if state in known), min(known))
