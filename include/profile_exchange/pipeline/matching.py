"""Matching: which of our profiles each received row is, as a query (SEMANTICS, Matching 1 to 4).

Without links a profile matches the one of ours with its id. With links, each alternative proposes
the profiles of ours that agree on all its identifier pairs; the first alternative that proposes
exactly one decides, one that proposes several is discarded, and a profile for which only
discarded ones are left is ambiguous.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    intersect,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import array

from profile_exchange.domain.connection import IdentifierPair, Link, Unmatched
from profile_exchange.domain.fates import Reason, Step
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import VISITED_CHANNEL, FilterType
from profile_exchange.pipeline.creating import compared_as, folds_case, identified, new_id, row_of
from profile_exchange.pipeline.crowded import is_crowded
from profile_exchange.pipeline.remote.matching import unresolved
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled
from profile_exchange.pipeline.side_by_side import within
from profile_exchange.store.identifiers import normalised
from profile_exchange.store.json_lists import has_value, values_of
from profile_exchange.store.tables import profile, profile_identifier

#: The outcome of who goes on; all others are the reason why not.
MATCHED = "matched"
#: A value that more received rows than this have is common.
COMMON = 20


def matching(run: Run, ids: IdRange) -> tuple[FromClause, Select[Any]]:
    """The received rows of a range, and each of them with what it matches, or why not.

    The query has the columns of ``proposed``; a profile that came in several segments is in it
    as often.
    """
    staged = run.staging.staged
    if run.goal.links and not run.plan.remote:
        came = _came(run, ids)
        return came, _by_links(run, came)
    query = _unresolved(run) if run.plan.remote else _by_profile_id(run)
    return staged, query.where(*_to_be_matched(run, ids))


def _to_be_matched(run: Run, ids: IdRange) -> list[ColumnElement[bool]]:
    staged = run.staging.staged
    return [
        ~settled(run.staging, staged, before=Step.JOIN),
        # The same came in an earlier segment: this row only tells that it is in this one too.
        staged.c.properties.isnot(None),
        *within(ids, staged.c.profile_id),
    ]


def _unresolved(run: Run) -> Select[Any]:
    known = VISITED_CHANNEL in run.plan.sources
    seen = visited(run.staging.staged.c.properties) if known else true()
    return unresolved(run, MATCHED, seen)


def _by_profile_id(run: Run) -> Select[Any]:
    staged = run.staging.staged
    outcome = case(
        (profile.c.id.is_(None), Reason.NO_MATCH.value),
        (~_visited_both(run), Reason.NO_VISITED_CHANNEL.value),
        else_=MATCHED,
    )
    return select(
        staged.c.profile_id,
        staged.c.segment,
        profile.c.id.label("target_id"),
        literal(False, Boolean).label("is_new"),
        staged.c.modified,
        outcome.label("outcome"),
        cast(None, Text).label("person"),
    ).select_from(staged.outerjoin(profile, profile.c.id == staged.c.profile_id))


def _visited_both(run: Run) -> ColumnElement[bool]:
    """Whether the visitor has been at both tenants (SEMANTICS, Matching 1).

    The exposing side judges by its own record before a profile leaves. Where it shows us that
    record, we hold it to it.
    """
    records = [profile.c.properties]
    if VISITED_CHANNEL in run.plan.sources:
        records.append(run.staging.staged.c.properties)
    return and_(*map(visited, records))


def visited(properties: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a profile with these properties has visited any channel."""
    return has_value(properties[VISITED_CHANNEL])


def _came(run: Run, ids: IdRange) -> CTE:
    """The received rows of a range, with what matching by links needs of each.

    They are looked through once: whole profiles are wide, and each pair needs only its values.
    ``value_0`` is the value of the first pair as it is compared if there is just one, as there
    nearly always is; ``values_0`` are all of them otherwise, as they came, and ``several_0`` is 1.
    """
    staged = run.staging.staged
    columns: list[ColumnElement[Any]] = [_has_identifiers(run).label("has_identifiers")]
    for place, pair in enumerate(_pairs(run)):
        values = staged.c.properties[pair.theirs]
        number = func.jsonb_array_length(values)
        value = normalised(values[0].astext, compared_as(run, pair))
        columns += [
            case((number == 1, value)).label(f"value_{place}"),
            case((number > 1, values)).label(f"values_{place}"),
            case((number > 1, 1)).label(f"several_{place}"),
        ]
    creates = run.goal.unmatched is Unmatched.CREATE
    if creates:
        columns += [identified(run).label("identified"), new_id(run).label("new_id")]
    if creates or any(len(link) > 1 for link in run.goal.links):
        columns.append(is_crowded(run).label("crowded"))
    query = select(staged.c.profile_id, staged.c.segment, staged.c.modified, *columns)
    return query.where(*_to_be_matched(run, ids)).cte("came")


