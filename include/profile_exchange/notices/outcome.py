"""How a run ended, or that it has not: what is on record about it, gathered to be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import CHECKS, FateCounts
from profile_exchange.tenants.postgres.exposure_checks import ExposureCheck, exposure_checks
from profile_exchange.tenants.postgres.run_history import (
    DataExchange,
    PastRun,
    data_exchange,
    past_run,
)


class Ending(StrEnum):
    """How a run ended; an overdue one has not."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PREVIEWED = "previewed"
    REFUSED = "refused"
    EXPIRED = "expired"
    LEFT_OUT = "left out"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as Airflow sees it. ``failed_tasks`` are the tasks that failed themselves."""

    run_id: str
    started_at: datetime | None
    failed: bool = False
    failed_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to tell of one run; times are aware.

    ``failures`` has a sentence for each thing that is on record as having gone wrong, empty
    if nothing is. ``counts`` is None for a run that was not reported; ``exposed`` is the sentence
    about what may leave. ``exchanged`` is None where the ledger could not be read.
    ``imported`` is how the import itself ended, None where nobody knows; ``check_failed`` that
    the check of what the partner may do failed.
    """

    connection: Connection
    run_id: str
    ending: Ending
    told_at: datetime
    started_at: datetime | None = None
    failures: tuple[str, ...] = ()
    failed_tasks: tuple[str, ...] = ()
    counts: FateCounts | None = None
    exposed: str = ""
    exchanged: DataExchange | None = None
    imported: Ending | None = None
    check_failed: bool = False


def read_outcome(url: str, connection: Connection, seen: SeenRun, now: datetime) -> Outcome:
    """How a run that has ended came out. Raises `StoreUnavailable` when the ledger is away."""
    past = past_run(url, connection.id, seen.run_id) if connection.importing else None
    check = _check(url, connection, seen.run_id)
    ending = _ending(seen, past)
    wanting = {Ending.FAILED, Ending.EXPIRED, Ending.REFUSED, Ending.LEFT_OUT}
    return Outcome(
        connection=connection,
        run_id=seen.run_id,
        ending=ending,
        told_at=now,
        started_at=seen.started_at,
        failures=tuple(_reasons(past, check)) if ending in wanting else (),
        failed_tasks=seen.failed_tasks,
        counts=past.counts if past else None,
        exposed=_exposed(connection, check),
        exchanged=data_exchange(url, connection.id),
        imported=_imported(past),
        check_failed=_check_failed(seen, check),
    )


def unread_outcome(
    connection: Connection, seen: SeenRun, now: datetime, *, failures: tuple[str, ...] = ()
) -> Outcome:
    """What can be told of a failed run whose ledger does not answer."""
    return Outcome(
        connection=connection,
        run_id=seen.run_id,
        ending=Ending.FAILED,
        told_at=now,
        started_at=seen.started_at,
        failures=failures,
        failed_tasks=seen.failed_tasks,
        check_failed=_check_failed(seen, None),
    )


def overdue_outcome(connection: Connection, seen: SeenRun, now: datetime) -> Outcome:
    """What can be told of a run that is not over."""
    return Outcome(
        connection=connection,
        run_id=seen.run_id,
        ending=Ending.OVERDUE,
        told_at=now,
        started_at=seen.started_at,
    )


def _ending(seen: SeenRun, past: PastRun | None) -> Ending:
    state = past.state if past else ""
    if seen.failed:
        return Ending.EXPIRED if state == Ending.EXPIRED else Ending.FAILED
    said = {Ending.PREVIEWED, Ending.REFUSED, Ending.LEFT_OUT}
    return Ending(state) if state in said else Ending.SUCCEEDED


def _imported(past: PastRun | None) -> Ending | None:
    if past is None:
        return None
    return Ending(past.state) if past.state in set(Ending) else Ending.FAILED


def _check_failed(seen: SeenRun, check: ExposureCheck | None) -> bool:
    return bool(check and check.failure) or not {*CHECKS}.isdisjoint(seen.failed_tasks)


def _reasons(past: PastRun | None, check: ExposureCheck | None) -> Iterator[str]:
    if past and past.failure:
        yield past.failure
    if check and check.failure:
        yield check.failure


def _exposed(connection: Connection, check: ExposureCheck | None) -> str:
    counted = connection.expose and check and check.exposed is not None
    return check.sentence() if check and counted else ""


def _check(url: str, connection: Connection, run_id: str) -> ExposureCheck | None:
    if not connection.answers:
        return None
    for check in exposure_checks(url, connection.id):
        if check.run_id == run_id:
            return check
    return None
