"""Gate: the last look before anything is written.

Compares the run with the connection's limits and its last successful run, says which limit was
passed with both figures, and hands out the packages to write. What the run would do is forecast
only where something needs to know: a preview, an approval, ``max_modified_share``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection as Database
from sqlalchemy import func, select, update

from profile_exchange.domain.connection import Limits
from profile_exchange.domain.errors import FatalError, LimitExceeded
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.forecast import Forecast
from profile_exchange.domain.packages import IdRange, parts_for
from profile_exchange.domain.plurals import plural
from profile_exchange.pipeline.approval import approval_needed
from profile_exchange.pipeline.forecast import forecast
from profile_exchange.pipeline.package_ledger import parts_written
from profile_exchange.pipeline.refused_totals import refused_to_come
from profile_exchange.pipeline.remote.forecast import known_before
from profile_exchange.pipeline.runs import SUCCEEDED, Run, at_work
from profile_exchange.pipeline.settling import counts_by_fate, settled
from profile_exchange.store import tables


@dataclass(frozen=True, slots=True)
class Admission:
    """What the gate let through: how many profiles were received and mapped, in which packages."""

    received: int
    mapped: int
    rejected: int
    packages: tuple[IdRange, ...]
    forecast: Forecast | None = None


def gate(run: Run, profiles_per_part: int, max_parts: int) -> Admission:
    """Let the run through, or raise `LimitExceeded` before anything is written.

    Raises `FatalError` when the steps before do not account for everybody who was received.

    A preview is never stopped: its forecast says what would stop the run. Nor is a run that was
    let through before and is being written: it goes on in the same packages.
    """
    if run.finished:
        return Admission(0, 0, 0, _packages(1))
    with at_work(run) as database:
        received = received_profiles(database, run)
        mapped = _mapped(database, run)
        settled_as = counts_by_fate(database, run.staging)
        rejected = settled_as.get(Fate.REJECTED.value, 0)
        if parts := parts_written(database, run):
            return Admission(received, mapped, rejected, _packages(parts))
        _check_everybody_is_accounted_for(database, run, received, sum(settled_as.values()))
        planned = _forecast(database, run, received)
        rejected = planned.counts.rejected if planned else rejected + _rejected_to_come(run)
        figures = _figures(database, run, received, rejected, planned)
        stopped_by = _stopped_before(database, run) or exceeded(run.goal.limits, figures)
        if stopped_by and not run.preview:
            raise LimitExceeded(stopped_by)
        if planned:
            planned = replace(planned, stopped_by=stopped_by)
            _remember(database, run, planned)
    parts = parts_for(mapped, profiles_per_part, max_parts)
    return Admission(received, mapped, rejected, _packages(parts), planned)


def _check_everybody_is_accounted_for(
    database: Database, run: Run, received: int, settled_before: int
) -> None:
    """Whoever was received has a fate or is mapped. A run that wrote and then found otherwise could
    not be reported, nor taken back.

    It is not so after a step that was repeated alone, if what it says now is something else.
    """
    mapped = run.staging.mapped
    on_the_way = select(func.count()).select_from(mapped).where(~settled(run.staging, mapped))
    known = settled_before + int(database.execute(on_the_way).scalar_one())
    if known != received:
        raise FatalError(
            f"Of {received} profiles that run {run.run_id} of {run.connection.id} received, the "
            f"steps before the gate account for {known}: one was repeated, and those after it were "
            "not. Nothing was written. Clear join and the tasks downstream of it."
        )


def _packages(parts: int) -> tuple[IdRange, ...]:
    return tuple(IdRange(part, parts) for part in range(parts))


def _forecast(database: Database, run: Run, received: int) -> Forecast | None:
    wanted = (
        run.preview
        or run.goal.limits.max_modified_share is not None
        or approval_needed(database, run)
    )
    if not wanted:
        return None
    return (
        known_before(database, run, received)
        if run.plan.remote
        else forecast(database, run, received)
    )


def _rejected_to_come(run: Run) -> int:
    """How many profiles only a merge would reject. A tenant behind REST API v2 merges itself."""
    return 0 if run.plan.remote else refused_to_come(run)


def _stopped_before(database: Database, run: Run) -> str:
    """What would have stopped a run before its gate, where a preview goes on."""
    query = select(tables.run.c.stopped_by).where(tables.run.c.seq == run.seq)
    return str(database.execute(query).scalar_one())


def _remember(database: Database, run: Run, planned: Forecast) -> None:
    statement = update(tables.run).where(tables.run.c.seq == run.seq)
    database.execute(statement.values(forecast=planned.as_json()))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the limits are compared with, of which the last run's are None before the first success.

    ``last_received`` is what this run should receive about as much as. Of a pull of changes that
    is unknown; it has ``last_complete``, which is what the last complete pull received.
    """

    received: int
    rejected: int
    last_received: int | None
    forecast: Forecast | None = None
    preview: bool = False
    last_complete: int | None = None


