"""The profiles of ours as they are after the merge: what upsert writes and the forecast counts.

Queries only; nothing is written here, so that a preview and a run cannot come apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    and_,
    cast,
    false,
    literal,
    literal_column,
    null,
    select,
)

from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.contributions import held, summed
from profile_exchange.pipeline.creating import new_identifiers
from profile_exchange.pipeline.filter_by_consent import allowed, in_our_words
from profile_exchange.pipeline.merging import Held, has, merged, refused_sums
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.tally import offered
from profile_exchange.store.tables import profile

#: Where a row of ours lies: within one snapshot the shortest way back to it.
PLACE: ColumnElement[Any] = literal_column(f"{profile.fullname}.ctid")


def existing_after(
    run: Run, mapped: FromClause, objectives: Sequence[Objective], *, few: bool = False
) -> Select[Any]:
    """``(profile_id, target_id, place, before, after)``: those of ours that are there and allowed.

    ``mapped`` is rows of the staging table of that name; ``before`` and ``after`` are all
    properties of our profile. `tally.offered` follows them. ``few`` is for `contributions.held`.
    """
    source, holding = _beside_the_ledger(run, mapped, few=few)
    after = merged(profile.c.properties, mapped, run.goal.mappings, holding, run.plan.targets)
    return (
        select(
            mapped.c.profile_id,
            mapped.c.target_id,
            PLACE.label("place"),
            profile.c.properties.label("before"),
            after.label("after"),
            *offered(run.goal, mapped),
        )
        .select_from(source)
        .where(~mapped.c.is_new, allowed(run, profile, objectives))
        # Keeps the planner from computing the new value twice, for the test and for the write.
        .offset(0)
    )


def existing_refused(run: Run, mapped: FromClause, objectives: Sequence[Objective]) -> Select[Any]:
    """``(target_id)`` of those of ours that are there and allowed, and cannot hold a total."""
    source, holding = _beside_the_ledger(run, mapped)
    too_much = refused_sums(
        profile.c.properties, mapped, run.goal.mappings, holding, run.plan.targets
    )
    return (
        select(mapped.c.target_id)
        .select_from(source)
        .where(~mapped.c.is_new, allowed(run, profile, objectives), too_much)
    )


def _beside_the_ledger(
    run: Run, mapped: FromClause, *, few: bool = False
) -> tuple[FromClause, dict[PropertyMapping, Held]]:
    """Mapped profiles beside ours and what sums of ours hold of theirs, and where that is."""
    source: FromClause = mapped.join(profile, profile.c.id == mapped.c.target_id)
    holding: dict[PropertyMapping, Held] = {}
    for mapping in summed(run.goal):
        entries, same, holding[mapping] = held(run, mapped, mapping, few=few)
        # What holds nothing holds nothing of theirs, whatever the ledger says (`forget_emptied`).
        there = has(profile.c.properties, mapping.target)
        source = source.outerjoin(entries, and_(same, there))
    return source, holding


def new_after(run: Run, mapped: FromClause, now: datetime) -> Select[Any]:
    """The profiles about to be created, with the columns of our profiles in their order."""
    staged = run.staging.staged
    row = and_(staged.c.profile_id == mapped.c.profile_id, staged.c.segment == mapped.c.segment)
    nothing = Held(cast(null(), Numeric), false())
    properties = merged(
        new_identifiers(run, staged),
        mapped,
        run.goal.mappings,
        dict.fromkeys(summed(run.goal), nothing),
        run.plan.targets,
    )
    return (
        select(
            mapped.c.target_id.label("id"),
            literal(now),
            literal(now),
            staged.c.privacy_legislation,
            in_our_words(run, staged.c.consented_objectives),
            in_our_words(run, staged.c.refused_objectives),
            properties.label("properties"),
        )
        .select_from(mapped.join(staged, row))
        .where(mapped.c.is_new)
        .offset(0)
    )
