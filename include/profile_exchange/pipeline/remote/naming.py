"""Which of the tenant's profiles those are that it wrote, or left as they were, without saying so.

The published API names a profile that was "created, updated or deleted": one that is unchanged
may come without its id. Sums go by ids, and so the tenant is asked for it: by the identifiers that
it was to look for. Nothing is guessed: where they find several, or none, the sum stays unsettled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, update
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.entries import Alternative, Entry, State
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import is_of, summed
from profile_exchange.pipeline.ports import Result, Target
from profile_exchange.pipeline.remote import rows
from profile_exchange.pipeline.remote.intending import brings
from profile_exchange.pipeline.remote.outcomes import PROCESSED, SUM_UNSETTLED
from profile_exchange.pipeline.remote.rivals import change_state
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.tables import contribution

AT_ONCE = 1000


def understood(target: Target, entry: Entry, result: Result) -> Result:
    """An answer, with the id that went with its question, if it was answered without.

    An entry that asks for nothing but to be found, because all that comes is a sum, may be
    skipped for that: then it is found otherwise.
    """
    own = UUID(entry.profile_id) if entry.profile_id else None
    if result.state == State.SKIPPED.value and not entry.rules and not result.about:
        found = own or _found(target, entry.matching)
        return Result(State.UNCHANGED.value, found) if found else result
    if result.state in PROCESSED and result.profile_id is None:
        return Result(result.state, own, result.about)
    return result


def name_all(run: Run, package: IdRange, target: Target) -> None:
    """Note which of the tenant's profiles those of a package are that it did not name.

    Of those that stay unknown, the sums are unsettled.
    """
    after = None
    while True:
        with run.engine.connect() as database:
            unnamed = rows.answered(database, run, _unnamed(run, package, after), AT_ONCE)
        if not unnamed:
            break
        found = {name: _found(target, entry.matching) for name, entry in unnamed.items()}
        with run.engine.begin() as database:
            _note(database, run, found)
        after = max(map(UUID, unnamed))
    with run.engine.begin() as database:
        for mapping in summed(run.goal):
            stays = _has_a_sum(run, package, mapping)
            change_state(database, run, stays, SUM_UNSETTLED, mapping.target)


def _unnamed(run: Run, package: IdRange, after: UUID | None) -> ColumnElement[bool]:
    sent = run.staging.sent
    here: ColumnElement[bool] = sent.c.profile_id.between(package.first, package.last)
    if after is not None:
        here = and_(here, sent.c.profile_id > after)
    return and_(here, sent.c.state.in_(PROCESSED), sent.c.target_id.is_(None))


def _found(target: Target, matching: Iterable[Alternative]) -> UUID | None:
    """The profile that the first alternative finds that finds one and no other (Matching 4).

    Alternatives in a row that name the same identifiers are one with several values (Matching 3).
    """
    named = groupby(matching, lambda some: {criterion.property for criterion in some})
    for _, together in named:
        ids = _ids(target, together)
        if len(ids) == 1:
            return _uuid(ids.pop())
    return None


def _ids(target: Target, together: Iterable[Alternative]) -> set[str]:
    """Those of the profiles that any of these values finds; two of them tell enough."""
    ids: set[str] = set()
    for alternative in together:
        ids.update(target.find(alternative))
        if len(ids) > 1:
            break
    return ids


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _note(database: Database, run: Run, found: Mapping[str, UUID | None]) -> None:
    sent = run.staging.sent
    known = [{"named": UUID(name), "is": each} for name, each in found.items() if each]
    if known:
        named = update(sent).where(sent.c.profile_id == bindparam("named"))
        database.execute(named.values(target_id=bindparam("is")), known)


def _has_a_sum(run: Run, package: IdRange, mapping: PropertyMapping) -> ColumnElement[UUID]:
    """The profiles of a package that are not named, and bring a sum or have brought one."""
    sent, mapped, ledger = run.staging.sent, run.staging.mapped, contribution
    brought_before = exists().where(
        is_of(run, mapping, ledger), ledger.c.source_id == sent.c.profile_id
    )
    is_new = sent.c.state == State.CREATED.value
    brings_now = brings(mapped.c.sums, is_new, mapping).isnot(None)
    return (
        select(sent.c.profile_id)
        .join_from(sent, mapped, mapped.c.profile_id == sent.c.profile_id)
        .where(_unnamed(run, package, None), or_(brings_now, brought_before))
        .scalar_subquery()
    )
