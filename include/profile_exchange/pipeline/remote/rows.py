"""The entries of profiles on their way: whom the tenant is to look for, and the rules for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, select
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import IdentifierPair, Restriction, Strategy, Unmatched
from profile_exchange.domain.entries import Alternative, Criterion, Entry, Rule, State
from profile_exchange.domain.identifiers import normalise
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import CONSENTED_OBJECTIVES, REFUSED_OBJECTIVES
from profile_exchange.pipeline.creating import compared_as, row_of
from profile_exchange.pipeline.filter_by_consent import in_our_words
from profile_exchange.pipeline.ports import Result
from profile_exchange.pipeline.remote.new_profiles import UNFIT, unfit
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled
from profile_exchange.store.arrays import is_among
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.staging import COLUMN_OF

#: No profile is looked for in more ways than this.
MAX_ALTERNATIVES = 100


def unanswered(
    database: Database, run: Run, package: IdRange, most: int, last: Iterable[str] = ()
) -> dict[str, Entry]:
    """Entries that are not known to be done, by profile id: some come ``last``."""
    mapped, sent = run.staging.mapped, run.staging.sent
    answered = exists().where(sent.c.profile_id == mapped.c.profile_id, sent.c.state.isnot(None))
    waiting = and_(
        mapped.c.profile_id.between(package.first, package.last),
        ~settled(run.staging, mapped),
        ~answered,
    )
    comes_last = is_among(mapped.c.profile_id, [UUID(name) for name in last])
    query = _rows(run).where(waiting).order_by(comes_last, mapped.c.profile_id).limit(most)
    return {str(row.profile_id): _entry(run, row) for row in database.execute(query)}


def refused_as_new(
    database: Database, run: Run, entries: Mapping[str, Entry], results: Mapping[str, Result]
) -> dict[str, Result]:
    """Of the answers about profiles that the tenant does not know: those who would have been
    created, had a value of theirs been one for new profiles. They are about its property."""
    if run.goal.unmatched is not Unmatched.CREATE:
        return {}
    unknown = {
        UUID(name)
        for name, result in results.items()
        if result.state == State.NOTFOUND.value and not entries[name].creates
    }
    query = _rows(run).where(run.staging.mapped.c.profile_id.in_(unknown))
    return {
        str(row.profile_id): Result(UNFIT, about=tuple(sorted(unfit(run, _rules(run, row)))))
        for row in (database.execute(query) if unknown else ())
    }


def answered(
    database: Database, run: Run, which: ColumnElement[bool], most: int
) -> dict[str, Entry]:
    """Entries of profiles that were answered, by profile id, in the order of those."""
    mapped, sent = run.staging.mapped, run.staging.sent
    query = _rows(run).join(sent, sent.c.profile_id == mapped.c.profile_id).where(which)
    found = database.execute(query.order_by(mapped.c.profile_id).limit(most))
    return {str(row.profile_id): _entry(run, row) for row in found}


def entries_to(database: Database, run: Run, targets: dict[UUID, UUID]) -> dict[str, Entry]:
    """Entries of profiles that were answered, each to the profile of the tenant's it is."""
    query = _rows(run).where(is_among(run.staging.mapped.c.profile_id, targets))
    found = {}
    for row in database.execute(query):
        entry = _entry(run, row)
        target = str(targets[row.profile_id])
        found[str(row.profile_id)] = Entry(profile_id=target, rules=entry.rules)
    return found


def entries_by_identifiers(
    database: Database, run: Run, profiles: Collection[UUID]
) -> dict[str, Entry]:
    """Entries of profiles that are known to be there, each to whom its identifiers find."""
    query = _rows(run).where(is_among(run.staging.mapped.c.profile_id, profiles))
    entries = ((str(row.profile_id), _entry(run, row)) for row in database.execute(query))
    return {name: replace(entry, creates=False, legislation=None) for name, entry in entries}


