"""Sums at a tenant behind REST API v2, safe to repeat (SEMANTICS, Mapping and writing 2).

Its ``INCREMENT`` adds whatever comes, as often as it comes. So what is about to be added is
written down first, with what the property holds without it, and settled into the ledger of
contributions (`pipeline.contributions`) when it is known to be done. Where no answer came, the
profile is read: it holds the one, or the other. If it holds neither, somebody else writes to it,
and nothing is added until a person has looked.

A tenant may go on with a request whose answer was given up. So it is left the time to finish
before anything is read, and what is sent once more after that counts as done only when the
profile is seen to hold it: otherwise both requests may have been carried out.

One package adds up at a time, so that no two intents are about one property of one profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import (
    and_,
    delete,
    exists,
    func,
    select,
)

from profile_exchange.domain.connection import Restriction, Strategy
from profile_exchange.domain.entries import Entry, State
from profile_exchange.domain.merging import amount, present
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import summed
from profile_exchange.pipeline.ports import Reply, Result, Target, Verdict
from profile_exchange.pipeline.remote.asking import UNANSWERED, UNREADABLE, Asking
from profile_exchange.pipeline.remote.intending import hold_nothing, intend
from profile_exchange.pipeline.remote.intents import (
    Intent,
    Key,
    drop,
    enter,
    hold_before,
    last_asked,
    mark_unsettled,
    note_asked,
    open_intents,
    refuse,
)
from profile_exchange.pipeline.remote.merged import follow_merged
from profile_exchange.pipeline.remote.outcomes import PROCESSED, SUM_REFUSED
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.sources import staged_key
from profile_exchange.store.tables import contribution

_FOR_NEW = Restriction.NEW_PROFILES_ONLY

#: Answers that say of a profile that it is not, or not any more, to be written.
_NOT_MEANT = {
    State.NOTFOUND.value,
    State.CONSENT_MISMATCH.value,
    State.RESTRICTION_MISMATCH.value,
}
#: What else came for a profile stays written, and its fate with it.
_NOTHING_WRITTEN = (State.UNCHANGED.value,)
#: Answers that mean that nothing was added. What any other means is told by the profile.
_NOT_DONE = {
    *_NOT_MEANT,
    State.SKIPPED.value,
    State.UNAUTHORIZED.value,
    UNREADABLE,
}


def take_turn(database: Database, run: Run) -> None:
    """Wait until no other package of the connection adds up; until this transaction ends."""
    name = f"sums {run.connection.id}"
    key = func.hashtextextended(name, 0)
    database.execute(select(func.pg_advisory_xact_lock(key)))


def settle_open(run: Run, asking: Asking, package: IdRange) -> set[Key]:
    """Settle what an earlier attempt, or an earlier run, left open: by reading, not by guessing.

    Returns what was asked for, and is not done. It stays open: whoever adds to it next has to know
    that it may yet be carried out.
    """
    with run.engine.connect() as database:
        left = open_intents(database, run, package)
    # What was never asked for cannot have been done: nobody has to look.
    drop(run, {intent.key for intent in left if not intent.asked})
    asked = [intent for intent in left if intent.asked]
    if asked:
        asking.let_finish(last_asked(run))
    return {each.key for each in _settle_by_reading(run, asking.target, asked, again=True)}


def add_up(
    run: Run, asking: Asking, package: IdRange, now: datetime, doubtful: Collection[Key] = ()
) -> None:
    """Add what the profiles of a package contribute more, or less, than last time.

    ``doubtful`` is what the tenant was asked for before, without an answer.
    """
    follow_merged(run, package, asking.target)
    with run.engine.begin() as database:
        left = {intent.key for intent in open_intents(database, run, package)}
        intend(database, run, package, now, doubtful)
    stuck = left.difference(doubtful)
    _read_shared(run, asking.target, package, now, stuck)
    open_now = _to_add(run, package, stuck)
    nothing = {each.key for each in open_now if not each.difference}
    enter(run, nothing, written=False)
    _send(run, asking, [each for each in open_now if each.difference], set(doubtful))


def _to_add(run: Run, package: IdRange, stuck: Collection[Key]) -> list[Intent]:
    with run.engine.connect() as database:
        found = open_intents(database, run, package)
    return [intent for intent in found if intent.own and intent.key not in stuck]


def _read_shared(
    run: Run, target: Target, package: IdRange, now: datetime, stuck: Collection[Key]
) -> None:
    """Of properties that others write to as well, only reading tells what they hold before."""
    shared = {m.target for m in summed(run.goal) if m.overwrite}
    if not shared:
        return
    emptied = set()
    for intent in _to_add(run, package, stuck):
        if intent.property_id not in shared:
            continue
        read = target.values(intent.target_id, [intent.property_id])
        if read is not None and not present(read.get(intent.property_id, ())):
            emptied.add(intent.key)
        else:
            holds = _number(read or {}, intent.property_id) or Decimal(0)
            hold_before(run, intent, holds)
    if emptied:
        hold_nothing(run, package, now, emptied)


def _send(run: Run, asking: Asking, intents: Iterable[Intent], doubtful: set[Key]) -> None:
    waiting: dict[str, list[Intent]] = {}
    for intent in intents:
        waiting.setdefault(str(intent.target_id), []).append(intent)
    while waiting:
        some = asking.turn(waiting)
        note_asked(run, {intent.key for each in some.values() for intent in each})
        entries = {name: _entry(name, each) for name, each in some.items()}
        reply = asking.ask(entries, more=len(waiting) > len(some))
        if reply.verdict is Verdict.LOST:
            asking.let_finish(last_asked(run))
        answered = {name: waiting.pop(name) for name in reply.results}
        _settle(run, asking.target, answered, reply.results, doubtful)
        if _may_be_done(reply):
            unknown = [waiting.pop(name) for name in some.keys() - reply.results.keys()]
            left = _settle_unknown(run, asking, chain.from_iterable(unknown))
            waiting |= left
            if reply.verdict is Verdict.LOST:
                doubtful |= {intent.key for each in left.values() for intent in each}


def _settle_unknown(run: Run, asking: Asking, intents: Iterable[Intent]) -> dict[str, list[Intent]]:
    """Find out about sums without an answer. Returns what has to be sent again, by profile."""
    left: dict[str, list[Intent]] = {}
    for intent in _settle_by_reading(run, asking.target, intents, again=True):
        left.setdefault(str(intent.target_id), []).append(intent)
    return left


def _may_be_done(reply: Reply) -> bool:
    """Whether sums without an answer may have been added: then profiles are read."""
    processed = reply.verdict is Verdict.TOO_MANY and bool(reply.results)
    return processed or reply.verdict in {Verdict.LOST, Verdict.ANSWERED}


def _entry(target_id: str, intents: Iterable[Intent]) -> Entry:
    return Entry(profile_id=target_id, rules=tuple(intent.rule() for intent in intents))


def _settle(
    run: Run,
    target: Target,
    answered: Mapping[str, list[Intent]],
    results: Mapping[str, Result],
    doubtful: Collection[Key],
) -> None:
    added: set[Key] = set()
    for name, result in results.items():
        intents = answered[name]
        if result.state == UNANSWERED:
            _settle_unanswered(run, target, intents, doubtful)
        elif any(intent.key in doubtful for intent in intents):
            _settle_doubtful(run, target, intents, result)
        elif result.state == State.MODIFIED.value:
            added |= {intent.key for intent in intents}
        else:
            _settle_otherwise(run, target, intents, result)
    enter(run, added)


def _settle_doubtful(run: Run, target: Target, intents: list[Intent], result: Result) -> None:
    if result.state not in _NOT_DONE:
        _confirm(run, target, intents)
    elif left := _settle_by_reading(run, target, intents, again=True):
        _settle_otherwise(run, target, left, result)


def _confirm(run: Run, target: Target, intents: Iterable[Intent]) -> None:
    """Settle what was sent twice: an answer to the one says nothing of the other."""
    for intent in intents:
        read = target.values(intent.target_id, [intent.property_id])
        if read is None:
            drop(run, {intent.key})
        elif _number(read, intent.property_id) == intent.after:
            enter(run, {intent.key})
        else:
            mark_unsettled(run, [intent.key])


def _settle_unanswered(
    run: Run, target: Target, intents: list[Intent], doubtful: Collection[Key]
) -> None:
    """Give up what the tenant does not answer; what may yet be carried out stays written down."""
    left = {i.key for i in _settle_by_reading(run, target, intents, again=True)}
    refuse(run, left, UNANSWERED)
    drop(run, left.difference(doubtful))


def _settle_otherwise(run: Run, target: Target, intents: list[Intent], result: Result) -> None:
    if result.state not in _NOT_DONE:
        _settle_by_reading(run, target, intents)
        return
    if result.state == State.NOTFOUND.value:
        # Who is gone has taken along what was to be taken out.
        enter(run, {intent.key for intent in intents if intent.leaves_nothing}, written=False)
    keys, about = {intent.key for intent in intents}, next(iter(result.about), "")
    if result.state in _NOT_MEANT:
        drop(run, keys, result.state, about, of=_NOTHING_WRITTEN)
    else:
        refused = SUM_REFUSED if result.state == State.SKIPPED.value else result.state
        drop(run, keys, refused, about)


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
            enter(run, {intent.key})
        elif read is None or holds == intent.before:
            if again and read is not None:
                left.append(intent)
            else:
                drop(run, {intent.key})
        else:
            mark_unsettled(run, [intent.key])
    return left


def _number(read: Mapping[str, Any], property_id: str) -> Decimal | None:
    """The number that a property holds, 0 without any value; None if it is no number."""
    try:
        return amount(read.get(property_id, ())) or Decimal(0)
    except ValueError:
        return None


def forget_replaced(database: Database, run: Run, package: IdRange) -> None:
    """Forget what is in the ledger of properties whose values a SET has replaced.

    It goes by what the tenant answered, where `contributions` goes by fates: the values of one
    that is superseded are never written in our store, but were at the tenant, before those of
    the one that won. Only the answers tell of which profile, too.
    """
    mapped, sent, ledger = run.staging.mapped, run.staging.sent, contribution
    answered = and_(
        mapped.c.profile_id == sent.c.profile_id,
        mapped.c.profile_id.between(package.first, package.last),
        sent.c.target_id == ledger.c.target_id,
        sent.c.state.in_(PROCESSED),
    )
    for mapping in run.goal.mappings:
        # Nothing is held by profiles that are new.
        if mapping.strategy is Strategy.SET and mapping.restriction is not _FOR_NEW:
            came = func.jsonb_exists(mapped.c.replacements, staged_key(run, mapping))
            replaced = and_(
                ledger.c.connection == run.connection.id,
                ledger.c.property_id == mapping.target,
                exists().where(answered, came),
            )
            database.execute(delete(ledger).where(replaced))