def exceeded(limits: Limits, figures: Figures) -> str:
    """Why a run of these figures must not write, or nothing (SEMANTICS, Failing).

    The sentence says which limit, both figures, and what to do.
    """
    checks = (_nothing_received, _too_many_rejected, _too_few_received, _too_many_modified)
    return next(filter(None, (check(limits, figures) for check in checks)), "")


def _nothing_received(limits: Limits, figures: Figures) -> str:
    if figures.received or not figures.last_received or limits.allow_zero_received:
        return ""
    return (
        f"No profile was received, and the last successful run had {figures.last_received}: "
        "nothing was written. Look at the segments that the other tenant exposes, or say "
        "allow_zero_received: true in import.limits."
    )


def _too_many_rejected(limits: Limits, figures: Figures) -> str:
    # A few that changed are no measure: one bad profile among ten of them would stop all others.
    whole = max(figures.received, figures.last_complete or 0)
    share = figures.rejected / whole if whole else 0
    if share <= limits.max_rejected_share:
        return ""
    more = whole > figures.received
    of = f" of the {whole} that the last complete pull received" if more else ""
    # A preview puts nobody into quarantine.
    where = "what the preview says they are rejected for" if figures.preview else "the quarantine"
    return (
        f"{figures.rejected} of {figures.received} profiles were rejected ({share:.1%}{of}), more "
        f"than max_rejected_share allows ({limits.max_rejected_share:.1%}): nothing was "
        f"written. Look at {where}, or raise the limit in import.limits."
    )


def _too_few_received(limits: Limits, figures: Figures) -> str:
    if not (figures.received and figures.last_received):
        return ""
    # Divided last, as the limit was written: 1 - 0.7 is a little more than 0.3.
    drop = (figures.last_received - figures.received) / figures.last_received
    if drop <= limits.max_drop_share:
        return ""
    return (
        f"{plural(figures.received, 'profile')} came, {drop:.1%} fewer than the "
        f"{figures.last_received} of the last successful run; max_drop_share allows "
        f"{limits.max_drop_share:.1%}: nothing was written. Ask the other tenant, or raise the "
        "limit in import.limits for one run."
    )


def _too_many_modified(limits: Limits, figures: Figures) -> str:
    planned, most = figures.forecast, limits.max_modified_share
    if most is None or planned is None or not figures.received:
        return ""
    modified = planned.counts.modified
    share = modified / figures.received
    if share <= most:
        return ""
    return (
        f"{modified} of the {figures.received} profiles received would be modified "
        f"({share:.1%}), more than max_modified_share allows ({most:.1%}): nothing was written. "
        "Look at the figures by property in exchange preview, or raise the limit in import.limits."
    )


def received_profiles(database: Database, run: Run) -> int:
    """How many different profiles the run received, as join counted them."""
    query = select(tables.run.c.pulled).where(tables.run.c.seq == run.seq)
    return int(database.execute(query).scalar_one())


def _mapped(database: Database, run: Run) -> int:
    query = select(func.count()).select_from(run.staging.mapped)
    return int(database.execute(query).scalar_one())


def _figures(
    database: Database, run: Run, received: int, rejected: int, planned: Forecast | None
) -> Figures:
    last = _last_complete(database, run)
    only_changes = run.plan.pull.changed_since is not None
    return Figures(
        received,
        rejected,
        None if only_changes else last,
        planned,
        run.preview,
        last if only_changes else None,
    )


def _last_complete(database: Database, run: Run) -> int | None:
    """What the last complete pull received; how many profiles changed tells nothing."""
    past = tables.run
    query = (
        select(past.c.received)
        .where(past.c.connection == run.connection.id, past.c.state == SUCCEEDED)
        .where(past.c.seq < run.seq, past.c.plan["pull"]["changed_since"].astext.is_(None))
        .order_by(past.c.seq.desc())
        .limit(1)
    )
    found: int | None = database.execute(query).scalar_one_or_none()
    return found