def _pairs(run: Run) -> list[IdentifierPair]:
    return list(dict.fromkeys(pair for link in run.goal.links for pair in link))


def _by_links(run: Run, came: CTE) -> Select[Any]:
    rows: FromClause = came
    links = enumerate(run.goal.links)
    alternatives = [_alternative(run, came, number, link) for number, link in links]
    for alternative in alternatives:
        rows = rows.outerjoin(alternative, row_of(alternative, came))
    target = func.coalesce(*(case((a.c.proposed == 1, a.c.target_id)) for a in alternatives), None)
    several = or_(false(), *(func.coalesce(a.c.proposed > 1, False) for a in alternatives))
    creates = run.goal.unmatched is Unmatched.CREATE
    crowded = came.c.crowded if creates else false()
    is_new = and_(target.is_(None), ~several, came.c.identified, ~crowded) if creates else false()
    outcome = case(
        *([(crowded, Reason.VALUE_LIMIT.value)] if creates else []),
        (target.isnot(None), MATCHED),
        (several, Reason.SEVERAL_MATCHES.value),
        *([(is_new, MATCHED)] if creates else []),
        (~came.c.has_identifiers, Reason.NO_IDENTIFIER.value),
        else_=Reason.NO_MATCH.value,
    )
    made = case((is_new, came.c.new_id)) if creates else None
    return select(
        came.c.profile_id,
        came.c.segment,
        func.coalesce(target, made).label("target_id"),
        is_new.label("is_new"),
        came.c.modified,
        outcome.label("outcome"),
        cast(None, Text).label("person"),
    ).select_from(rows)


def _alternative(run: Run, came: CTE, number: int, link: Link) -> Subquery:
    """For each received row that agrees with any of ours on every pair: how many, and one of
    them. Of what several values propose it is enough to know that it is several."""
    agreed = _agreed(run, came, list(dict.fromkeys(link))).subquery()
    different = func.count(agreed.c.target_id.distinct())
    return (
        select(
            agreed.c.profile_id,
            agreed.c.segment,
            func.greatest(different, func.max(agreed.c.number)).label("proposed"),
            func.array_agg(agreed.c.target_id)[1].label("target_id"),
        )
        .group_by(agreed.c.profile_id, agreed.c.segment)
        .subquery(f"alternative_{number}")
    )


def _agreed(run: Run, came: CTE, pairs: list[IdentifierPair]) -> Select[Any]:
    """``(profile_id, segment, target_id, number)`` of all that agree on every pair.

    ``number`` is of how many that one was taken.

    Values are compared together: of several that have to agree, one alone may be the same for
    thousands of profiles, on both sides. Only profiles that have too many combinations of values
    are compared pair by pair.
    """
    if len(pairs) == 1:
        return _agreed_on_value(run, pairs[0], _compared(run, came, pairs[0], rarely_lists=True))
    crowded = [
        _agreed_on(run, [pair], _compared(run, came, pair, came.c.crowded)) for pair in pairs
    ]
    others = _agreed_on(run, pairs, _combined(run, came, pairs))
    agreed = union_all(others, intersect(*crowded)).subquery("agreed_on_all")
    return select(agreed, literal(1).label("number"))


def _agreed_on_value(run: Run, pair: IdentifierPair, theirs: Subquery) -> Select[Any]:
    """Values that many received rows have are looked for once each: thousands of ours may have
    the same one, and each of theirs with each of ours would be millions."""
    many = func.count() > COMMON
    common = select(theirs.c.value_0).group_by(theirs.c.value_0).having(many).cte()
    is_common = theirs.c.value_0.in_(select(common.c.value_0))
    own = select(theirs).where(~is_common).subquery()
    one_by_one = _agreed_on(run, [pair], own).add_columns(literal(1).label("number"))
    return select(union_all(one_by_one, _agreed_on_common(run, pair, theirs, common)).subquery())


