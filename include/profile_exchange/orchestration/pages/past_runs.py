"""A connection's runs: what Airflow knows of each, beside what our own ledger says it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from profile_exchange.domain.fates import APPROVE, FORESEEN, MEANINGS, Fate, FateCounts
from profile_exchange.orchestration.pages.airflow_runs import (
    AirflowRun,
    StepTiming,
    newest_runs,
    step_timings,
)
from profile_exchange.orchestration.pages.charts import Bar, stacked
from profile_exchange.orchestration.pages.remains import Remains
from profile_exchange.tenants.postgres.exposure_checks import ExposureCheck
from profile_exchange.tenants.postgres.run_history import PastRun

AWAITING = frozenset({"awaiting_input", "deferred"})
#: How an import ended that the rest of its run did not take along.
SUCCESSES = frozenset({"succeeded", "previewed"})
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run, of which Airflow or our ledger may know nothing (any more)."""

    run_id: str
    airflow: AirflowRun | None
    past: PastRun | None
    check: ExposureCheck | None
    steps: Sequence[StepTiming]

    @property
    def state(self) -> str:
        """Airflow's while it runs; then what the ledger says, which knows more."""
        if self.airflow and not self.airflow.ended:
            return "awaiting approval" if self.awaits_approval else self.airflow.state
        if self.past and self.past.state != "running":
            return self._in_the_ledger(self.past)
        if self.airflow:
            return "succeeded" if self.airflow.state == "success" else self.airflow.state
        if self.check:
            return "failed" if self.check.failure else "succeeded"
        return "unknown"

    def _in_the_ledger(self, past: PastRun) -> str:
        """What the ledger says of a run that has ended, but no success of one that failed."""
        failed = self.airflow is not None and self.airflow.state == "failed"
        return "failed" if failed and past.state in SUCCESSES else past.outcome

    @property
    def going(self) -> bool:
        """Whether something may still happen."""
        return self.airflow is not None and not self.airflow.ended

    @property
    def preview(self) -> bool:
        """Whether it only says what would be."""
        return (self.airflow and self.airflow.preview) or bool(self.past and self.past.preview)

    @property
    def started_at(self) -> datetime:
        """When it started, or was asked for."""
        airflow, past, check = self.airflow, self.past, self.check
        known = airflow and (airflow.started_at or airflow.queued_at)
        return known or (past and past.started_at) or (check and check.at) or LONG_AGO

    @property
    def lasted(self) -> timedelta | None:
        """How long it took, once it has ended."""
        if self.airflow and self.airflow.lasted:
            return self.airflow.lasted
        past = self.past
        return past.finished_at - past.started_at if past and past.finished_at else None

    @property
    def counts(self) -> FateCounts | None:
        """What became of the profiles, once it is reported."""
        return self.past.counts if self.past else None

    @property
    def meanings(self) -> Mapping[Fate, str]:
        """What each fate says of a run, or of a preview."""
        return FORESEEN if self.preview else MEANINGS

    @property
    def bars(self) -> list[Bar]:
        """The counts as one stacked bar."""
        return stacked(self.counts) if self.counts else []

    @property
    def failure(self) -> str:
        """Why it failed, or what else there is to say of how it ended."""
        return (self.past and self.past.told) or (self.check and self.check.failure) or ""

    @property
    def awaits_approval(self) -> bool:
        """Whether it waits for a person at the gate."""
        return any(step.step == APPROVE and step.state in AWAITING for step in self.steps)


def newest(
    session: Session, connection_id: str, remains: Remains, before: datetime | None, number: int
) -> list[ShownRun]:
    """A connection's last runs, from before a moment if one is named."""
    known = newest_runs(session, connection_id, number, before)
    steps = step_timings(session, connection_id, [run.run_id for run in known])
    return merged(known, remains.runs, remains.checks, steps)[:number]


def merged(
    airflow: Sequence[AirflowRun],
    past: Sequence[PastRun],
    checks: Sequence[ExposureCheck],
    steps: Mapping[str, Sequence[StepTiming]],
) -> list[ShownRun]:
    """The runs that either knows of, the newest first."""
    known = {run.run_id: run for run in airflow}
    did: dict[str, PastRun] = {}
    for each in past:  # of several attempts at a run, the newest comes first
        did.setdefault(each.run_id, each)
    checked = {check.run_id: check for check in checks}
    shown = [
        ShownRun(key, known.get(key), did.get(key), checked.get(key), steps.get(key, ()))
        for key in {**known, **did, **checked}
    ]
    return sorted(shown, key=lambda run: run.started_at, reverse=True)
