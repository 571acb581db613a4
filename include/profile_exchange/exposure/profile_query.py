"""Lists of profiles in SQL: who may leave, and as what JSON.

PostgreSQL writes the JSON, so that a page passes through here without becoming objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
)

from profile_exchange.domain.refinement import Refinement, properties_of
from profile_exchange.domain.tenant import Segment
from profile_exchange.store.refinement import property_values
from profile_exchange.tenants.postgres.audience import Audience

#: PostgreSQL takes at most a hundred arguments to a function.
MAX_ARGUMENTS = 90

#: What is left out of a profile that does not have it.
_MAY_BE_UNKNOWN = frozenset({"privacyLegislation"})

Json = ColumnElement[str]


@dataclass(frozen=True, slots=True)
class Membership:
    """An exposed segment, as far as a profile can be in it."""

    id: str
    name: str
    refinement: Refinement | None


def memberships(rules: Iterable[tuple[Segment, Refinement | None]]) -> tuple[Membership, ...]:
    """Segments with their rules, as far as a profile can be in them."""
    return tuple(Membership(each.id, each.name, rule) for each, rule in rules)


@dataclass(frozen=True, slots=True)
class ProfileQuery:
    """A list of profiles, and what is shown of each. Hashable: equal ones share a statement.

    ``objectives`` are those whose consent is shown; ``memberships`` the segments to tell for
    each profile, None when that was not asked for.
    """

    audience: Audience
    segment: Refinement | None
    refinement: Refinement | None
    properties: tuple[str, ...]
    objectives: tuple[str, ...]
    shows_creation: bool
    memberships: tuple[Membership, ...] | None = None

    @property
    def on_record(self) -> str:
        """What is shown and looked at, in names: the values in it may be people's data."""
        names = ", ".join(self.properties)
        told = [f"properties {names}" if names else "no properties"]
        if self.refinement is not None:
            told.append(f"refined on {', '.join(sorted(properties_of(self.refinement)))}")
        if self.memberships is not None:
            told.append(f"segments {', '.join(each.id for each in self.memberships)}")
        return "; ".join(told)

    def condition(self, profiles: FromClause) -> ColumnElement[bool]:
        """Whether a profile is in the list."""
        refiner = self.audience.refiner(profiles)
        return and_(
            self.audience.condition(profiles),
            refiner.condition(self.segment),
            refiner.condition(self.refinement),
        )

    def body(self, profiles: FromClause) -> Json:
        """A profile as JSON text."""
        fields = [
            ("id", _quoted(cast(profiles.c.id, Text))),
            *([("creationDate", _iso(profiles.c.created_at))] if self.shows_creation else []),
            ("privacyLegislation", _json_text(profiles.c.privacy_legislation)),
            ("consentedObjectives", self._named(profiles.c.consented_objectives)),
            ("refusedObjectives", self._named(profiles.c.refused_objectives)),
            ("properties", self._properties(profiles)),
            *([] if self.memberships is None else [("segments", self._segments(profiles))]),
        ]
        body: Json = literal("{", Text)
        for position, (name, value) in enumerate(fields):
            field = literal(f'{"," if position else ""}"{name}":', Text) + value
            body = body + (func.coalesce(field, "") if name in _MAY_BE_UNKNOWN else field)
        return body + literal("}", Text)

    def _named(self, objectives: ColumnElement[Any]) -> Json:
        """Which of the exposed objectives are in an array, as a JSON list."""
        return _listed(
            case((literal(name, Text) == func.any(objectives), literal(json.dumps(name), Text)))
            for name in self.objectives
        )

    def _properties(self, profiles: FromClause) -> Json:
        """The properties that have values; a missing one is null, which joining leaves out."""
        return _listed(
            literal(f'{{"id":{json.dumps(name)},"values":', Text)
            + cast(property_values(profiles, name), Text)
            + literal("}", Text)
            for name in self.properties
        )

    def _segments(self, profiles: FromClause) -> Json:
        refiner = self.audience.refiner(profiles)
        return _listed(
            case(
                (
                    refiner.condition(segment.refinement),
                    literal(json.dumps({"id": segment.id, "name": segment.name}), Text),
                )
            )
            for segment in self.memberships or ()
        )


def _quoted(text: ColumnElement[str]) -> Json:
    return literal('"', Text) + text + literal('"', Text)


def _json_text(text: ColumnElement[str]) -> Json:
    return cast(func.to_json(text), Text)


def _iso(time: ColumnElement[Any]) -> Json:
    pattern = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    return _quoted(func.to_char(func.timezone("UTC", time), pattern, type_=Text))


def _listed(pieces: Iterable[Json]) -> Json:
    """Pieces of JSON as a list, without the ones that are null."""
    return literal("[", Text) + func.coalesce(_joined(list(pieces)), "") + literal("]", Text)


def _joined(pieces: Sequence[Json]) -> Json:
    """Pieces with commas between them; null if there is none that is not null."""
    while len(pieces) > MAX_ARGUMENTS:
        groups = range(0, len(pieces), MAX_ARGUMENTS)
        pieces = [_joined(pieces[start : start + MAX_ARGUMENTS]) for start in groups]
    # concat_ws wants a piece, and leaves out what is null.
    joined = func.concat_ws(",", null(), *pieces, type_=Text)
    return func.nullif(joined, "", type_=Text)
