"""Authenticate: are we let in, and is everything that the import goal names still exposed?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection as Database

from profile_exchange.config.messages import nearest
from profile_exchange.domain.connection import Connection, Pull
from profile_exchange.domain.errors import NoLongerExposed
from profile_exchange.domain.packages import parts_for
from profile_exchange.domain.properties import LAST_MODIFIED_DATE, VISITED_CHANNEL, ProfileProperty
from profile_exchange.pipeline.configured import as_configured
from profile_exchange.pipeline.plan import Plan, PlannedProperty, SegmentChanges
from profile_exchange.pipeline.ports import ExposedSegment, Holding, Source
from profile_exchange.pipeline.remote.properties import TargetTenant
from profile_exchange.pipeline.runs import RUNNING, Run, find_run, import_goal, open_run
from profile_exchange.pipeline.scope import planned_pull, segment_changes
from profile_exchange.pipeline.targets import identifier_types, target_types
from profile_exchange.store.database import engine_for, store_errors

#: A pull of changed profiles is split as if that small a part of them had changed.
CHANGED_ONE_IN = 10


@dataclass(frozen=True, slots=True)
class Exposed:
    """What the other tenant exposes to us now, and what the import goal names beyond that."""

    segments: tuple[ExposedSegment, ...]
    properties: tuple[ProfileProperty, ...]
    missing: tuple[str, ...]

    @property
    def segment_ids(self) -> frozenset[str]:
        """The ids of the exposed segments, chosen or not."""
        return frozenset(segment.id for segment in self.segments)

    @property
    def identifiers(self) -> tuple[ProfileProperty, ...]:
        """The exposed unique identifiers."""
        return tuple(known for known in self.properties if known.indexed)


def look(source: Source, connection: Connection) -> Exposed:
    """Authenticate, and compare what is exposed with what the connection imports."""
    source.authenticate()
    segments = tuple(source.segments())
    properties = tuple(source.properties())
    missing = [
        *_missing(connection, segments, properties),
        *_missing_objectives(source, connection),
    ]
    return Exposed(segments, properties, tuple(missing))


def _missing(
    connection: Connection,
    segments: Iterable[ExposedSegment],
    properties: Iterable[ProfileProperty],
) -> list[str]:
    goal = import_goal(connection)
    shown = {segment.id for segment in segments}
    readable = {known.id: known for known in properties}
    indexed = {name for name, known in readable.items() if known.indexed}
    missing = [_missed("segment", name, shown) for name in goal.segments or () if name not in shown]
    missing += [
        _missed("unique identifier", pair.theirs, indexed)
        for link in goal.links
        for pair in link
        if pair.theirs not in indexed
    ]
    linked = {pair.theirs for link in goal.links for pair in link}
    missing += [
        _missed("profile property", name, readable)
        for name in goal.source_properties
        if name not in readable and name not in linked
    ]
    if goal.pull is Pull.CHANGED and LAST_MODIFIED_DATE not in readable:
        missing.append(f"profile property {LAST_MODIFIED_DATE}, which pull: changed needs")
    return list(dict.fromkeys(missing))


def _missed(what: str, name: str, exposed: Iterable[str]) -> str:
    """What is missing, and what is exposed instead if it looks like a slip of the pen."""
    near = nearest(name, exposed).strip()
    return f"{what} {name} ({near[0].lower()}{near[1:]})" if near else f"{what} {name}"


def _missing_objectives(source: Source, connection: Connection) -> list[str]:
    """Objectives of theirs that the goal translates, and whose consents would never come."""
    named = import_goal(connection).objective_map
    shown = set(source.objectives()) if named else set()
    return [_missed("objective", name, shown) for name in named if name not in shown]


def authenticate(
    source: Source,
    connection: Connection,
    store_url: str,
    *,
    run_id: str,
    now: datetime,
    profiles_per_part: int,
    max_parts: int,
    preview: bool = False,
    let_in: Callable[[Exposed], None] = lambda _: None,
    target: TargetTenant | None = None,
) -> Run:
    """Open a run with its plan. Raises `NoLongerExposed` or `TargetRefused` before any pull.

    ``let_in`` is told what is exposed, as soon as the other tenant has let us in. ``target`` is
    our tenant where its profiles are not in this database.
    """
    exposed = look(source, connection)
    let_in(exposed)
    if exposed.missing:
        raise NoLongerExposed(
            f"{connection.partner.name} does not expose {', '.join(exposed.missing)} to "
            f"connection {connection.id}: ask them to expose it, or take it out of the import "
            "goal."
        )
    segments = wanted_segments(connection, exposed)
    # A clock that is far ahead, if only once, would move the mark beyond what is yet to change.
    source_time = min(source.now() or now, now)
    with store_errors(store_url), engine_for(store_url).begin() as database:
        holding = target.look(database, connection, now) if target else None
        plan = _planned(database, connection, exposed, segments, holding)
        if target:
            plan = replace(plan, remote=True, visitors=target.visitors)
        provisional = Run(connection, run_id, 0, RUNNING, plan, store_url)
        pull = planned_pull(database, provisional, source_time, now)
    plan = replace(plan, pull=pull)
    total = _expected(segments, profiles_per_part * max_parts)
    if pull.changed_since:
        total //= CHANGED_ONE_IN
    plan = _in_parts(source, plan, parts_for(total, profiles_per_part, max_parts))
    with store_errors(store_url), engine_for(store_url).begin() as database:
        open_run(database, connection, run_id, plan, now, preview=preview)
    return find_run(store_url, connection, run_id)


def _expected(segments: Sequence[ExposedSegment], most: int) -> int:
    """How many profiles to be prepared for: ``most`` when a segment does not say how many."""
    counts = [segment.profiles for segment in segments]
    return most if None in counts else sum(count or 0 for count in counts)


def _planned(
    database: Database,
    connection: Connection,
    exposed: Exposed,
    segments: Sequence[ExposedSegment],
    holding: Holding | None,
) -> Plan:
    known = {prop.id: prop for prop in exposed.properties}
    names = tuple(segment.id for segment in segments)
    return Plan(
        segments=names,
        segment_names=tuple(segment.name.strip() or segment.id for segment in segments),
        sources=_needed(connection, known),
        targets=target_types(database, connection, known, holding),
        identifier_types=identifier_types(database, connection),
        segment_changes=segment_changes(database, connection.id, names, exposed.segment_ids),
        configured=as_configured(connection),
    )


def _in_parts(source: Source, plan: Plan, parts: int) -> Plan:
    ranges = parts == 1 or bool(source.ranges(plan.segments[0], parts, plan.pull.spans))
    return replace(plan, parts=parts, ranges=ranges)


def wanted_segments(connection: Connection, exposed: Exposed) -> list[ExposedSegment]:
    """The exposed segments that the connection imports. Raises `NoLongerExposed` without any."""
    chosen = _chosen(connection, exposed)
    if not chosen:
        raise NoLongerExposed(
            f"{connection.partner.name} exposes no segment to connection {connection.id}: "
            "ask them to expose at least one."
        )
    return chosen


def _chosen(connection: Connection, exposed: Exposed) -> list[ExposedSegment]:
    wanted = import_goal(connection).segments
    return [s for s in exposed.segments if wanted is None or s.id in wanted]


def changes_of_segments(store_url: str, connection: Connection, exposed: Exposed) -> SegmentChanges:
    """Which segments the next run would import anew, and which it could not any more."""
    names = [segment.id for segment in _chosen(connection, exposed)]
    with store_errors(store_url), engine_for(store_url).connect() as database:
        return segment_changes(database, connection.id, names, exposed.segment_ids)


def _needed(
    connection: Connection, known: dict[str, ProfileProperty]
) -> dict[str, PlannedProperty]:
    """What to pull: all that the goal names, and when a profile was modified if we may know.

    Without links also which channels it visited: both tenants must have seen the visitor.
    """
    goal = import_goal(connection)
    names = [*goal.source_properties, LAST_MODIFIED_DATE]
    if not goal.links:
        names.append(VISITED_CHANNEL)
    return {name: PlannedProperty.of(known[name]) for name in names if name in known}
