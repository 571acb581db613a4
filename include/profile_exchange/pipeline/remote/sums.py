"""Sums at a tenant behind REST API v2, safe to repeat (SEMANTICS, Mapping and writing 2).

Its ``INCREMENT`` adds whatever comes, as often as it comes. So what is about to be added is
written down first, with what the property holds without it, and settled into the ledger of
contributions (`pipeline.contributions`) when it is known to be done. Where no answer came, the
profile is read: it holds the one, or the other. If it holds neither, somebody else writes to it,
and nothing is added until a person has looked.

One package adds up at a time, so that no two intents are about one property of one profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Subquery,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy
from profile_exchange.domain.entries import Entry, Rule, State
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import amount, canonical
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import held, summed
from profile_exchange.pipeline.merging import brought
from profile_exchange.pipeline.ports import Reply, Result, Target, Verdict
from profile_exchange.pipeline.remote.asking import UNREADABLE, Asking
from profile_exchange.pipeline.remote.outcomes import PROCESSED, SUM_REFUSED, SUM_UNSETTLED
from profile_exchange.pipeline.remote.rivals import change_state
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.tables import contribution, sum_intent

_NAMES = [column.name for column in sum_intent.columns]
#: Answers that mean that nothing was added. What any other means is told by the profile.
_NOT_DONE = {
    State.NOTFOUND.value,
    State.CONSENT_MISMATCH.value,
    State.RESTRICTION_MISMATCH.value,
    State.SKIPPED.value,
    State.UNAUTHORIZED.value,
    UNREADABLE,
}
#: Property and profile that a sum is about.
Key = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be added to one property of one profile, and what it holds without that."""

    property_id: str
    target_id: UUID
    before: Decimal
    difference: Decimal
    leaves_nothing: bool

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


def take_turn(database: Database, run: Run) -> None:
    """Wait until no other package of the connection adds up; until this transaction ends."""
    name = f"sums {run.connection.id}"
    key = func.hashtextextended(name, 0)
    database.execute(select(func.pg_advisory_xact_lock(key)))


def settle_open(run: Run, target: Target) -> None:
    """Settle what an earlier attempt, or an earlier run, left open: by reading, not by guessing."""
    with run.engine.connect() as database:
        left = _intents(database, run)
    _settle_by_reading(run, target, left)


def add_up(run: Run, asking: Asking, package: IdRange, now: datetime) -> None:
    """Add what the profiles of a package contribute more, or less, than last time."""
    with run.engine.begin() as database:
        stuck = {intent.key for intent in _intents(database, run)}
        for mapping in summed(run.goal):
            _intend(database, run, _answered(run, package), mapping, now)
        for mapping in summed(run.goal):
            _intend_to_take_out(database, run, package, mapping, now)
    _read_shared(run, asking.target, stuck)
    with run.engine.connect() as database:
        open_now = [each for each in _intents(database, run) if each.key not in stuck]
    nothing = {each.key for each in open_now if not each.difference}
    _apply(run, nothing, written=False)
    _send(run, asking, [each for each in open_now if each.difference])


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


def _intend(
    database: Database, run: Run, mapped: Subquery, mapping: PropertyMapping, now: datetime
) -> None:
    ledger, same, before = held(run, mapped, mapping)
    brings: ColumnElement[Any] = brought(mapped.c.sums, mapping)
    if mapping.restriction is not Restriction.ALL_PROFILES:
        for_new = mapping.restriction is Restriction.NEW_PROFILES_ONLY
        brings = case((mapped.c.is_new == for_new, brings), else_=None)
    had = func.coalesce(before.amount, 0)
    rows = (
        select(
            literal(run.connection.id),
            literal(mapping.target),
            mapped.c.target_id,
            literal(mapping.label),
            mapped.c.profile_id,
            brings,
            func.coalesce(brings, 0) - had,
            _held_in_all(run, mapping.target, mapped.c.target_id),
            literal(now),
        )
        .select_from(mapped.outerjoin(ledger, same))
        .where(or_(brings.isnot(None), func.coalesce(before.from_another, False)))
        .where(or_(brings.is_distinct_from(ledger.c.amount), before.from_another))
    )
    database.execute(insert(sum_intent).from_select(_NAMES, rows).on_conflict_do_nothing())


def _intend_to_take_out(
    database: Database, run: Run, package: IdRange, mapping: PropertyMapping, now: datetime
) -> None:
    """Of profiles that are elsewhere now: what they left behind, where nobody took their place."""
    sent, fate, ledger = run.staging.sent, run.staging.fate, contribution
    taken_over = exists().where(sent.c.target_id == ledger.c.target_id)
    superseded = exists().where(
        fate.c.profile_id == ledger.c.source_id, fate.c.fate == Fate.SUPERSEDED.value
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
    )
    database.execute(insert(sum_intent).from_select(_NAMES, rows).on_conflict_do_nothing())


