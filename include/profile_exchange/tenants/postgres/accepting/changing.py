"""Writing entries to profiles that exist: judged, merged and written by one statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Outcome, State, skipped
from profile_exchange.pipeline.merging import refused
from profile_exchange.store.consent import consented
from profile_exchange.store.refinement import Refiner
from profile_exchange.store.tables import profile
from profile_exchange.tenants.postgres.accepting.list_sizes import refused_as_too_long, too_long
from profile_exchange.tenants.postgres.accepting.staged import (
    StagedEntry,
    merged_into,
    rows_of,
    summed,
)
from profile_exchange.tenants.postgres.accepting.terms import Terms

TOO_LARGE = "A sum comes to more than its property can hold."


def change(
    database: Database,
    entries: Sequence[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> dict[int, Outcome]:
    """Write entries to the profiles that they match, and return what became of each.

    Consent is judged by the profile's own record, by the statement that writes. No two entries
    may be for one profile.
    """
    if not entries:
        return {}
    computed = _computed(entries, rules, terms, now)
    too_much = refused(computed.c.after, summed(rules))
    overlong = too_long(computed.c.before, computed.c.after, rules)
    within_bounds = and_(~too_much, func.cardinality(overlong) == 0)
    fits = and_(computed.c.consented, computed.c.member, within_bounds)
    written = (
        update(profile)
        .where(profile.c.id == computed.c.target_id, fits)
        .where(computed.c.after.is_distinct_from(computed.c.before))
        .values(properties=computed.c.after, modified_at=now)
        .returning(computed.c.number)
        .cte("written")
    )
    query = select(
        computed.c.number,
        computed.c.target_id,
        computed.c.consented,
        computed.c.member,
        too_much.label("too_much"),
        overlong.label("overlong"),
        written.c.number.isnot(None).label("modified"),
    ).outerjoin_from(computed, written, written.c.number == computed.c.number)
    return {row.number: _outcome(row) for row in database.execute(query)}


def _computed(
    entries: Sequence[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> CTE:
    mapped = rows_of(entries)
    properties = profile.c.properties
    return (
        select(
            mapped.c.number,
            mapped.c.target_id,
            properties.label("before"),
            merged_into(properties, mapped, rules, terms).label("after"),
            _consented(terms).label("consented"),
            _is_member(mapped, terms, now).label("member"),
        )
        .join_from(mapped, profile, profile.c.id == mapped.c.target_id)
        # Keeps the planner from computing the new value twice, for the test and for the write.
        .offset(0)
        .cte("computed")
    )


def _consented(terms: Terms) -> ColumnElement[bool]:
    return may_be_written(
        terms,
        profile.c.consented_objectives,
        profile.c.refused_objectives,
        profile.c.privacy_legislation,
    )


def may_be_written(
    terms: Terms,
    given: ColumnElement[Any],
    withheld: ColumnElement[Any],
    legislation: ColumnElement[Any],
) -> ColumnElement[bool]:
    """Whether a profile with these columns may be written: for one of the connection's
    objectives, and for one of those that the request names (SEMANTICS, Consent)."""
    ours: ColumnElement[bool] = true()
    if terms.connection.objectives:
        ours = consented(
            given, withheld, legislation, terms.linked, unneeded_counts=terms.unneeded_counts
        )
    theirs: ColumnElement[bool] = true()
    if terms.asked is not None:
        theirs = consented(given, withheld, legislation, terms.asked, unneeded_counts=True)
    return and_(ours, theirs)


def _is_member(mapped: CTE, terms: Terms, now: datetime) -> ColumnElement[bool]:
    """Whether a profile is in the segment that its entry is restricted to, if it is to one."""
    refiner = Refiner(profile, literal(now), dict(terms.known))
    return case(
        (mapped.c.segment.is_(None), true()),
        *(
            (mapped.c.segment == cast(literal(name), Text), refiner.condition(refinement))
            for name, refinement in terms.segments.items()
        ),
        else_=false(),
    )


def _outcome(row: Any) -> Outcome:
    if not row.consented:
        return Outcome(State.CONSENT_MISMATCH)
    if not row.member:
        return Outcome(State.RESTRICTION_MISMATCH, row.target_id)
    if row.too_much:
        return skipped("properties", TOO_LARGE)
    if row.overlong:
        return refused_as_too_long(row.overlong)
    return Outcome(State.MODIFIED if row.modified else State.UNCHANGED, row.target_id)
