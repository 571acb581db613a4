"""What a well-formed file may still get wrong: within it, and against the tenant it is about.

Each function yields what it finds, with its place in the file; nothing is raised, so that a
person sees everything at once. A tenant that lists no properties (or segments, or objectives)
in its file keeps them in its store alone: what is said about them is checked by the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from profile_exchange.config import expectations
from profile_exchange.config.accept_rules import accept_findings, within_accept
from profile_exchange.config.mapping_rules import within_mappings
from profile_exchange.config.naming import again, is_not, repeated, unknown
from profile_exchange.config.yaml_source import Finding, KeyPath, shortened
from profile_exchange.domain.connection import (
    Connection,
    ExposeGoal,
    ImportGoal,
    Link,
    Pull,
    Strategy,
    Unmatched,
)
from profile_exchange.domain.errors import InvalidRefinement
from profile_exchange.domain.properties import NUMERIC_TYPES, SYSTEM_PROPERTIES, ProfileProperty
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.domain.schedule import Schedule, WhileRunning
from profile_exchange.domain.tenant import LEGISLATIONS, Objective, Segment, Tenant
from profile_exchange.domain.transforms import outcomes
from profile_exchange.domain.values import type_problem


def within_connection(connection: Connection) -> Iterator[Finding]:
    """What can be seen from the connection's file alone."""
    yield from repeated(("labels",), connection.labels)
    yield from repeated(("objectives",), connection.objectives)
    if connection.schedule and connection.importing is None:
        yield from _skipped_checks(connection.schedule)
    if told := connection.notifications:
        addresses = [address.lower() for address in told.emails]
        yield from repeated(("notifications", "emails"), addresses)
    if goal := connection.expose:
        yield from repeated(("expose", "identifiers"), goal.identifiers)
        yield from repeated(("expose", "segments"), goal.segments)
        yield from repeated(("expose", "properties"), goal.properties)
    if connection.accept:
        for place, message in within_accept(connection.accept):
            yield ("accept", *place), message
    if connection.importing:
        for place, message in _within_import(connection.importing):
            yield ("import", *place), message


def _skipped_checks(schedule: Schedule) -> Iterator[Finding]:
    if schedule.while_running is WhileRunning.SKIP:
        message = "skip goes with an import; what is exposed is checked in a moment: take it out."
        yield ("schedule", "while_running"), message


def within_tenant(tenant: Tenant) -> Iterator[Finding]:
    """What can be seen from the tenant's file alone."""
    described: dict[str, Sequence[ProfileProperty | Segment | Objective]] = {
        "properties": tenant.properties,
        "segments": tenant.segments,
        "objectives": tenant.objectives,
    }
    for key, things in described.items():
        for position in again([thing.id for thing in things]):
            message = f"{shortened(things[position].id)} is described twice; keep one."
            yield (key, position, "id"), message
        for position, thing in enumerate(things):
            yield from repeated((key, position, "tags"), thing.tags)
    yield from _segment_findings(tenant)
    for position, objective in enumerate(tenant.objectives):
        place = ("objectives", position, "legislations")
        yield from repeated(place, objective.legislations)
        yield from unknown("a legislation", place, objective.legislations, LEGISLATIONS)


def against_tenant(connection: Connection, tenant: Tenant) -> Iterator[Finding]:
    """What a connection says about its own tenant must be so."""
    if connection.partner.host == tenant.host:
        message = f"this is the host name of {tenant.name} itself; name the other tenant's."
        yield ("partner", "host"), message
    if tenant.objectives:
        known = [objective.id for objective in tenant.objectives]
        noun = f"an objective of {tenant.name}"
        yield from unknown(noun, ("objectives",), connection.objectives, known)
        goal = connection.importing
        for theirs, ours in goal.objective_map.items() if goal else ():
            if ours not in known:
                yield ("import", "objective_map", theirs), is_not(ours, noun, known)
    if connection.expose:
        yield from _grant_findings(connection.expose, tenant)
    if connection.accept:
        yield from accept_findings(connection.accept, tenant)
    if connection.importing and tenant.properties:
        yield from _link_findings(connection.importing, tenant)
        yield from _target_findings(connection.importing, tenant)


def _segment_findings(tenant: Tenant) -> Iterator[Finding]:
    properties = {known.id for known in tenant.properties} | SYSTEM_PROPERTIES
    objectives = {known.id for known in tenant.objectives}
    for position, segment in enumerate(tenant.segments):
        if segment.refinement is None:
            continue
        place = ("segments", position, "refinement")
        try:
            parse_refinement(segment.refinement)
        except InvalidRefinement as error:
            yield (*place, *error.path), str(error)
            continue
        for at, noun, name in _names_in(segment.refinement, place):
            known = objectives if noun == "an objective" else properties
            if name not in known:
                yield at, is_not(name, f"{noun} of {tenant.name}", known)


