"""Writing down what a package adds to sums at another tenant, and what it takes out (`intents`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.connection import PropertyMapping, Restriction
from profile_exchange.domain.entries import State
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import held, is_of, summed
from profile_exchange.pipeline.creating import row_of
from profile_exchange.pipeline.merging import brought
from profile_exchange.pipeline.remote.intents import Key, is_about
from profile_exchange.pipeline.remote.matching import looked_for
from profile_exchange.pipeline.remote.outcomes import PROCESSED
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.arrays import are_among
from profile_exchange.store.tables import contribution, sum_intent

_NAMES = [column.name for column in sum_intent.columns if column.name != "asked_at"]


def intend(
    database: Database, run: Run, package: IdRange, now: datetime, anew: Collection[Key] = ()
) -> None:
    """Write down what a package adds, and what it takes out of profiles that it has left.

    What is open of ``anew`` is written down anew. That the tenant was asked for it is kept, and so
    is what it was asked for another package, where this one adds nothing. All else that the tenant
    was asked for stays as it is, and nothing is added to it.
    """
    table = sum_intent
    taken_back = delete(table).where(is_about(run, anew)).returning(table)
    before = database.execute(taken_back).mappings().all()
    for mapping in summed(run.goal):
        _intend(database, run, _answered(run, package), mapping, now)
    for mapping in summed(run.goal):
        _intend_to_take_out(database, run, package, mapping, now)
    _keep_asked(database, run, package, [dict(row) for row in before if row["asked_at"]])


def _keep_asked(
    database: Database, run: Run, package: IdRange, before: Sequence[dict[str, Any]]
) -> None:
    """Note again what the tenant was asked for ``before`` what was open was written down anew."""
    if not before:
        return
    table, keys = sum_intent, {(row["property_id"], row["target_id"]) for row in before}
    same = and_(
        table.c.connection == run.connection.id,
        table.c.property_id == bindparam("its_property"),
        table.c.target_id == bindparam("its_target"),
    )
    asked = [
        {"its_property": r["property_id"], "its_target": r["target_id"], "at": r["asked_at"]}
        for r in before
    ]
    database.execute(update(table).where(same).values(asked_at=bindparam("at")), asked)
    there = select(table.c.property_id, table.c.target_id).where(is_about(run, keys))
    known = {(row.property_id, row.target_id) for row in database.execute(there)}
    others = [
        row
        for row in before
        if (row["property_id"], row["target_id"]) not in known
        and not package.first <= row["source_id"] <= package.last
    ]
    if others:
        database.execute(insert(table), others)


def _answered(run: Run, package: IdRange) -> Subquery:
    """The mapped profiles of a package that the tenant knows, each with the id it has there."""
    mapped, sent, fate = run.staging.mapped, run.staging.sent, run.staging.fate
    superseded = exists().where(
        fate.c.profile_id == sent.c.profile_id, fate.c.fate == Fate.SUPERSEDED.value
    )
    return (
        select(
            mapped.c.profile_id,
            sent.c.target_id,
            mapped.c.sums,
            (sent.c.state == State.CREATED.value).label("is_new"),
        )
        .join_from(mapped, sent, sent.c.profile_id == mapped.c.profile_id)
        .where(mapped.c.profile_id.between(package.first, package.last))
        .where(sent.c.state.in_(PROCESSED), sent.c.target_id.isnot(None), ~superseded)
        .subquery("answered")
    )


def brings(
    sums: ColumnElement[Any], is_new: ColumnElement[bool], mapping: PropertyMapping
) -> ColumnElement[Any]:
    """What a source profile brings to one that is new, or is not; null if it brings nothing."""
    amount = brought(sums, mapping)
    if mapping.restriction is Restriction.ALL_PROFILES:
        return amount
    for_new = mapping.restriction is Restriction.NEW_PROFILES_ONLY
    return case((is_new == for_new, amount), else_=None)


def _intend(
    database: Database, run: Run, mapped: Subquery, mapping: PropertyMapping, now: datetime
) -> None:
    entries, same, before = held(run, mapped, mapping)
    amount = brings(mapped.c.sums, mapped.c.is_new, mapping)
    had = func.coalesce(before.amount, 0)
    rows = (
        select(
            literal(run.connection.id),
            literal(mapping.target),
            mapped.c.target_id,
            literal(mapping.label),
            mapped.c.profile_id,
            amount,
            func.coalesce(amount, 0) - had,
            _held_in_all(run, mapping.target, mapped.c.target_id),
            literal(now),
        )
        .select_from(mapped.outerjoin(entries, same))
        .where(or_(amount.isnot(None), func.coalesce(before.from_another, False)))
        .where(or_(amount.is_distinct_from(before.amount), before.from_another))
        .where(~_was_asked_for(run, mapping.target, mapped.c.target_id))
    )
    database.execute(insert(sum_intent).from_select(_NAMES, rows).on_conflict_do_nothing())


def _intend_to_take_out(
    database: Database, run: Run, package: IdRange, mapping: PropertyMapping, now: datetime
) -> None:
    """Of profiles that are elsewhere now: what they left behind, where nobody took their place."""
    sent, fate, ledger = run.staging.sent, run.staging.fate, contribution
    taken_over = exists().where(sent.c.target_id == ledger.c.target_id)
    superseded = and_(
        exists().where(
            fate.c.profile_id == ledger.c.source_id, fate.c.fate == Fate.SUPERSEDED.value
        ),
        ledger.c.source_id.not_in(_behind_one_rejected(run, package)),
    )
    other = sent.alias("other")
    moved = exists().where(
        other.c.profile_id == ledger.c.source_id,
        other.c.state.in_(PROCESSED),
        other.c.target_id != ledger.c.target_id,
    )
    rows = select(
        ledger.c.connection,
        ledger.c.property_id,
        ledger.c.target_id,
        ledger.c.source_property,
        ledger.c.source_id,
        cast(null(), Numeric),
        -ledger.c.amount,
        _held_in_all(run, mapping.target, ledger.c.target_id),
        literal(now),
    ).where(
        is_of(run, mapping, ledger),
        ledger.c.source_id.between(package.first, package.last),
        or_(superseded, moved),
        ~taken_over,
        ~_was_asked_for(run, mapping.target, ledger.c.target_id),
    )
    database.execute(insert(sum_intent).from_select(_NAMES, rows).on_conflict_do_nothing())


def _was_asked_for(run: Run, target: str, target_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether something else is open, of which nobody knows whether it was added."""
    other = sum_intent.alias("other_intent")
    return exists().where(
        other.c.connection == run.connection.id,
        other.c.property_id == target,
        other.c.target_id == target_id,
        other.c.asked_at.isnot(None),
    )


