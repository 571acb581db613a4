"""What a partner may write now: its connection's accept goal, held against the tenant's store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection as Database
from sqlalchemy import select

from profile_exchange.domain.connection import AcceptGoal, Connection, ConsentRule
from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.properties import (
    CONSENTED_OBJECTIVES,
    PRIVACY_LEGISLATION,
    REFUSED_OBJECTIVES,
    FilterType,
)
from profile_exchange.domain.refinement import Refinement
from profile_exchange.domain.tenant import Objective
from profile_exchange.store.definitions import objectives, refinements
from profile_exchange.store.tables import profile_property

#: Properties that tell a profile's consent: taken from an entry when its profile is created.
CONSENT_PROPERTIES = frozenset({CONSENTED_OBJECTIVES, REFUSED_OBJECTIVES, PRIVACY_LEGISLATION})


@dataclass(frozen=True)
class Terms:
    """What a connection's partner may do to the profiles of one tenant.

    ``types`` are those of the granted properties that exist, ``identifiers`` those of the granted
    unique identifiers; ``linked`` are the connection's objectives and ``asked`` those of the
    request, None if it names none; ``known`` are all of the tenant's.
    """

    connection: Connection
    types: Mapping[str, FilterType]
    identifiers: Mapping[str, FilterType]
    linked: Sequence[Objective]
    asked: Sequence[Objective] | None
    known: Mapping[str, Objective]
    segments: Mapping[str, Refinement | None]

    @property
    def goal(self) -> AcceptGoal:
        """The connection's accept goal."""
        return accept_goal(self.connection)

    @property
    def unneeded_counts(self) -> bool:
        """Whether an objective that needs no consent where the visitor is counts as consented."""
        return self.connection.consent is ConsentRule.CONSENTED_OR_UNNEEDED

    @property
    def writable(self) -> Mapping[str, FilterType]:
        """The type of everything that may be written, to some profile."""
        return {**self.identifiers, **self.types}


def accept_goal(connection: Connection) -> AcceptGoal:
    """A connection's accept goal. Raises `FatalError` if it has none."""
    if connection.accept is None:
        raise FatalError(f"Connection {connection.id} accepts nothing: give it an accept goal.")
    return connection.accept


def read_terms(database: Database, connection: Connection, asked: Collection[str]) -> Terms:
    """The terms as the store has them at this moment."""
    goal = accept_goal(connection)
    known = objectives(database)
    types, identifiers = _properties(database, goal)
    return Terms(
        connection=connection,
        types=types,
        identifiers=identifiers,
        linked=[known[name] for name in connection.objectives if name in known],
        asked=[known[name] for name in asked if name in known] if asked else None,
        known=known,
        segments=refinements(database, goal.segments),
    )


def _properties(
    database: Database, goal: AcceptGoal
) -> tuple[dict[str, FilterType], dict[str, FilterType]]:
    """Granted properties, and granted identifiers. What is not as the grant says is neither."""
    known = profile_property.c
    query = select(known.id, known.filter_type, known.indexed).where(known.id.in_(goal.described))
    types, identifiers = {}, {}
    for row in database.execute(query):
        if row.indexed and row.id in goal.identifiers:
            identifiers[row.id] = FilterType(row.filter_type)
        elif not row.indexed and row.id in goal.properties:
            types[row.id] = FilterType(row.filter_type)
    return types, identifiers