def _held_in_all(run: Run, target: str, target_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """What all mappings together have brought to a property: as it is ours alone, what it holds."""
    every = contribution.alias("every")
    total = select(func.coalesce(func.sum(every.c.amount), 0)).where(
        every.c.connection == run.connection.id,
        every.c.property_id == target,
        every.c.target_id == target_id,
    )
    return total.scalar_subquery()


def _read_shared(run: Run, target: Target, stuck: Collection[Key]) -> None:
    """Of properties that others write to as well, only reading tells what they hold before."""
    shared = {m.target for m in summed(run.goal) if m.overwrite}
    if not shared:
        return
    with run.engine.connect() as database:
        wanted = [i for i in _intents(database, run) if i.property_id in shared]
    for intent in (each for each in wanted if each.key not in stuck):
        read = target.values(intent.target_id, [intent.property_id])
        holds = _number(read or {}, intent.property_id) or Decimal(0)
        with run.engine.begin() as database:
            change = update(sum_intent).where(_about(run, {intent.key}))
            database.execute(change.values(before=holds))


def _intents(database: Database, run: Run) -> list[Intent]:
    """What is open, of all packages and runs of the connection."""
    table = sum_intent
    query = (
        select(
            table.c.property_id,
            table.c.target_id,
            func.min(table.c.before),
            func.sum(table.c.difference),
            func.bool_and(table.c.amount.is_(None)),
        )
        .where(table.c.connection == run.connection.id)
        .group_by(table.c.property_id, table.c.target_id)
        .order_by(table.c.target_id)
    )
    return [Intent(*row) for row in database.execute(query)]


def _send(run: Run, asking: Asking, intents: Iterable[Intent]) -> None:
    waiting: dict[str, list[Intent]] = {}
    for intent in intents:
        waiting.setdefault(str(intent.target_id), []).append(intent)
    while waiting:
        some = dict(list(waiting.items())[: asking.size])
        reply = asking.ask({name: _entry(name, each) for name, each in some.items()})
        for name, result in reply.results.items():
            _settle(run, asking.target, waiting.pop(name), result)
        if _may_be_done(reply):
            for name in some.keys() - reply.results.keys():
                left = _settle_by_reading(run, asking.target, waiting.pop(name), again=True)
                if left:
                    waiting[name] = left


def _may_be_done(reply: Reply) -> bool:
    """Whether sums without an answer may have been added: then profiles are read."""
    processed = reply.verdict is Verdict.TOO_MANY and bool(reply.results)
    return processed or reply.verdict in {Verdict.LOST, Verdict.ANSWERED}


def _entry(target_id: str, intents: Iterable[Intent]) -> Entry:
    return Entry(profile_id=target_id, rules=tuple(intent.rule() for intent in intents))


def _settle(run: Run, target: Target, intents: list[Intent], result: Result) -> None:
    keys = {intent.key for intent in intents}
    if result.state == State.MODIFIED.value:
        _apply(run, keys)
    elif result.state not in _NOT_DONE:
        _settle_by_reading(run, target, intents)
    else:
        refused = SUM_REFUSED if result.state == State.SKIPPED.value else ""
        _drop(run, keys, refused, result.about[0] if result.about else "")


def _settle_by_reading(
    run: Run, target: Target, intents: Iterable[Intent], *, again: bool = False
) -> list[Intent]:
    """Compare what profiles hold with what they would hold. Returns what has to be sent ``again``.

    What is known not to be done is dropped otherwise; the next merge adds it anew.
    """
    left = []
    for intent in intents:
        read = target.values(intent.target_id, [intent.property_id])
        holds = None if read is None else _number(read, intent.property_id)
        if read is not None and holds == intent.after and intent.difference:
            _apply(run, {intent.key})
        elif read is None or holds == intent.before:
            if again and read is not None:
                left.append(intent)
            else:
                _drop(run, {intent.key})
        else:
            _mark_unsettled(run, intent.key)
    return left


def _number(read: Mapping[str, Any], property_id: str) -> Decimal | None:
    """The number that a property holds, 0 without any value; None if it is no number."""
    try:
        return amount(read.get(property_id, ())) or Decimal(0)
    except ValueError:
        return None


def _about(run: Run, keys: Collection[Key]) -> ColumnElement[bool]:
    table = sum_intent
    return and_(
        table.c.connection == run.connection.id,
        tuple_(table.c.property_id, table.c.target_id).in_(list(keys)),
    )


def _apply(run: Run, keys: Collection[Key], *, written: bool = True) -> None:
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
    sent = run.staging.sent
    changed = update(sent).where(
        sent.c.profile_id.in_(_sources(run, keys)), sent.c.state == State.UNCHANGED.value
    )
    database.execute(changed.values(state=State.MODIFIED.value))


def _drop(run: Run, keys: Collection[Key], state: str = "", about: str = "") -> None:
    with run.engine.begin() as database:
        if state:
            change_state(database, run, _sources(run, keys), state, about)
        database.execute(delete(sum_intent).where(_about(run, keys)))


def _mark_unsettled(run: Run, key: Key) -> None:
    with run.engine.begin() as database:
        change_state(database, run, _sources(run, {key}), SUM_UNSETTLED, key[0])


def _sources(run: Run, keys: Collection[Key]) -> Any:
    return select(sum_intent.c.source_id).where(_about(run, keys))


def mark_stuck(run: Run) -> None:
    """Say of this run's profiles that a sum of theirs is still open from an earlier one."""
    with run.engine.connect() as database:
        keys = {intent.key for intent in _intents(database, run)}
    for key in keys:
        _mark_unsettled(run, key)