def _behind_one_rejected(run: Run, package: IdRange) -> Select[Any]:
    """Of a package's profiles: those that the tenant would find the same of as of one that was
    rejected. If that one superseded them, nobody has said anything else about what it would find.
    """
    staged, matched, fate = run.staging.staged, run.staging.matched, run.staging.fate
    mine = staged.alias("mine")
    rejected = (
        select(looked_for(run, staged))
        .join_from(matched, staged, row_of(matched, staged))
        .join(fate, fate.c.profile_id == matched.c.profile_id)
        .where(fate.c.fate == Fate.REJECTED.value)
    )
    return select(mine.c.profile_id).where(
        mine.c.profile_id.between(package.first, package.last),
        looked_for(run, mine).in_(rejected) if run.goal.links else false(),
    )


def _held_in_all(run: Run, target: str, target_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """What all mappings together have brought to a property: as it is ours alone, what it holds."""
    every = contribution.alias("every")
    total = select(func.coalesce(func.sum(every.c.amount), 0)).where(
        every.c.connection == run.connection.id,
        every.c.property_id == target,
        every.c.target_id == target_id,
    )
    return total.scalar_subquery()


def hold_nothing(run: Run, package: IdRange, now: datetime, keys: Collection[Key]) -> None:
    """Properties were emptied: what the ledger said is forgotten, and all that comes is added.

    That is also what has not changed since it was added.
    """
    ledger = contribution
    emptied = are_among(ledger.c.property_id, ledger.c.target_id, keys)
    with run.engine.begin() as database:
        database.execute(delete(ledger).where(ledger.c.connection == run.connection.id, emptied))
        intend(database, run, package, now, keys)
