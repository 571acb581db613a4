"""Refused totals: why a profile was rejected whose sum is more than its property can hold.

Only a merge knows a total, so these profiles are rejected by the transaction that writes the
others, and nothing of them is written (SEMANTICS, Mapping and writing 4). How many they are going
to be is counted for the gate: too many stop the run before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection as Database
from sqlalchemy import Text, cast, func, literal, select, union_all

from profile_exchange.domain.connection import Unmatched
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.contributions import summed
from profile_exchange.pipeline.creating import taken_since
from profile_exchange.pipeline.filter_by_consent import objectives_of
from profile_exchange.pipeline.merged_profiles import existing_after, existing_refused, new_after
from profile_exchange.pipeline.merging import refused, total_is_refused
from profile_exchange.pipeline.quarantining import Breach, enter, entries
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled
from profile_exchange.pipeline.side_by_side import for_each_range, within

#: New profiles are only counted, never stored: any moment will do.
_SOME_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def quarantine_totals(
    database: Database,
    run: Run,
    package: IdRange,
    objectives: Sequence[Objective],
    now: datetime,
) -> None:
    """Note for the profiles of a package that were rejected for a total which property it was."""
    mapped, fate = run.staging.mapped, run.staging.fate
    rejected = (
        select(mapped)
        .join_from(mapped, fate, fate.c.profile_id == mapped.c.profile_id)
        .where(fate.c.reason == Reason.TOTAL_LIMIT.value)
        .where(mapped.c.profile_id.between(package.first, package.last))
        .subquery("rejected")
    )
    existing = existing_after(run, rejected, objectives).subquery("existing")
    new = new_after(run, rejected, now).subquery("new")
    columns = (rejected.c.profile_id, rejected.c.sums)
    totals = union_all(
        select(*columns, existing.c.after).where(existing.c.target_id == rejected.c.target_id),
        select(*columns, new.c.properties).where(new.c.id == rejected.c.target_id),
    ).subquery("totals")
    for mapping in summed(run.goal):
        target = mapping.target
        rule = f"total fits {run.plan.targets[target].value} of {target}"
        breach = Breach(Reason.TOTAL_LIMIT, mapping.label, rule)
        amount = totals.c.sums.op("->>", return_type=Text())(cast(literal(mapping.key), Text))
        rows = entries(run.seq, breach, totals.c.profile_id, amount, now)
        enter(database, rows.where(total_is_refused(totals.c.after, target)))


def refused_to_come(run: Run) -> int:
    """How many profiles are going to be rejected for a total, if the run is let through now."""
    if not summed(run.goal):
        return 0
    return sum(for_each_range(run, partial(_refused_of, _only_summing(run))))


def _refused_of(run: Run, database: Database, ids: IdRange) -> int:
    mappings, mapped = run.goal.mappings, run.staging.mapped
    on_the_way = [~settled(run.staging, mapped), *within(ids, mapped.c.profile_id)]
    rest = select(mapped).where(*on_the_way).subquery("mapped")
    too_much = [existing_refused(run, rest, objectives_of(database, run))]
    if run.goal.unmatched is Unmatched.CREATE:
        free = rest.c.profile_id.not_in(taken_since(run, rest))
        unclaimed = select(rest).where(rest.c.is_new, free).subquery("unclaimed")
        new = new_after(run, unclaimed, _SOME_MOMENT).subquery("new")
        too_much.append(select(new.c.id).where(refused(new.c.properties, mappings)))
    both = union_all(*too_much).subquery("too_much")
    return int(database.execute(select(func.count()).select_from(both)).scalar_one())


def _only_summing(run: Run) -> Run:
    """A run that does nothing but sum: no other mapping has a say in its totals."""
    goal = replace(run.goal, mappings=tuple(summed(run.goal)))
    return replace(run, connection=replace(run.connection, importing=goal))
