"""Creating: who the unmatched profiles are that a connection makes profiles of ours from.

Two received profiles are one person if either would match what is made of the other: if for any
alternative they agree on all its pairs. That may be through others: one shares a mail address
with a second, and the second a number with a third. The persons are the connected components of
that relation, found set by set: each round gives every profile the least number among those it
shares something with, until nothing changes.

Of a person with an identifier that is another's nobody is made (`uncreated`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import JSONB, UUID, distinct_on
from sqlalchemy.schema import CreateTableAs, DropTable

from profile_exchange.domain.connection import IdentifierPair, Link
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.properties import FilterType
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.uncreated import leave, leave_known, leave_later
from profile_exchange.store.database import rows_written
from profile_exchange.store.identifiers import identifiers_of, is_identifier, normalised
from profile_exchange.store.json_lists import values_of
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile_identifier


def compared_as(run: Run, pair: IdentifierPair) -> FilterType:
    """The type by which a pair is compared: as mail addresses if either side holds such."""
    theirs = run.plan.sources[pair.theirs].filter_type
    ours = run.plan.identifier_types[pair.ours]
    return FilterType.EMAIL if FilterType.EMAIL in (theirs, ours) else ours


def folds_case(run: Run, pair: IdentifierPair) -> bool:
    """Whether a pair is compared as a mail address, of which ours is none by its type."""
    return compared_as(run, pair) is not run.plan.identifier_types[pair.ours]


def new_id(run: Run) -> ColumnElement[Any]:
    """The id of a profile about to be created: the same for every repetition of the run.

    Another run gives another: whoever was created before and has other identifiers since is a
    new person, and the id of the first is taken.
    """
    text = func.concat(run.connection.id, f":{run.seq}:", run.staging.staged.c.profile_id)
    return cast(func.md5(text), UUID(as_uuid=True))


def identified(run: Run) -> ColumnElement[bool]:
    """Whether a received profile fills all pairs of at least one alternative."""
    return or_(*(and_(*(_has_value(run, pair) for pair in link)) for link in run.goal.links))


def _has_value(run: Run, pair: IdentifierPair) -> ColumnElement[bool]:
    values = values_of(run.staging.staged.c.properties[pair.theirs])
    compared = normalised(values.c.value, compared_as(run, pair))
    return exists(select(values.c.value).where(is_identifier(compared))).correlate(
        run.staging.staged
    )


def new_identifiers(run: Run, staged: FromClause) -> ColumnElement[Any]:
    """``{our identifier: values}`` of all linked identifiers that a profile came with."""
    sources: dict[str, list[str]] = {}
    for pair in (pair for link in run.goal.links for pair in link):
        if pair.theirs not in sources.setdefault(pair.ours, []):
            sources[pair.ours].append(pair.theirs)
    return object_of({ours: _together(staged, theirs) for ours, theirs in sources.items()})


def _together(staged: FromClause, properties: Sequence[str]) -> ColumnElement[Any]:
    """The values of one or of several properties, each once; null if there is none."""
    if len(properties) == 1:
        return staged.c.properties[properties[0]]
    nothing = cast(literal("[]"), JSONB)
    lists = [func.coalesce(staged.c.properties[name], nothing) for name in properties]
    each = values_of(reduce(lambda one, other: one.op("||")(other), lists))
    return select(func.jsonb_agg(each.c.value.distinct())).correlate(staged).scalar_subquery()


def taken(profiles: FromClause, alike: Collection[str] = ()) -> Select[Any]:
    """Of profiles about to be created (columns ``id`` and ``properties``): the ids of those with
    a unique identifier that already is that of another profile of ours.

    To create them would make that one ambiguous, for every connection that matches on it.
    ``alike`` are identifiers whose values are the same whatever their case (`compared_as`).
    """
    new = identifiers_of(profiles).subquery("new")
    ours = profile_identifier
    another = and_(ours.c.property_id == new.c.property_id, ours.c.profile_id != new.c.profile_id)
    met = [
        select(new.c.profile_id).join_from(new, ours, and_(another, ours.c.value == new.c.value))
    ]
    if alike:
        value, other = (normalised(each.c.value, FilterType.EMAIL) for each in (new, ours))
        same = and_(another, ours.c.property_id.in_(sorted(alike)), value == other)
        met.append(select(new.c.profile_id).join_from(new, ours, same))
    found = union_all(*met).subquery("found")
    return select(found.c.profile_id).distinct()


def _alike(run: Run) -> set[str]:
    """Identifiers of ours that a pair compares whatever their case, though stored as they are."""
    return {pair.ours for link in run.goal.links for pair in link if folds_case(run, pair)}


def about_to_be(run: Run, mapped: FromClause) -> Subquery:
    """``(id, properties)`` of profiles about to be created, unique identifiers only.

    ``mapped`` may be any table that says who is new, and which staged row stands for a profile.
    """
    staged = run.staging.staged
    return (
        select(mapped.c.target_id.label("id"), new_identifiers(run, staged).label("properties"))
        .join_from(mapped, staged, row_of(mapped, staged))
        .where(mapped.c.is_new)
        .subquery("profiles")
    )


def taken_since(run: Run, mapped: FromClause) -> Select[Any]:
    """Of mapped profiles: those about to be created with an identifier that is taken by now."""
    query = select(mapped.c.profile_id).where(mapped.c.is_new)
    return query.where(mapped.c.target_id.in_(taken(about_to_be(run, mapped), _alike(run))))


def find_persons(database: Database, run: Run) -> None:
    """Tell which of the profiles about to be created are one person, in ``proposed.person``.

    Those with an identifier that is another's are not created at all (`uncreated`).
    """
    proposed = run.staging.proposed
    several_pairs = any(len(link) > 1 for link in run.goal.links)
    if several_pairs:
        # An alternative of one pair that finds nobody has just told that its values are free.
        ours = taken(about_to_be(run, proposed), _alike(run))
        database.execute(leave(proposed, proposed.c.target_id.in_(ours)))
    alone = cast(proposed.c.profile_id, Text)
    if not rows_written(database, update(proposed).where(proposed.c.is_new).values(person=alone)):
        return
    shared = _shared_keys(database, run, proposed)
    persons = _components(database, shared)
    number = cast(persons.c.person, Text)
    same = persons.c.profile_id == proposed.c.profile_id
    database.execute(update(proposed).where(same).values(person=number))
    for table in (shared, persons):
        database.execute(DropTable(table))
    leave_known(database, proposed, _keys_of_new(run, proposed), _keys_of_known(run, proposed))
    if several_pairs:
        leave_later(database, proposed, _made(run, proposed), _alike(run))


def _made(run: Run, proposed: Table) -> Subquery:
    """What is made of each person: of the one modified last (SEMANTICS, Matching 5)."""
    staged = run.staging.staged
    order = (proposed.c.person, proposed.c.modified.desc().nulls_last(), proposed.c.profile_id)
    last = (
        select(proposed)
        .ext(distinct_on(proposed.c.person))
        .where(proposed.c.is_new)
        .order_by(*order)
        .subquery("last")
    )
    columns = (last.c.profile_id, last.c.person, last.c.modified)
    properties = new_identifiers(run, staged).label("properties")
    made = select(last.c.target_id.label("id"), *columns, properties)
    return made.join_from(last, staged, row_of(last, staged)).subquery("made")


def row_of(profiles: FromClause, staged: FromClause) -> ColumnElement[bool]:
    """Whether a staged row is the one that stands for a profile."""
    return and_(
        staged.c.profile_id == profiles.c.profile_id, staged.c.segment == profiles.c.segment
    )


def _shared_keys(database: Database, run: Run, proposed: Table) -> Table:
    """What several of the new profiles would be found by: ``(profile_id, key)``."""
    each = _keys_of_new(run, proposed)
    times = func.count().over(partition_by=each.c.key)
    counted = select(each, times.label("times")).subquery("counted")
    shared = select(counted.c.profile_id, counted.c.key).where(counted.c.times > 1).distinct()
    create = CreateTableAs(shared, "shared_key", temporary=True)
    database.execute(create)
    return create.table


def _keys_of_new(run: Run, proposed: Table) -> Subquery:
    """What each of the new profiles would be found by: ``(profile_id, key)``."""
    keys = [_keys(run, proposed, link).where(proposed.c.is_new) for link in run.goal.links]
    return union_all(*keys).subquery("each")


def _keys_of_known(run: Run, proposed: Table) -> Subquery:
    """The same of all others: who is one of ours, or ambiguous, or has an identifier of ours.

    Who has too many values to be known by is left out (`crowded`).
    """
    others = and_(~proposed.c.is_new, proposed.c.outcome != Reason.VALUE_LIMIT.value)
    keys = [_keys(run, proposed, link).where(others) for link in run.goal.links]
    return union_all(*keys).subquery("known")


def _keys(run: Run, proposed: Table, link: Link) -> Select[Any]:
    """One key for each combination of the values by which an alternative would look.

    A key says which of our identifiers it is made of, so that alternatives that link different
    properties of theirs to the same one of ours meet in it.
    """
    staged = run.staging.staged
    rows: FromClause = proposed.join(staged, row_of(proposed, staged))
    parts: list[ColumnElement[Any]] = []
    conditions: list[ColumnElement[bool]] = []
    for pair in sorted(link, key=lambda pair: (pair.ours, pair.theirs)):
        values = values_of(staged.c.properties[pair.theirs]).lateral()
        rows = rows.join(values, true())
        value = normalised(values.c.value, compared_as(run, pair))
        conditions.append(is_identifier(value))
        parts += [cast(literal(pair.ours), Text), value]
    key = cast(func.jsonb_build_array(*parts), Text).label("key")
    return select(proposed.c.profile_id, key).select_from(rows).where(*conditions)


def _components(database: Database, shared: Table) -> Table:
    """``(profile_id, number, person)`` of the profiles that share a key with another one."""
    members = select(shared.c.profile_id).distinct().subquery("members")
    number = func.row_number().over(order_by=members.c.profile_id)
    numbered = select(members.c.profile_id, number.label("number"), number.label("person"))
    create = CreateTableAs(numbered, "persons", temporary=True)
    database.execute(create)
    persons = create.table
    for table in (shared, persons):
        analyze(database, table)
    while sum(rows_written(database, step) for step in _round(shared, persons)):
        pass
    return persons


def _round(shared: Table, persons: Table) -> Iterator[Any]:
    """The statements that bring every member closer to the least number of its component."""
    mine, other = persons.alias("mine"), shared.alias("other")
    lowest = (
        select(shared.c.key, func.min(mine.c.person).label("person"))
        .join_from(shared, mine, mine.c.profile_id == shared.c.profile_id)
        .group_by(shared.c.key)
        .subquery("lowest")
    )
    least = (
        select(other.c.profile_id, func.min(lowest.c.person).label("person"))
        .join_from(other, lowest, lowest.c.key == other.c.key)
        .group_by(other.c.profile_id)
        .subquery("least")
    )
    # A member's person hears of it too, and whoever had joined that person follows: this is
    # what makes the number of rounds small however long a chain is.
    hooked = (
        select(mine.c.person.label("number"), func.min(least.c.person).label("person"))
        .join_from(mine, least, least.c.profile_id == mine.c.profile_id)
        .group_by(mine.c.person)
        .subquery("hooked")
    )
    for better, same in (
        (hooked, hooked.c.number == persons.c.number),
        (least, least.c.profile_id == persons.c.profile_id),
        (mine, mine.c.number == persons.c.person),
    ):
        yield (
            update(persons)
            .where(same, better.c.person < persons.c.person)
            .values(person=better.c.person)
        )
