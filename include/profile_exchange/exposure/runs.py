"""The runs of a connection, as its partner may know of them: when, and how each goal went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Integer, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from profile_exchange.domain.connection import Connection
from profile_exchange.exposure.stores import Database, compiled, together
from profile_exchange.pipeline.runs import EXPIRED, LEFT_OUT, REFUSED, RUNNING, SUCCEEDED
from profile_exchange.store.tables import exposure_check, run


class RunState(StrEnum):
    """BlueConic's word for how a run stands."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


#: What became of an import; everything else has failed.
_STATES = {
    RUNNING: RunState.RUNNING,
    SUCCEEDED: RunState.FINISHED,
    REFUSED: RunState.STOPPED,
    EXPIRED: RunState.STOPPED,
    LEFT_OUT: RunState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class PartnersRun:
    """A run of a connection. ``number`` counts from 1; ``goals`` is how each goal of it stands."""

    run_id: str
    number: int
    started_at: datetime
    finished_at: datetime | None
    goals: tuple[RunState, ...]

    @property
    def state(self) -> RunState:
        """How the run as a whole stands: as the worst of its goals, but for one still at work."""
        order = (RunState.RUNNING, RunState.FAILED, RunState.STOPPED)
        return next((state for state in order if state in self.goals), RunState.FINISHED)

    def statistics(self) -> dict[str, int]:
        """How many goals went well, how many did not, and how many there were."""
        return {
            "SUCCESS": self.goals.count(RunState.FINISHED),
            "FAILED": self.goals.count(RunState.FAILED),
            "TOTAL": len(self.goals),
        }


_whose = bindparam("connection", type_=Text)
_imports = (
    select(run.c.run_id, run.c.started_at, run.c.finished_at, run.c.state)
    .ext(distinct_on(run.c.run_id))
    .where(run.c.connection == _whose, ~run.c.preview)
    .order_by(run.c.run_id, run.c.seq.desc())
    .subquery("imports")
)
_checks = (
    select(
        exposure_check.c.run_id,
        exposure_check.c.at,
        (exposure_check.c.failure != "").label("failed"),
    )
    .where(exposure_check.c.connection == _whose)
    .subquery("checks")
)
_both = _imports.outerjoin(_checks, _checks.c.run_id == _imports.c.run_id, full=True)
_started = func.coalesce(_imports.c.started_at, _checks.c.at)
_COUNT = compiled(select(func.count()).select_from(_both))
_LAST = compiled(
    select(
        func.coalesce(_imports.c.run_id, _checks.c.run_id),
        _started,
        _imports.c.finished_at,
        _checks.c.at,
        _imports.c.state,
        _checks.c.failed,
    )
    .select_from(_both)
    .order_by(_started.desc(), func.coalesce(_imports.c.run_id, _checks.c.run_id).desc())
    .limit(bindparam("count", type_=Integer))
    .offset(bindparam("start", type_=Integer))
)


async def runs_of(
    database: Database, connection: Connection, *, start: int, count: int
) -> tuple[Sequence[PartnersRun], int]:
    """A page of a connection's runs, the newest first, and how many there are. No previews."""
    counted, rows = await together(
        database,
        (_COUNT, {"connection": connection.id}),
        (_LAST, {"connection": connection.id, "start": start, "count": count}),
    )
    total = int(counted[0][0])
    runs = []
    for place, (run_id, started_at, imported_at, checked_at, state, failed) in enumerate(rows):
        goals = _goals(state, failed)
        at_work = RunState.RUNNING in goals
        ended = [moment for moment in (imported_at, checked_at) if moment is not None]
        finished = None if at_work or not ended else max(ended)
        runs.append(PartnersRun(run_id, total - start - place, started_at, finished, goals))
    return runs, total


def _goals(imported: str | None, check_failed: bool | None) -> tuple[RunState, ...]:
    goals = [] if imported is None else [_STATES.get(imported, RunState.FAILED)]
    if check_failed is not None:
        goals.append(RunState.FAILED if check_failed else RunState.FINISHED)
    return tuple(goals)
