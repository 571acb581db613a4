"""The profiles of ours as they are after the merge: what upsert writes and the forecast counts.

Queries only; nothing is written here, so that a preview and a run cannot come apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, literal, select

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.creating import new_identifiers
from profile_exchange.pipeline.filter_by_consent import allowed, in_our_words
from profile_exchange.pipeline.merging import merged
from profile_exchange.pipeline.runs import Run
from profile_exchange.store import tables
from profile_exchange.store.tables import profile


def existing_after(run: Run, mapped: FromClause, objectives: Sequence[Objective]) -> Select[Any]:
    """``(profile_id, target_id, before, after)`` of those of ours that are there and allowed.

    ``mapped`` is rows of the staging table of that name; ``before`` and ``after`` are all
    properties of our profile.
    """
    contributions = _contributions(run, mapped)
    source: FromClause = mapped.join(profile, profile.c.id == mapped.c.target_id)
    for contribution, same in contributions.values():
        source = source.outerjoin(contribution, same)
    joined = {target: contribution for target, (contribution, _) in contributions.items()}
    after = merged(profile.c.properties, mapped, run.goal.mappings, joined)
    return (
        select(
            mapped.c.profile_id,
            mapped.c.target_id,
            profile.c.properties.label("before"),
            after.label("after"),
        )
        .select_from(source)
        .where(~mapped.c.is_new, allowed(run, profile, objectives))
        # Keeps the planner from computing the new value twice, for the test and for the write.
        .offset(0)
    )


def _contributions(
    run: Run, mapped: FromClause
) -> dict[str, tuple[FromClause, ColumnElement[bool]]]:
    """For each summed target: the last contribution of the same source profile, and its join."""
    return {
        mapping.target: last_contribution(run, mapped, mapping)
        for mapping in run.goal.mappings
        if mapping.strategy is Strategy.SUM
    }


def last_contribution(
    run: Run, mapped: FromClause, mapping: PropertyMapping
) -> tuple[FromClause, ColumnElement[bool]]:
    """What the same source profile last contributed to a summed target, and how to join it."""
    last = tables.contribution.alias()
    same = and_(
        last.c.connection == run.connection.id,
        last.c.property_id == mapping.target,
        last.c.source_property == mapping.source,
        last.c.source_id == mapped.c.profile_id,
        last.c.target_id == mapped.c.target_id,
    )
    return last, same


def new_after(run: Run, mapped: FromClause, now: datetime) -> Select[Any]:
    """The profiles about to be created, with the columns of our profiles in their order."""
    staged = run.staging.staged
    row = and_(staged.c.profile_id == mapped.c.profile_id, staged.c.segment == mapped.c.segment)
    nobody = select(tables.contribution).where(literal(False)).subquery()
    empty: dict[str, FromClause] = {
        m.target: nobody for m in run.goal.mappings if m.strategy is Strategy.SUM
    }
    source: FromClause = mapped.join(staged, row)
    if empty:
        source = source.outerjoin(nobody, literal(True))
    properties = merged(new_identifiers(run, staged), mapped, run.goal.mappings, empty)
    return (
        select(
            mapped.c.target_id,
            literal(now),
            literal(now),
            staged.c.privacy_legislation,
            in_our_words(run, staged.c.consented_objectives),
            in_our_words(run, staged.c.refused_objectives),
            properties.label("properties"),
        )
        .select_from(source)
        .where(mapped.c.is_new)
    )
