"""Intents: what is about to be added to sums at another tenant, written down before it is asked.

An intent is ``exchange.sum_intent``'s row of one source profile: what it adds to one property of
one profile, what that holds without it, and when the tenant was last asked for it. It ends in the
transaction that enters it into the ledger of contributions, or when it is known that nothing was
added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
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

from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy
from profile_exchange.domain.entries import Rule, State
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import canonical
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import held, summed
from profile_exchange.pipeline.creating import row_of
from profile_exchange.pipeline.merging import brought
from profile_exchange.pipeline.remote.matching import looked_for
from profile_exchange.pipeline.remote.outcomes import PROCESSED, SUM_UNSETTLED
from profile_exchange.pipeline.remote.rivals import change_state
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.arrays import are_among
from profile_exchange.store.tables import contribution, sum_intent

_NAMES = [column.name for column in sum_intent.columns if column.name != "asked_at"]
#: Property and profile that a sum is about.
Key = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be added to one property of one profile, and what it holds without that.

    It is a package's ``own`` if that brings any of it.
    """

    property_id: str
    target_id: UUID
    before: Decimal
    difference: Decimal
    leaves_nothing: bool
    asked: bool
    own: bool

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.property_id, self.target_id

    @property
    def after(self) -> Decimal:
        """What the property holds with it."""
        return self.before + self.difference

    def rule(self) -> Rule:
        """What is asked of the tenant: to add it, or to empty what nothing is left in."""
        if self.leaves_nothing and not self.after:
            return Rule(self.property_id, (), Strategy.SET)
        return Rule(self.property_id, (canonical(self.difference),), Strategy.SUM)


def intend(
    database: Database, run: Run, package: IdRange, now: datetime, anew: Collection[Key] = ()
) -> None:
    """Write down what a package adds, and what it takes out of profiles that it has left.

    What is open of ``anew`` is written down anew. That the tenant was asked for it is kept, and so
    is what it was asked for another package, where this one adds nothing. All else that the tenant
    was asked for stays as it is, and nothing is added to it.
    """
    table = sum_intent
    taken_back = delete(table).where(_about(run, anew)).returning(table)
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
    there = select(table.c.property_id, table.c.target_id).where(_about(run, keys))
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
        ledger.c.connection == run.connection.id,
        ledger.c.property_id == mapping.target,
        ledger.c.source_property == mapping.label,
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


def open_intents(database: Database, run: Run, package: IdRange) -> list[Intent]:
    """What is open, of any run, about profiles that a package writes to or has written to.

    What else another package has left open is left to it.
    """
    table = sum_intent
    own = table.c.source_id.between(package.first, package.last)
    query = (
        select(
            table.c.property_id,
            table.c.target_id,
            func.min(table.c.before),
            func.sum(table.c.difference),
            func.bool_and(table.c.amount.is_(None)),
            func.bool_or(table.c.asked_at.isnot(None)),
            func.bool_or(own),
        )
        .where(table.c.connection == run.connection.id, _concerns(run, package))
        .group_by(table.c.property_id, table.c.target_id)
        .order_by(table.c.target_id)
    )
    return [Intent(*row) for row in database.execute(query)]


def _concerns(run: Run, package: IdRange) -> ColumnElement[bool]:
    """Whether an intent is about a profile of the tenant's that a package has to do with."""
    table, sent, ledger = sum_intent, run.staging.sent, contribution
    mine = table.alias("mine")
    brought = select(mine.c.target_id).where(
        mine.c.connection == run.connection.id,
        mine.c.source_id.between(package.first, package.last),
    )
    found = select(sent.c.target_id).where(
        sent.c.profile_id.between(package.first, package.last), sent.c.target_id.isnot(None)
    )
    left = exists().where(
        ledger.c.source_id.between(package.first, package.last),
        *(ledger.c[name] == table.c[name] for name in ("connection", "property_id", "target_id")),
    )
    return or_(table.c.target_id.in_(brought), table.c.target_id.in_(found), left)


def hold_before(run: Run, intent: Intent, holds: Decimal) -> None:
    """Note what a property holds now, where the ledger cannot know it."""
    with run.engine.begin() as database:
        change = update(sum_intent).where(_about(run, {intent.key}))
        database.execute(change.values(before=holds))


