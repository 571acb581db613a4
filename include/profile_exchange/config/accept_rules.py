"""What a well-formed accept goal may still get wrong, alone or against its tenant."""

from __future__ import annotations

from collections.abc import Iterator

from profile_exchange.config.naming import repeated, unknown
from profile_exchange.config.yaml_source import Finding
from profile_exchange.domain.connection import AcceptGoal, ProfileIds, Strategy
from profile_exchange.domain.properties import (
    KEPT_PROPERTIES,
    NUMERIC_TYPES,
    ProfileProperty,
)
from profile_exchange.domain.tenant import Tenant


def within_accept(goal: AcceptGoal) -> Iterator[Finding]:
    """What is wrong with the goal, with its place below ``accept``."""
    yield from repeated(("identifiers",), goal.identifiers)
    yield from repeated(("segments",), goal.segments)
    if not goal.identifiers and goal.profile_ids is ProfileIds.NONE:
        yield (), "nobody can be matched; name identifiers, or write profile_ids: visited."
    if goal.creates and not goal.identifiers:
        message = "create needs an identifier, so that a created profile is found again."
        yield ("unmatched",), message
    for name in goal.properties:
        if name in KEPT_PROPERTIES:
            message = f"{name} is kept by the tenant itself; name another property."
            yield ("properties", name), message
        elif name in goal.identifiers:
            message = f"profiles are matched on {name!r}, so no partner may change it."
            yield ("properties", name), message


def accept_findings(goal: AcceptGoal, tenant: Tenant) -> Iterator[Finding]:
    """What the goal says about its own tenant must be so."""
    if tenant.segments:
        segments = [known.id for known in tenant.segments]
        noun = f"a segment of {tenant.name}"
        yield from unknown(noun, ("accept", "segments"), goal.segments, segments)
    if tenant.properties:
        identifiers = [known.id for known in tenant.properties if known.indexed]
        noun = f"a unique identifier of {tenant.name}"
        yield from unknown(noun, ("accept", "identifiers"), goal.identifiers, identifiers)
    for described in tenant.properties:
        if message := _cannot_be_written(described, goal, tenant):
            yield ("accept", "properties", described.id), message


def _cannot_be_written(described: ProfileProperty, goal: AcceptGoal, tenant: Tenant) -> str:
    """Why a property of the tenant's cannot be granted so; one that it lacks may be made."""
    strategies = goal.properties.get(described.id, ())
    if described.indexed and strategies and described.id not in goal.identifiers:
        return f"{described.id!r} is a unique identifier of {tenant.name}; nobody may write it."
    if Strategy.SUM in strategies and described.filter_type not in NUMERIC_TYPES:
        types = ", ".join(sorted(NUMERIC_TYPES))
        return f"{described.id!r} is {described.filter_type}; only {types} can be summed."
    return ""
