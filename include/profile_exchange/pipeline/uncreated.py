"""Uncreated: persons of whom no profile is made, because an identifier of theirs is another's.

A profile of ours is made of a person only if no other person would then be found by it. Otherwise
the next run would match some profiles otherwise than this one, and how often an import is run
would decide what comes of it. Whom no one is made of is unmatched, like those whose identifier is
one of ours already.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Subquery,
    Table,
    and_,
    case,
    cast,
    func,
    null,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.schema import CreateTableAs, DropTable
from sqlalchemy.sql.dml import Update

from profile_exchange.domain.fates import Reason
from profile_exchange.domain.properties import FilterType
from profile_exchange.store.database import rows_written
from profile_exchange.store.identifiers import identifiers_of, normalised
from profile_exchange.store.staging import analyze


def leave(proposed: Table, chosen: ColumnElement[bool]) -> Update:
    """Make nobody of some of the profiles that were about to be created."""
    uncreated = update(proposed).where(proposed.c.is_new, chosen)
    return uncreated.values(is_new=False, target_id=None, outcome=Reason.IDENTIFIER_TAKEN.value)


def leave_known(database: Database, proposed: Table, new: Subquery, known: Subquery) -> None:
    """Make nobody of a person whom another received profile is known by.

    That one is one of ours, or ambiguous, and would be found as the new profile from now on.
    ``new`` and ``known`` are ``(profile_id, key)`` of the two.
    """
    met = select(new.c.profile_id).join_from(new, known, known.c.key == new.c.key).subquery("met")
    mine = proposed.alias("mine")
    persons = select(mine.c.person).join_from(mine, met, mine.c.profile_id == met.c.profile_id)
    database.execute(leave(proposed, proposed.c.person.in_(persons)))


def leave_later(
    database: Database, proposed: Table, profiles: Subquery, alike: Collection[str]
) -> None:
    """Of persons who would be given the same identifier, make only who was modified last.

    Such persons agree on some pairs of an alternative only. ``profiles`` is what would be made:
    ``(id, person, modified, profile_id, properties)``, one for each person; ``alike`` are
    identifiers whose values are the same whatever their case.
    """
    rival = _rivals(database, profiles, alike)
    while rows_written(database, _first(rival)):
        database.execute(_behind(rival))
    later = select(rival.c.person).where(~rival.c.chosen)
    database.execute(leave(proposed, proposed.c.person.in_(later)))
    database.execute(DropTable(rival))


def _rivals(database: Database, profiles: Subquery, alike: Collection[str]) -> Table:
    """``(person, place, property_id, value, chosen)`` of identifiers that several would have.

    One person may have what is the same value in several cases: a row for each does no harm.
    """
    order = [profiles.c.modified.desc().nulls_last(), profiles.c.profile_id]
    placed = select(profiles, func.row_number().over(order_by=order).label("place"))
    made = placed.subquery("placed")
    each = identifiers_of(made).subquery("each")
    value = _compared(each, alike)
    times = func.count().over(partition_by=[each.c.property_id, value])
    columns = (made.c.person, made.c.place, each.c.property_id, value.label("value"))
    counted = (
        select(*columns, times.label("times"))
        .join_from(each, made, made.c.id == each.c.profile_id)
        .subquery("counted")
    )
    kept = [counted.c[column.name] for column in columns]
    undecided = cast(null(), Boolean).label("chosen")
    create = CreateTableAs(
        select(*kept, undecided).where(counted.c.times > 1), "rival", temporary=True
    )
    database.execute(create)
    analyze(database, create.table)
    return create.table


def _compared(each: FromClause, alike: Collection[str]) -> ColumnElement[str]:
    """An identifier's value as it is matched: its type alone does not tell (`matching`)."""
    value: ColumnElement[str] = each.c.value
    if not alike:
        return value
    folded = each.c.property_id.in_(sorted(alike))
    return case((folded, normalised(value, FilterType.EMAIL)), else_=value)


def _first(rival: Table) -> Update:
    """Choose those in front of whom nobody is left that wants the same."""
    mine = rival.alias("mine")
    front = func.min(mine.c.place).over(partition_by=[mine.c.property_id, mine.c.value])
    left = select(mine.c.place, front.label("front")).where(mine.c.chosen.is_(None))
    wanting = left.subquery("wanting")
    first = (
        select(wanting.c.place)
        .group_by(wanting.c.place)
        .having(func.bool_and(wanting.c.front == wanting.c.place))
    )
    chosen = update(rival).where(rival.c.chosen.is_(None), rival.c.place.in_(first))
    return chosen.values(chosen=True)


def _behind(rival: Table) -> Update:
    """Leave those who want what somebody chosen has."""
    mine, other = rival.alias("mine"), rival.alias("other")
    same = and_(mine.c.property_id == other.c.property_id, mine.c.value == other.c.value)
    has_it = select(mine.c.place).join_from(mine, other, same).where(other.c.chosen)
    left = update(rival).where(rival.c.chosen.is_(None), rival.c.place.in_(has_it))
    return left.values(chosen=False)
