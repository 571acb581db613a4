"""Join: which of our profiles each received profile is (SEMANTICS, Matching).

One statement decides for every profile at once. Without links a profile matches the one of
ours with its id. With links, each alternative proposes the profiles of ours that agree on all
its identifier pairs; the first alternative that proposes exactly one decides, one that
proposes several is discarded, and a profile for which only discarded ones are left is
ambiguous. Of several received profiles for one of ours the one modified last goes on.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    SmallInteger,
    Text,
    and_,
    case,
    cast,
    delete,
    false,
    func,
    insert,
    intersect,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import UUID, aggregate_order_by, array

from profile_exchange.domain.connection import IdentifierPair, Link, Unmatched
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.properties import LAST_MODIFIED_DATE, VISITED_CHANNEL, FilterType
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import counts_by_reason, settled, take_back
from profile_exchange.store.database import store_errors
from profile_exchange.store.identifiers import is_identifier, normalised
from profile_exchange.store.json_lists import values_of
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile, profile_identifier

REASONS = (
    Reason.OLDER_DUPLICATE,
    Reason.NO_IDENTIFIER,
    Reason.NO_MATCH,
    Reason.SEVERAL_MATCHES,
    Reason.NO_VISITED_CHANNEL,
)

_MATCHED = "matched"
_WHOLE_NUMBER = r"^[0-9]{1,15}$"


def join(run: Run) -> dict[str, int]:
    """Match what was pulled. Returns how many went on, and how many were settled by reason."""
    if run.finished:
        return {}
    tables = run.staging
    with store_errors(run.store_url), run.engine.begin() as database:
        analyze(database, tables.staged)
        take_back(database, tables, REASONS)
        database.execute(delete(tables.matched))
        database.execute(_statement(run))
        analyze(database, tables.matched)
        return {_MATCHED: _count_matched(database, run), **counts_by_reason(database, tables)}


def _count_matched(database: Database, run: Run) -> int:
    return int(database.execute(select(func.count()).select_from(run.staging.matched)).scalar_one())


def _statement(run: Run) -> Any:
    """Insert the matched profiles into ``matched``, all others with their fate into ``fate``."""
    tables = run.staging
    resolved = _ranked(_by_links(run) if run.goal.links else _by_profile_id(run))
    columns = [column.name for column in tables.matched.columns]
    rows = select(*(resolved.c[name] for name in columns)).where(resolved.c.outcome == _MATCHED)
    matched = insert(tables.matched).from_select(columns, rows).cte("went_on")
    others = select(resolved.c.profile_id, resolved.c.fate, resolved.c.outcome).where(
        resolved.c.outcome != _MATCHED
    )
    fates = insert(tables.fate).from_select(["profile_id", "fate", "reason"], others)
    return fates.add_cte(matched)


def _received(run: Run) -> CTE:
    """Each received profile once, with the first segment that it came in."""
    staged = run.staging.staged
    query = (
        select(staged.c.profile_id, func.min(staged.c.segment).label("segment"))
        .where(~settled(run.staging, staged))
        .group_by(staged.c.profile_id)
    )
    return query.cte("received").prefix_with("materialized", dialect="postgresql")


def _rows(run: Run, received: CTE) -> Any:
    """The staged row that stands for each received profile."""
    staged = run.staging.staged
    same = and_(
        staged.c.profile_id == received.c.profile_id, staged.c.segment == received.c.segment
    )
    return staged.join(received, same)


def _modified(run: Run) -> ColumnElement[int]:
    """When the other tenant last modified a profile, in epoch milliseconds; null if unknown."""
    told = run.staging.staged.c.properties[LAST_MODIFIED_DATE][0].astext
    return case((told.regexp_match(_WHOLE_NUMBER), cast(told, BigInteger)), else_=None)


def _by_profile_id(run: Run) -> CTE:
    staged = run.staging.staged
    received = _received(run)
    visited = func.coalesce(profile.c.properties[VISITED_CHANNEL][0].astext, "") != ""
    outcome = case(
        (profile.c.id.is_(None), Reason.NO_MATCH.value),
        (~visited, Reason.NO_VISITED_CHANNEL.value),
        else_=_MATCHED,
    )
    return (
        select(
            staged.c.profile_id,
            staged.c.segment,
            profile.c.id.label("target_id"),
            literal(False, Boolean).label("is_new"),
            _modified(run).label("modified"),
            outcome.label("outcome"),
            cast(None, Text).label("person"),
        )
        .select_from(_rows(run, received).outerjoin(profile, profile.c.id == staged.c.profile_id))
        .cte("proposed")
    )


def _by_links(run: Run) -> CTE:
    staged = run.staging.staged
    received = _received(run)
    proposals = _proposals(run, received)
    creates = run.goal.unmatched is Unmatched.CREATE
    person = _person(run) if creates else cast(None, Text)
    target = proposals.c.target_id
    is_new = and_(target.is_(None), proposals.c.several.isnot(True), person.isnot(None))
    outcome = case(
        (target.isnot(None), _MATCHED),
        (proposals.c.several.is_(True), Reason.SEVERAL_MATCHES.value),
        (is_new, _MATCHED),
        (~_has_identifiers(run), Reason.NO_IDENTIFIER.value),
        else_=Reason.NO_MATCH.value,
    )
    rows = _rows(run, received).outerjoin(proposals, proposals.c.profile_id == staged.c.profile_id)
    return (
        select(
            staged.c.profile_id,
            staged.c.segment,
            func.coalesce(target, case((is_new, _new_id(run)))).label("target_id"),
            func.coalesce(is_new, false()).label("is_new"),
            _modified(run).label("modified"),
            outcome.label("outcome"),
            person.label("person"),
        )
        .select_from(rows)
        .cte("proposed")
    )


def _proposals(run: Run, received: CTE) -> Any:
    """For each profile that any alternative proposes something for: what was decided."""
    alternatives = [_agreeing(run, received, n, link) for n, link in enumerate(run.goal.links)]
    agreed = union_all(*alternatives).subquery("agreed")
    per_alternative = (
        select(
            agreed.c.profile_id,
            agreed.c.alternative,
            func.count().label("proposed"),
            func.array_agg(agreed.c.target_id)[1].label("target_id"),
        )
        .group_by(agreed.c.profile_id, agreed.c.alternative)
        .subquery("per_alternative")
    )
    first = func.array_agg(
        aggregate_order_by(per_alternative.c.target_id, per_alternative.c.alternative)
    ).filter(per_alternative.c.proposed == 1)
    return (
        select(
            per_alternative.c.profile_id,
            first[1].label("target_id"),
            func.bool_or(per_alternative.c.proposed > 1).label("several"),
        )
        .group_by(per_alternative.c.profile_id)
        .subquery("decided")
    )


def _agreeing(run: Run, received: CTE, number: int, link: Link) -> Select[Any]:
    """The profiles of ours that agree with a received one on every pair of an alternative."""
    pairs = [_pair(run, received, pair) for pair in link]
    agreed = pairs[0] if len(pairs) == 1 else select(intersect(*pairs).subquery())
    both = agreed.subquery(f"alternative_{number}")
    return select(
        both.c.profile_id,
        cast(literal(number), SmallInteger).label("alternative"),
        both.c.target_id,
    )


def _pair(run: Run, received: CTE, pair: IdentifierPair) -> Select[Any]:
    staged = run.staging.staged
    values = values_of(staged.c.properties[pair.theirs])
    ours = profile_identifier.alias()
    compared = normalised(values.c.value, run.plan.identifier_types[pair.ours])
    return (
        select(staged.c.profile_id, ours.c.profile_id.label("target_id"))
        .distinct()
        .select_from(_rows(run, received).join(values, true()))
        .join(ours, and_(ours.c.property_id == pair.ours, ours.c.value == compared))
        .where(is_identifier(compared))
    )


def _has_identifiers(run: Run) -> ColumnElement[bool]:
    """Whether a profile has a value for every identifier of at least one alternative."""
    return or_(
        *(
            run.staging.staged.c.properties.has_all(array([pair.theirs for pair in link]))
            for link in run.goal.links
        )
    )


def _person(run: Run) -> ColumnElement[str]:
    """Who a profile about to be created is: its values of the first alternative it can fill."""
    return func.coalesce(
        *(_filled(run, number, link) for number, link in enumerate(run.goal.links)),
        cast(None, Text),
    )


def _filled(run: Run, number: int, link: Link) -> ColumnElement[str]:
    values = [_least(run, pair, run.plan.identifier_types[pair.ours]) for pair in link]
    every = and_(*(value.isnot(None) for value in values))
    return case((every, cast(func.jsonb_build_array(number, *values), Text)), else_=None)


def _least(run: Run, pair: IdentifierPair, filter_type: FilterType) -> ColumnElement[str]:
    values = values_of(run.staging.staged.c.properties[pair.theirs])
    compared = normalised(values.c.value, filter_type)
    query = select(func.min(compared)).select_from(values).where(is_identifier(compared))
    return query.correlate(run.staging.staged).scalar_subquery()


def _new_id(run: Run) -> ColumnElement[Any]:
    """The id of a profile about to be created: the same for every repetition of the run."""
    text = func.concat(run.connection.id, ":", run.staging.staged.c.profile_id)
    return cast(func.md5(text), UUID(as_uuid=True))


def _ranked(proposed: CTE) -> CTE:
    """Decide between received profiles that are the same one of ours: the last modified goes on."""
    same = case((proposed.c.is_new, proposed.c.person), else_=cast(proposed.c.target_id, Text))
    latest_first = [proposed.c.modified.desc().nulls_last(), proposed.c.profile_id]
    place = func.row_number().over(
        partition_by=[proposed.c.outcome == _MATCHED, proposed.c.is_new, same],
        order_by=latest_first,
    )
    ranked = select(proposed, place.label("place")).subquery("ranked")
    outcome = case(
        (and_(ranked.c.outcome == _MATCHED, ranked.c.place > 1), Reason.OLDER_DUPLICATE.value),
        else_=ranked.c.outcome,
    ).label("outcome")
    fates = {
        Reason.OLDER_DUPLICATE.value: Fate.SUPERSEDED.value,
        Reason.SEVERAL_MATCHES.value: Fate.AMBIGUOUS.value,
        Reason.NO_VISITED_CHANNEL.value: Fate.WITHHELD.value,
    }
    fate = case(fates, value=outcome, else_=Fate.UNMATCHED.value).label("fate")
    kept = [ranked.c[name] for name in ("profile_id", "segment", "target_id", "is_new")]
    return select(*kept, outcome, fate).cte("resolved")
