"""One run of an import, as the model sees it: what comes, the connection, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from profile_exchange.domain.connection import (
    Connection,
    ImportGoal,
    PropertyMapping,
    Restriction,
)
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import VALUE_FORMS, FilterType, ProfileProperty
from profile_exchange.domain.transforms import result_type, transformed
from tests.model.state import Incoming, State

Fates = dict[UUID, Fate]

#: The profiles that are still on their way, each with the one of ours that it is.
Matched = dict[UUID, UUID]


@dataclass
class Import:
    """One run: what comes, by id, and the state that it changes."""

    connection: Connection
    sources: Mapping[str, ProfileProperty]
    incoming: Mapping[UUID, Incoming]
    state: State

    @property
    def goal(self) -> ImportGoal:
        assert self.connection.importing is not None
        return self.connection.importing

    def received_but(self, some: Sequence[Incoming]) -> list[Incoming]:
        """Everybody who was received and could be read, without some."""
        ids = {profile.id for profile in some}
        return [p for p in self.incoming.values() if p.id not in ids and self.is_readable(p)]

    def is_readable(self, profile: Incoming) -> bool:
        """Whether a store can hold what is asked for of a profile."""
        values = (profile.properties.get(name, ()) for name in self.goal.source_properties)
        return not any("\0" in value for some in values for value in some)

    @property
    def targets(self) -> dict[str, FilterType]:
        """The type of each target: its own if it exists, else that of what comes first to it."""
        types: dict[str, FilterType] = {}
        for mapping in self.goal.mappings:
            known = self.state.properties.get(mapping.target)
            own = known.filter_type if known else self.brought_type(mapping)
            types.setdefault(mapping.target, own)
        return types

    def brought_type(self, mapping: PropertyMapping) -> FilterType:
        """The type of what a mapping brings."""
        source = self.sources[mapping.source].filter_type if mapping.source else FilterType.SELECT
        return result_type(mapping.transforms, source)

    def came(self, mapping: PropertyMapping, profile: Incoming) -> list[str]:
        """The values of a mapping's source as they came."""
        if mapping.text is not None:
            return [mapping.text]
        if mapping.segments:
            taken = self.goal.segments
            return sorted(name for name in profile.segments if taken is None or name in taken)
        return profile.properties.get(mapping.source or "", [])

    def brings(self, mapping: PropertyMapping, profile: Incoming) -> list[str]:
        """The values that a mapping brings to its target, of a profile that is not rejected."""
        values = transformed(mapping.transforms, self.came(mapping, profile))
        assert values is not None
        if self.targets[mapping.target] in VALUE_FORMS:
            values = [value.strip(BLANKS) for value in values]
        return values


def applies(mapping: PropertyMapping, *, is_new: bool) -> bool:
    return {
        Restriction.ALL_PROFILES: True,
        Restriction.NEW_PROFILES_ONLY: is_new,
        Restriction.EXISTING_PROFILES_ONLY: not is_new,
    }[mapping.restriction]
