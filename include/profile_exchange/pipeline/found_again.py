"""Found again: which of ours those who wait match now, by the fingerprints of their identifiers.

As join matches what was received (`matching`), but for what is known of them: each alternative
proposes the profiles of ours that agree on all its pairs, and one that proposes exactly one has
found it. Values are compared together, and each is looked for once, whoever waits with it: those
whom a common value tells nobody apart from are many, and wait for as long as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    cast,
    func,
    intersect,
    literal,
    select,
    union_all,
)

from profile_exchange.domain.connection import IdentifierPair, Link
from profile_exchange.domain.identifiers import MAX_COMBINATIONS
from profile_exchange.pipeline.creating import compared_as
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.fingerprints import fingerprint_of
from profile_exchange.store.identifiers import normalised
from profile_exchange.store.tables import profile_identifier, waiting_identifier


def found_by(run: Run, link: Link) -> Select[Any]:
    """``(source_id, target_id)`` of who waits and for whom an alternative finds exactly one."""
    agreed = _agreed(run, list(dict.fromkeys(link))).subquery("agreed")
    one = cast(func.min(cast(agreed.c.target_id, Text)), Uuid)
    return (
        select(agreed.c.source_id, one.label("target_id"))
        .group_by(agreed.c.source_id)
        .having(func.count(agreed.c.target_id.distinct()) == 1)
        .having(func.max(agreed.c.number) == 1)
    )


def _agreed(run: Run, pairs: list[IdentifierPair]) -> Select[Any]:
    """``(source_id, target_id, number)``: one of the ``number`` of ours that agree on every pair.

    Whoever has more combinations of values than are looked at is compared pair by pair.
    """
    theirs = [_theirs(run, pair) for pair in pairs]
    ours = [_ours(run, pair) for pair in pairs]
    if len(pairs) == 1:
        return _together(theirs[0], ours[0])
    crowded = _crowded(theirs)
    rest = theirs[0].c.source_id.not_in(select(crowded))
    together = _together(_combined(theirs, "source_id", rest), _combined(ours, "target_id"))
    few = (select(one).where(one.c.source_id.in_(select(crowded))).offset(0) for one in theirs)
    apart = (_pair_by_pair(their.subquery(), our) for their, our in zip(few, ours, strict=True))
    one_by_one = intersect(*apart).subquery("apart")
    return select(union_all(together, select(one_by_one, literal(1))).subquery("agreed_on_all"))


def _together(theirs: Subquery, ours: Subquery) -> Select[Any]:
    names = [column.name for column in theirs.c if column.name.startswith("value")]
    each = select(*(theirs.c[name] for name in names)).distinct().subquery("each")
    found = (
        select(
            *each.c,
            func.array_agg(ours.c.target_id)[1].label("target_id"),
            func.count(ours.c.target_id.distinct()).label("number"),
        )
        .join_from(each, ours, _agree(names, each, ours))
        .group_by(*each.c)
        .subquery("found")
    )
    columns = (theirs.c.source_id, found.c.target_id, found.c.number)
    return select(*columns).join_from(theirs, found, _agree(names, theirs, found))


def _agree(names: Sequence[str], one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in names))


def _pair_by_pair(theirs: Subquery, ours: Subquery) -> Select[Any]:
    columns = (theirs.c.source_id, ours.c.target_id)
    return select(*columns).join_from(theirs, ours, theirs.c.value == ours.c.value)


def _combined(each: Sequence[Subquery], whose: str, *chosen: ColumnElement[bool]) -> Subquery:
    """The values of several pairs, a row for each combination that one profile has."""
    first = each[0]
    rows: FromClause = first
    for other in each[1:]:
        rows = rows.join(other, other.c[whose] == first.c[whose])
    values = [one.c.value.label(f"value_{place}") for place, one in enumerate(each)]
    query = select(first.c[whose], *values).select_from(rows).where(*chosen)
    # A subquery of its own: the planner would compare some of the pairs alone.
    return query.offset(0).subquery()


def _crowded(theirs: Sequence[Subquery]) -> Subquery:
    """``(source_id)`` of who waits with more than `MAX_COMBINATIONS`."""
    numbers = [
        select(one.c.source_id, cast(func.count(), Float).label("number"))
        .group_by(one.c.source_id)
        .subquery()
        for one in theirs
    ]
    rows: FromClause = numbers[0]
    for other in numbers[1:]:
        rows = rows.join(other, other.c.source_id == numbers[0].c.source_id)
    combinations = reduce(mul, (number.c.number for number in numbers))
    query = select(numbers[0].c.source_id).select_from(rows)
    return query.where(combinations > MAX_COMBINATIONS).subquery("crowded")


def _theirs(run: Run, pair: IdentifierPair) -> Subquery:
    """``(source_id, value)``: the fingerprints with which they wait for a pair."""
    waiting = waiting_identifier.c
    return (
        select(waiting.source_id, waiting.fingerprint.label("value"))
        .where(waiting.connection == run.connection.id)
        .where(waiting.theirs == pair.theirs, waiting.ours == pair.ours)
        .subquery()
    )


def _ours(run: Run, pair: IdentifierPair) -> Subquery:
    """``(target_id, value)``: the fingerprints of ours for it."""
    ours = profile_identifier.c
    value = normalised(ours.value, compared_as(run, pair))
    return (
        select(ours.profile_id.label("target_id"), fingerprint_of(value).label("value"))
        .where(ours.property_id == pair.ours)
        .subquery()
    )
