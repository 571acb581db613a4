"""Which of a tenant's profiles a connection lets out, as conditions in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    and_,
    bindparam,
    true,
)

from profile_exchange.domain.connection import Connection, ConsentRule
from profile_exchange.domain.properties import VISITED_CHANNEL
from profile_exchange.domain.tenant import Objective
from profile_exchange.store import consent
from profile_exchange.store.json_lists import has_value
from profile_exchange.store.refinement import Refiner, property_values

#: When the question is asked; bound by whoever runs the statement.
NOW = bindparam("now", type_=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Audience:
    """Which profiles may leave: they visited a channel, and their consent allows it.

    ``linked`` are the connection's objectives, None when it is linked to none; ``known`` are all
    of the tenant's, which refinements may ask about. Who reads back what it wrote asks for others
    than visitors too.
    """

    linked: tuple[Objective, ...] | None
    known: tuple[Objective, ...]
    unneeded_counts: bool
    visitors_only: bool = True

    def condition(self, profiles: FromClause) -> ColumnElement[bool]:
        """Whether a profile may leave."""
        if not self.visitors_only:
            return self._consented(profiles)
        visited = has_value(property_values(profiles, VISITED_CHANNEL))
        return and_(visited, self._consented(profiles))

    def refiner(self, profiles: FromClause) -> Refiner:
        """Turns refinements into conditions on profiles, by the tenant's objectives."""
        return Refiner(profiles, NOW, {known.id: known for known in self.known})

    def _consented(self, profiles: FromClause) -> ColumnElement[bool]:
        if self.linked is None:
            return true()
        return consent.consented(
            profiles.c.consented_objectives,
            profiles.c.refused_objectives,
            profiles.c.privacy_legislation,
            self.linked,
            unneeded_counts=self.unneeded_counts,
        )


def audience_of(
    connection: Connection, known: Mapping[str, Objective], *, visitors_only: bool = True
) -> Audience:
    """Which of the tenant's profiles a connection lets out, by the tenant's objectives.

    An objective that the tenant does not have counts for no consent.
    """
    linked = tuple(known[name] for name in connection.objectives if name in known)
    return Audience(
        linked=linked if connection.objectives else None,
        known=tuple(known.values()),
        unneeded_counts=connection.consent is ConsentRule.CONSENTED_OR_UNNEEDED,
        visitors_only=visitors_only,
    )
