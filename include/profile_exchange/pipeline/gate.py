"""Gate: the last look before anything is written.

Compares the run with the connection's limits and its last successful run, says which limit was
passed with both figures, and hands out the packages to write.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection as Database
from sqlalchemy import exists, func, select

from profile_exchange.domain.connection import Limits
from profile_exchange.domain.errors import LimitExceeded
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange, parts_for
from profile_exchange.pipeline.runs import SUCCEEDED, Run, at_work
from profile_exchange.pipeline.settling import counts_by_fate
from profile_exchange.store import tables


@dataclass(frozen=True, slots=True)
class Admission:
    """What the gate let through: how many profiles were received and mapped, in which packages."""

    received: int
    mapped: int
    rejected: int
    packages: tuple[IdRange, ...]


def gate(run: Run, profiles_per_part: int, max_parts: int) -> Admission:
    """Let the run through, or raise `LimitExceeded` before anything is written."""
    if run.finished:
        return Admission(0, 0, 0, (IdRange(0, 1),))
    with at_work(run) as database:
        received = received_profiles(database, run)
        mapped = _mapped(database, run)
        rejected = counts_by_fate(database, run.staging).get(Fate.REJECTED.value, 0)
        check_limits(run.goal.limits, received, rejected, _last_received(database, run))
    parts = parts_for(mapped, profiles_per_part, max_parts)
    packages = tuple(IdRange(part, parts) for part in range(parts))
    return Admission(received, mapped, rejected, packages)


def check_limits(limits: Limits, received: int, rejected: int, last_received: int | None) -> None:
    """Raise `LimitExceeded` if a run of these figures must not write (SEMANTICS, Failing)."""
    if received == 0 and last_received:
        raise LimitExceeded(
            f"No profile was received, and the last successful run had {last_received}: nothing "
            "was written. Look at the segments that the other tenant exposes."
        )
    if received and rejected / received > limits.max_rejected_share:
        raise LimitExceeded(
            f"{rejected} of {received} profiles were rejected ({rejected / received:.1%}), more "
            f"than max_rejected_share allows ({limits.max_rejected_share:.1%}): nothing was "
            "written. Look at the quarantine, or raise the limit."
        )
    if last_received and (drop := 1 - received / last_received) > limits.max_drop_share:
        raise LimitExceeded(
            f"{received} profiles were received, {drop:.1%} fewer than the {last_received} of "
            f"the last successful run; max_drop_share allows {limits.max_drop_share:.1%}: "
            "nothing was written. Ask the other tenant, or raise the limit for one run."
        )


def received_profiles(database: Database, run: Run) -> int:
    """How many different profiles the run received, counted on what was pulled."""
    staged, fate = run.staging.staged, run.staging.fate
    readable = select(func.count(staged.c.profile_id.distinct()))
    staged_too = exists().where(staged.c.profile_id == fate.c.profile_id)
    malformed = (
        select(func.count())
        .where(fate.c.reason == Reason.MALFORMED_PROFILE.value, ~staged_too)
        .select_from(fate)
    )
    return sum(int(database.execute(query).scalar_one()) for query in (readable, malformed))


def _mapped(database: Database, run: Run) -> int:
    query = select(func.count()).select_from(run.staging.mapped)
    return int(database.execute(query).scalar_one())


def _last_received(database: Database, run: Run) -> int | None:
    """What the last complete pull received; how many profiles changed tells nothing."""
    if run.plan.pull.changed_since:
        return None
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