def _names_in(refinement: Mapping[str, Any], place: KeyPath) -> Iterator[tuple[KeyPath, str, str]]:
    """Every property and objective that a refinement names, with its place."""
    for position, inner in enumerate(refinement.get("filters") or ()):
        yield from _names_in(inner, (*place, "filters", position))
    if refinement.get("property"):
        yield (*place, "property"), "a profile property", refinement["property"]
    if refinement.get("objective"):
        for position, name in enumerate(refinement["values"]):
            yield (*place, "values", position), "an objective", name


def _within_import(goal: ImportGoal) -> Iterator[Finding]:
    if goal.unmatched is Unmatched.CREATE and not goal.links:
        yield ("unmatched",), "create needs a link, so that a created profile is found again."
    if goal.objective_map and goal.unmatched is not Unmatched.CREATE:
        message = (
            "this is for profiles about to be created; matched ones are judged by our own record. "
            "Write unmatched: create, or remove it."
        )
        yield ("objective_map",), message
    if goal.complete_every_days and goal.pull is Pull.COMPLETE:
        yield ("complete_every_days",), "every pull is complete; write pull: changed, or remove it."
    if goal.segments == ():
        yield ("segments",), "name at least one segment, or write all."
    yield from repeated(("segments",), goal.segments or ())
    yield from _within_links(goal.links)
    yield from within_mappings(goal.mappings, goal.links)
    for position, expectation in enumerate(goal.expectations):
        for place, message in expectations.findings(expectation):
            yield ("expectations", position, *place), message


def _within_links(links: Sequence[Link]) -> Iterator[Finding]:
    for position, link in enumerate(links):
        if not link:
            yield ("links", position), "a link needs at least one pair of unique identifiers."
        for number in again(link):
            yield ("links", position, number), "this pair stands in the link twice; keep one."
    for position in again([frozenset(link) for link in links]):
        yield ("links", position), "this link stands here twice; keep one."


def _grant_findings(goal: ExposeGoal, tenant: Tenant) -> Iterator[Finding]:
    if tenant.properties:
        properties = {known.id for known in tenant.properties} | SYSTEM_PROPERTIES
        noun = f"a profile property of {tenant.name}"
        yield from unknown(noun, ("expose", "properties"), goal.properties, properties)
        noun = f"a unique identifier of {tenant.name}"
        place = ("expose", "identifiers")
        yield from unknown(noun, place, goal.identifiers, _identifiers(tenant))
    if tenant.segments:
        segments = [known.id for known in tenant.segments]
        noun = f"a segment of {tenant.name}"
        yield from unknown(noun, ("expose", "segments"), goal.segments, segments)


def _link_findings(goal: ImportGoal, tenant: Tenant) -> Iterator[Finding]:
    identifiers = _identifiers(tenant)
    for position, link in enumerate(goal.links):
        for number, pair in enumerate(link):
            if pair.ours not in identifiers:
                place = ("import", "links", position, number, "ours")
                yield (
                    place,
                    is_not(pair.ours, f"a unique identifier of {tenant.name}", identifiers),
                )


def _target_findings(goal: ImportGoal, tenant: Tenant) -> Iterator[Finding]:
    """A target that the tenant does not know is created by the import, with its source's type."""
    known = {described.id: described for described in tenant.properties}
    for position, mapping in enumerate(goal.mappings):
        target = known.get(mapping.target)
        place = ("import", "mappings", position)
        if target and target.indexed and not _is_linked(goal, target.id):
            message = (
                f"{target.id!r} is a unique identifier of {tenant.name}; no import may write it."
            )
            yield (*place, "to"), message
        if target and mapping.strategy is Strategy.SUM and target.filter_type not in NUMERIC_TYPES:
            types = ", ".join(sorted(NUMERIC_TYPES))
            message = f"{target.id!r} is {target.filter_type}; only {types} can be summed."
            yield (*place, "strategy"), message
        known_texts = outcomes(mapping.transforms) if mapping.text is None else (mapping.text,)
        if target and any(type_problem(text, target.filter_type) for text in known_texts):
            key = "transforms" if mapping.text is None else "text"
            yield (*place, key), f"{target.id!r} is {target.filter_type} and cannot hold this text."


def _is_linked(goal: ImportGoal, identifier: str) -> bool:
    return any(pair.ours == identifier for link in goal.links for pair in link)


def _identifiers(tenant: Tenant) -> list[str]:
    return [known.id for known in tenant.properties if known.indexed]