def hold_nothing(run: Run, package: IdRange, now: datetime, keys: Collection[Key]) -> None:
    """Properties were emptied: what the ledger said is forgotten, and all that comes is added.

    That is also what has not changed since it was added.
    """
    ledger = contribution
    about = are_among(ledger.c.property_id, ledger.c.target_id, keys)
    with run.engine.begin() as database:
        database.execute(delete(ledger).where(ledger.c.connection == run.connection.id, about))
        intend(database, run, package, now, keys)


def note_asked(run: Run, keys: Collection[Key]) -> None:
    """Note that the tenant is about to be asked, by the clock of the database."""
    with run.engine.begin() as database:
        change = update(sum_intent).where(_about(run, keys))
        database.execute(change.values(asked_at=func.clock_timestamp()))


def last_asked(run: Run) -> float | None:
    """How many seconds ago the tenant was last asked for what is open; None if it never was."""
    since = func.clock_timestamp() - func.max(sum_intent.c.asked_at)
    query = select(cast(func.extract("epoch", since), Float)).where(
        sum_intent.c.connection == run.connection.id
    )
    with run.engine.connect() as database:
        ago: float | None = database.execute(query).scalar_one()
        return ago


def _about(run: Run, keys: Collection[Key]) -> ColumnElement[bool]:
    table = sum_intent
    return and_(
        table.c.connection == run.connection.id,
        are_among(table.c.property_id, table.c.target_id, keys),
    )


def enter(run: Run, keys: Collection[Key], *, written: bool = True) -> None:
    """Enter what is done into the ledger, in one transaction with the end of the intent."""
    if not keys:
        return
    table, ledger = sum_intent, contribution
    names = ["connection", "property_id", "target_id", "source_property", "source_id", "amount"]
    rows = select(*(table.c[name] for name in names)).where(
        _about(run, keys), table.c.amount.isnot(None)
    )
    entry = insert(ledger).from_select(names, rows)
    new = {name: entry.excluded[name] for name in ("source_id", "amount")}
    gone = exists().where(
        _about(run, keys),
        table.c.amount.is_(None),
        *(table.c[name] == ledger.c[name] for name in names[:4]),
    )
    with run.engine.begin() as database:
        database.execute(entry.on_conflict_do_update(constraint=ledger.primary_key, set_=new))
        database.execute(delete(ledger).where(gone))
        if written:
            _mark_modified(database, run, keys)
        database.execute(delete(table).where(_about(run, keys)))


def _mark_modified(database: Database, run: Run, keys: Collection[Key]) -> None:
    """Say of profiles that a sum of theirs was changed, and not one that they have left."""
    sent = run.staging.sent
    changed_itself = exists().where(
        _about(run, keys),
        sum_intent.c.source_id == sent.c.profile_id,
        sum_intent.c.target_id == sent.c.target_id,
    )
    changed = update(sent).where(changed_itself, sent.c.state == State.UNCHANGED.value)
    database.execute(changed.values(state=State.MODIFIED.value))


def drop(
    run: Run,
    keys: Collection[Key],
    state: str = "",
    about: str = "",
    *,
    of: Collection[str] = PROCESSED,
) -> None:
    """End intents that nothing came of; with a state, say it of the profiles they were from.

    What is said of a profile that they have left says nothing of them. ``of`` are the states that
    it takes the place of.
    """
    with run.engine.begin() as database:
        if state:
            change_state(database, run, _sources_there(run, keys), state, about, of=of)
        database.execute(delete(sum_intent).where(_about(run, keys)))


def mark_unsettled(run: Run, keys: Iterable[Key]) -> None:
    """Say of profiles that nobody can tell whether their sums were added; the intents stay."""
    with run.engine.begin() as database:
        for property_id, of_property in groupby(sorted(keys), key=itemgetter(0)):
            sources = _sources(run, set(of_property))
            change_state(database, run, sources, SUM_UNSETTLED, property_id)


def _sources(run: Run, keys: Collection[Key]) -> Any:
    return select(sum_intent.c.source_id).where(_about(run, keys))


def _sources_there(run: Run, keys: Collection[Key]) -> Any:
    """Those of them that are the profile which it is about, and have not left it."""
    sent = run.staging.sent
    there = exists().where(
        sent.c.profile_id == sum_intent.c.source_id, sent.c.target_id == sum_intent.c.target_id
    )
    return _sources(run, keys).where(there)