def _agreed_on_common(run: Run, pair: IdentifierPair, theirs: Subquery, common: CTE) -> Select[Any]:
    ours = _ours(run, [pair])
    found = (
        select(
            common.c.value_0,
            func.array_agg(ours.c.profile_id)[1].label("target_id"),
            func.count(ours.c.profile_id.distinct()).label("number"),
        )
        .join_from(common, ours, ours.c.value_0 == common.c.value_0)
        .group_by(common.c.value_0)
        .subquery("found")
    )
    columns = (theirs.c.profile_id, theirs.c.segment, found.c.target_id, found.c.number)
    return select(*columns).join_from(theirs, found, found.c.value_0 == theirs.c.value_0)


def _agreed_on(run: Run, pairs: list[IdentifierPair], theirs: Subquery) -> Select[Any]:
    ours = _ours(run, pairs)
    agree = (theirs.c[f"value_{place}"] == ours.c[f"value_{place}"] for place in range(len(pairs)))
    columns = (theirs.c.profile_id, theirs.c.segment, ours.c.profile_id.label("target_id"))
    return select(*columns).join_from(theirs, ours, and_(*agree))


def _combined(run: Run, came: CTE, pairs: list[IdentifierPair]) -> Subquery:
    """The values that received rows have for several pairs, a row for each combination."""
    each = [_compared(run, came, pair, ~came.c.crowded) for pair in pairs]
    rows: FromClause = each[0]
    for other in each[1:]:
        rows = rows.join(other, row_of(other, each[0]))
    values = [one.c.value_0.label(f"value_{place}") for place, one in enumerate(each)]
    query = select(each[0].c.profile_id, each[0].c.segment, *values).select_from(rows)
    return _put_together(query)


def _ours(run: Run, pairs: list[IdentifierPair]) -> Subquery:
    """The same of our profiles.

    What identifies nobody is not stored as ours (`store.identifiers`), and so agrees with none.
    """
    each = [profile_identifier.alias() for _ in pairs]
    rows: FromClause = each[0]
    for other in each[1:]:
        rows = rows.join(other, other.c.profile_id == each[0].c.profile_id)
    values = [
        _as_compared(run, pair, one.c.value).label(f"value_{place}")
        for place, (pair, one) in enumerate(zip(pairs, each, strict=True))
    ]
    kinds = [one.c.property_id == pair.ours for pair, one in zip(pairs, each, strict=True)]
    query = select(each[0].c.profile_id, *values).select_from(rows).where(*kinds)
    return _put_together(query) if len(pairs) > 1 else query.subquery()


def _put_together(query: Select[Any]) -> Subquery:
    """A subquery of its own: the planner would compare some of the pairs alone."""
    return query.offset(0).subquery()


def _as_compared(run: Run, pair: IdentifierPair, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A stored value of ours as a pair compares it."""
    return normalised(value, FilterType.EMAIL) if folds_case(run, pair) else value


def _compared(
    run: Run,
    came: CTE,
    pair: IdentifierPair,
    *chosen: ColumnElement[bool],
    rarely_lists: bool = False,
) -> Subquery:
    """The values of one of their identifiers as they are compared, ``value_0``, a row for each.

    ``rarely_lists`` has the planner know that few profiles have several: it takes each for 100.
    """
    place = _pairs(run).index(pair)
    row = (came.c.profile_id, came.c.segment)
    value, values = came.c[f"value_{place}"], came.c[f"values_{place}"]
    # Of an equality it expects one row in 200.
    is_list = came.c[f"several_{place}"] == 1 if rarely_lists else values.isnot(None)
    each = values_of(values)
    several = normalised(each.c.value, compared_as(run, pair))
    return union_all(
        select(*row, value.label("value_0")).where(value.isnot(None), *chosen),
        select(*row, several).join_from(came, each, true()).where(is_list, *chosen),
    ).subquery()


def _has_identifiers(run: Run) -> ColumnElement[bool]:
    """Whether a profile has a value for every identifier of at least one alternative."""
    return or_(
        *(
            run.staging.staged.c.properties.has_all(array([pair.theirs for pair in link]))
            for link in run.goal.links
        )
    )