def _rows(run: Run) -> Select[Any]:
    mapped, staged = run.staging.mapped, run.staging.staged
    columns: list[Any] = [mapped.c[name] for name in COLUMN_OF.values()]
    pairs = [pair for link in run.goal.links for pair in link]
    if pairs:
        columns.append(
            object_of({pair.theirs: staged.c.properties[pair.theirs] for pair in pairs}).label(
                "identifiers"
            )
        )
    return select(
        mapped.c.profile_id,
        *columns,
        staged.c.privacy_legislation,
        in_our_words(run, staged.c.consented_objectives).label("consented"),
        in_our_words(run, staged.c.refused_objectives).label("refused"),
    ).join_from(mapped, staged, row_of(mapped, staged))


def _entry(run: Run, row: Row[Any]) -> Entry:
    if not run.goal.links:
        rules = tuple(_rules(run, row))
        segment = run.plan.visitors or None
        return Entry(profile_id=str(row.profile_id), rules=rules, segment=segment)
    rules = tuple(_rules(run, row))
    creates = run.goal.unmatched is Unmatched.CREATE and not unfit(run, rules)
    if not creates:
        rules = tuple(rule for rule in rules if rule.applies(is_new=False))
    rules = (*rules, *(_introduction(run, row) if creates else ()))
    return Entry(
        matching=tuple(islice(_alternatives(run, row), MAX_ALTERNATIVES)),
        rules=rules,
        creates=creates,
        legislation=row.privacy_legislation if creates else None,
    )


def _rules(run: Run, row: Row[Any]) -> Iterator[Rule]:
    for strategy, column in COLUMN_OF.items():
        if strategy is Strategy.SUM:
            continue
        for key, values in (row._mapping[column] or {}).items():
            target, restriction = key.split(" ")
            yield Rule(target, tuple(values), strategy, Restriction(restriction))
    for mapping in run.goal.mappings:
        came = f"{mapping.target} {mapping.restriction.value}" in (row.replacements or {})
        if mapping.clear_when_absent and not came:
            yield Rule(mapping.target, (), Strategy.SET, mapping.restriction)


def _introduction(run: Run, row: Row[Any]) -> Iterator[Rule]:
    """What came with a profile that may be about to be created.

    Its identifiers are those that it was looked for by, and is looked for the next time: a tenant
    may compare them as they are.
    """
    identifiers: dict[str, list[str]] = {}
    for pair in (pair for link in run.goal.links for pair in link):
        compared = compared_as(run, pair)
        normal = (normalise(value, compared) for value in row.identifiers.get(pair.theirs, ()))
        identifiers.setdefault(pair.ours, []).extend(filter(None, normal))
    told: dict[str, Sequence[str]] = {
        **identifiers,
        CONSENTED_OBJECTIVES: row.consented,
        REFUSED_OBJECTIVES: row.refused,
    }
    for name, values in told.items():
        if values:
            unique = tuple(dict.fromkeys(values))
            yield Rule(name, unique, Strategy.SET, Restriction.NEW_PROFILES_ONLY)


def _alternatives(run: Run, row: Row[Any]) -> Iterator[Alternative]:
    """OR of ANDs: an identifier with several values is an alternative with each of them."""
    for link in run.goal.links:
        criteria = [
            [
                Criterion(pair.ours, value)
                for value in dict.fromkeys(_forms(run, pair, row.identifiers.get(pair.theirs, ())))
                if value
            ]
            for pair in link
        ]
        yield from product(*criteria)


def _forms(run: Run, pair: IdentifierPair, values: Iterable[str]) -> Iterator[str]:
    """Values as they are compared. A mail address that the tenant holds as a text is looked for
    as it came, too: the tenant compares it as it is."""
    as_mail, as_held = compared_as(run, pair), run.plan.identifier_types[pair.ours]
    for value in values:
        yield from dict.fromkeys((normalise(value, as_mail), normalise(value, as_held)))
