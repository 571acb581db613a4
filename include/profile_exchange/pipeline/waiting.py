"""Waiting: profiles that did not change over there, but may be let in by a change here.

A pull of changed profiles does not receive a profile again whose match, or whose consent, has
come to be ours since. So a connection that pulls what changed remembers of those it could not
take: their id, when they were last modified, which of ours they matched, and keyed fingerprints of
their identifiers, never a value. A later run compares these with ours as they are, and asks
for the profiles again by their times of modification: that tells the other tenant nothing about
whom we have gained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import array, distinct_on
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.connection import IdentifierPair
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.transforms import END_OF_MOMENTS, FIRST_MOMENT
from profile_exchange.pipeline.creating import compared_as
from profile_exchange.pipeline.filter_by_consent import allowed, objectives_of
from profile_exchange.pipeline.found_again import found_by
from profile_exchange.pipeline.matching import visited
from profile_exchange.pipeline.plan import Span
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.fingerprints import fingerprint_of, make_key
from profile_exchange.store.identifiers import is_identifier, normalised
from profile_exchange.store.json_lists import values_of
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import (
    profile,
    waiting_identifier,
    waiting_profile,
)

#: As many spans of time are asked for at once; an address must not become too long.
MAX_SPANS = 30

#: Why a profile was not taken that a change on our side alone could let in.
_REASONS = (
    Reason.NO_MATCH,
    Reason.IDENTIFIER_TAKEN,
    Reason.SEVERAL_MATCHES,
    Reason.NO_VISITED_CHANNEL,
    Reason.NO_CONSENT,
    Reason.CONSENT_WITHDRAWN,
)


@dataclass(frozen=True, slots=True)
class LetIn:
    """Profiles to be asked for again, by when they were modified.

    ``needs_all`` is that this would not do: one has no time that can be asked about, or is one of
    ours that another profile of theirs may have been written to, and which of the two was modified
    last only a complete pull can tell.
    """

    spans: tuple[Span, ...] = ()
    needs_all: bool = False


def let_in(database: Database, run: Run) -> LetIn:
    """Which of the waiting profiles could be taken now."""
    connection = waiting_profile.c.connection == run.connection.id
    if not database.execute(select(waiting_profile.c.source_id).where(connection).limit(1)).first():
        return LetIn()
    found = _candidates(database, run).subquery("found")
    targets = [cast(literal(mapping.target), Text) for mapping in run.goal.mappings]
    written = func.jsonb_exists_any(profile.c.properties, array(targets))
    query = (
        select(waiting_profile.c.modified, func.bool_or(written).label("written"))
        .join_from(found, waiting_profile, waiting_profile.c.source_id == found.c.source_id)
        .join(profile, profile.c.id == found.c.target_id)
        .where(connection)
        .group_by(waiting_profile.c.modified)
        .order_by(waiting_profile.c.modified)
    )
    rows = database.execute(query).all()
    needs_all = any(row.written or not _is_time(row.modified) for row in rows)
    return LetIn(() if needs_all else spans([row.modified for row in rows]), needs_all)


def spans(moments: Sequence[int], at_most: int = MAX_SPANS) -> tuple[Span, ...]:
    """Few spans of time that cover all moments (milliseconds since 1970, in order), and least else.

    They are parted where the moments are furthest apart, and are a millisecond longer on both
    sides: the moments are rounded, and what the other tenant compares may be finer.
    """
    gaps = sorted(range(1, len(moments)), key=lambda place: moments[place] - moments[place - 1])
    starts = sorted([0, *gaps[::-1][: at_most - 1]]) if moments else []
    ends = [*starts[1:], len(moments)]
    return tuple(
        Span(_time(moments[start] - 1), _time(moments[end - 1] + 1))
        for start, end in zip(starts, ends, strict=False)
    )


def _is_time(milliseconds: int | None) -> bool:
    """Whether a moment is known, and one that can be asked about; theirs may be any number.

    A millisecond before and after it there has to be time, too.
    """
    return (
        milliseconds is not None
        and (milliseconds - 1) * 1000 >= FIRST_MOMENT
        and (milliseconds + 1) * 1000 < END_OF_MOMENTS
    )


def _time(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _candidates(database: Database, run: Run) -> CompoundSelect[Any]:
    """``(source_id, target_id)`` of waiting profiles whose match or consent is there now."""
    waiting = waiting_profile
    allows = allowed(run, profile, objectives_of(database, run))
    seen = true() if run.goal.links else visited(profile.c.properties)
    matched = (
        select(waiting.c.source_id, waiting.c.target_id)
        .join_from(waiting, profile, profile.c.id == waiting.c.target_id)
        .where(waiting.c.connection == run.connection.id, seen, allows)
    )
    return union_all(matched, *(found_by(run, link) for link in run.goal.links))


def remember_waiting(database: Database, run: Run, now: datetime) -> None:
    """Replace what is remembered by what this run learnt. Part of a run's report."""
    if run.plan.pull.source_time is None:
        return
    make_key(database, now)
    fate = run.staging.fate
    for table in (waiting_identifier, waiting_profile):
        forget = delete(table).where(table.c.connection == run.connection.id)
        if run.plan.pull.changed_since:
            forget = forget.where(table.c.source_id.in_(select(fate.c.profile_id)))
        database.execute(forget)
    names = [column.name for column in waiting_profile.columns]
    database.execute(insert_into(waiting_profile).from_select(names, _waiting(run)))
    # Who waits may have come to be a hundred times as many a moment ago: without knowing, the
    # planner compares each of them with each staged row.
    analyze(database, waiting_profile, "connection", "source_id", "target_id")
    names = [column.name for column in waiting_identifier.columns]
    for pair in dict.fromkeys(pair for link in run.goal.links for pair in link):
        rows = insert_into(waiting_identifier).from_select(names, _identifiers(run, pair))
        database.execute(rows.on_conflict_do_nothing())
    analyze(database, waiting_identifier, "connection", "theirs", "ours", "fingerprint")


def _waiting(run: Run) -> Select[Any]:
    staged, matched, fate = run.staging.staged, run.staging.matched, run.staging.fate
    target: ColumnElement[Any] = fate.c.profile_id
    if run.goal.links:
        target = case((matched.c.is_new, None), else_=matched.c.target_id)
    return (
        select(literal(run.connection.id), fate.c.profile_id, target, staged.c.modified)
        .join_from(fate, staged, staged.c.profile_id == fate.c.profile_id)
        .outerjoin(matched, matched.c.profile_id == fate.c.profile_id)
        .ext(distinct_on(fate.c.profile_id))
        .where(fate.c.reason.in_([reason.value for reason in _REASONS]))
        .order_by(fate.c.profile_id, staged.c.modified.desc().nulls_last())
    )


def _identifiers(run: Run, pair: IdentifierPair) -> Select[Any]:
    """Fingerprints of the identifiers of those that wait for a match."""
    staged, fate = run.staging.staged, run.staging.fate
    values = values_of(staged.c.properties[pair.theirs]).lateral()
    value = normalised(values.c.value, compared_as(run, pair))
    waits = and_(
        waiting_profile.c.connection == run.connection.id,
        waiting_profile.c.source_id == staged.c.profile_id,
        waiting_profile.c.target_id.is_(None),
    )
    return (
        select(
            waiting_profile.c.connection,
            waiting_profile.c.source_id,
            literal(pair.theirs),
            literal(pair.ours),
            fingerprint_of(value),
        )
        .join_from(staged, waiting_profile, waits)
        .join(fate, fate.c.profile_id == staged.c.profile_id)
        .join(values, true())
        .where(is_identifier(value))
    )
