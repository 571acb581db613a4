"""Intents: what is about to be added to sums at another tenant, written down before it is asked.

An intent is ``exchange.sum_intent``'s row of one source profile: what it adds to one property of
one profile, what that holds without it, and when the tenant was last asked for it. It ends in the
transaction that enters it into the ledger of contributions, or when it is known that nothing was
added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
    and_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Rule, State
from profile_exchange.domain.merging import canonical
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.remote.outcomes import PROCESSED, SUM_UNSETTLED
from profile_exchange.pipeline.remote.rivals import change_state
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.arrays import are_among
from profile_exchange.store.tables import contribution, sum_intent

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
        change = update(sum_intent).where(is_about(run, {intent.key}))
        database.execute(change.values(before=holds))


def note_asked(run: Run, keys: Collection[Key]) -> None:
    """Note that the tenant is about to be asked, by the clock of the database."""
    with run.engine.begin() as database:
        change = update(sum_intent).where(is_about(run, keys))
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


def is_about(run: Run, keys: Collection[Key]) -> ColumnElement[bool]:
    """Whether an intent is about one of these."""
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
        is_about(run, keys), table.c.amount.isnot(None)
    )
    entry = insert(ledger).from_select(names, rows)
    new = {name: entry.excluded[name] for name in ("source_id", "amount")}
    gone = exists().where(
        is_about(run, keys),
        table.c.amount.is_(None),
        *(table.c[name] == ledger.c[name] for name in names[:4]),
    )
    with run.engine.begin() as database:
        database.execute(entry.on_conflict_do_update(constraint=ledger.primary_key, set_=new))
        database.execute(delete(ledger).where(gone))
        if written:
            _mark_modified(database, run, keys)
        database.execute(delete(table).where(is_about(run, keys)))


def _mark_modified(database: Database, run: Run, keys: Collection[Key]) -> None:
    """Say of profiles that a sum of theirs was changed, and not one that they have left."""
    sent = run.staging.sent
    changed_itself = exists().where(
        is_about(run, keys),
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
        database.execute(delete(sum_intent).where(is_about(run, keys)))


def refuse(run: Run, keys: Collection[Key], state: str) -> None:
    """Say of the profiles that intents are from what became of them; the intents stay."""
    with run.engine.begin() as database:
        change_state(database, run, _sources_there(run, keys), state)


def mark_unsettled(run: Run, keys: Iterable[Key]) -> None:
    """Say of profiles that nobody can tell whether their sums were added; the intents stay."""
    with run.engine.begin() as database:
        for property_id, of_property in groupby(sorted(keys), key=itemgetter(0)):
            sources = _sources(run, set(of_property))
            change_state(database, run, sources, SUM_UNSETTLED, property_id)


def _sources(run: Run, keys: Collection[Key]) -> Any:
    return select(sum_intent.c.source_id).where(is_about(run, keys))


def _sources_there(run: Run, keys: Collection[Key]) -> Any:
    """Those of them that are the profile which it is about, and have not left it."""
    sent = run.staging.sent
    there = exists().where(
        sent.c.profile_id == sum_intent.c.source_id, sent.c.target_id == sum_intent.c.target_id
    )
    return _sources(run, keys).where(there)
