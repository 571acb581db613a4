"""Refused totals: why a profile was rejected whose sum is more than its property can hold.

Only a merge knows a total, so these profiles are rejected by the transaction that writes the
others, and nothing of them is written (SEMANTICS, Mapping and writing 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import Text, cast, literal, select, union_all

from profile_exchange.domain.fates import Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.contributions import summed
from profile_exchange.pipeline.merged_profiles import existing_after, new_after
from profile_exchange.pipeline.merging import total_is_refused
from profile_exchange.pipeline.quarantining import Breach, enter, entries
from profile_exchange.pipeline.runs import Run


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
