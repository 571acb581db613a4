"""What the model knows: their profiles as they come, ours, and what a connection remembers."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from profile_exchange.domain.consent import ConsentRecord
from profile_exchange.domain.merging import present
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.domain.tenant import Objective
from tests.pipeline.in_memory import EVERYBODY, profile_id, properties_of

#: ``{property: values}``, as a profile holds them.
Properties = dict[str, list[str]]

#: The ids of profiles that were not created by an import.
NAMES = tuple(f"p{number}" for number in range(8))
_NAMED = {profile_id(name) for name in NAMES}


@dataclass
class Incoming:
    """One of their profiles. ``modified`` is epoch milliseconds, None when unknown."""

    id: UUID
    segments: frozenset[str]
    modified: int | None
    consent: ConsentRecord
    properties: Properties

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Incoming:
        """A profile as case files write it. Nothing but blanks is no value."""
        held = {key: present(value) for key, value in properties_of(given).items()}
        return cls(
            id=profile_id(given["id"]),
            segments=frozenset(given.get("segments", [EVERYBODY])),
            modified=given.get("modified"),
            consent=consent_of({"zone": None, **given}),
            properties={key: values for key, values in held.items() if values},
        )


@dataclass
class Ours:
    """One of our profiles."""

    consent: ConsentRecord
    properties: Properties

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Ours:
        """A profile as case files write it."""
        return cls(consent_of(given), properties_of(given))


def consent_of(given: Mapping[str, Any]) -> ConsentRecord:
    """The record of consent of a profile as case files write it."""
    return ConsentRecord(
        frozenset(given.get("consented", ())),
        frozenset(given.get("refused", ())),
        given.get("zone", "NONE"),
    )


@dataclass(frozen=True)
class Contribution:
    """What a sum of ours holds of theirs: which source profile contributed, and how much."""

    source: UUID
    amount: Decimal


#: Target property, profile of ours, and what the source of the mapping is called.
Key = tuple[str, UUID, str]


@dataclass
class Memory:
    """What earlier runs of a connection left."""

    contributions: dict[Key, Contribution] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)
    received: set[UUID] = field(default_factory=set)
    last_received: int | None = None


@dataclass
class State:
    """Our tenant, and the connection's memory."""

    profiles: dict[UUID, Ours]
    properties: dict[str, ProfileProperty]
    objectives: dict[str, Objective]
    memory: Memory = field(default_factory=Memory)

    def copy(self) -> State:
        """A state that can be changed without changing this one."""
        return deepcopy(self)


def in_order(state: State) -> list[UUID]:
    """Our profiles in an order that does not depend on the ids that created ones were given."""
    return sorted(state.profiles, key=lambda key: (_name(key), _content(state, key)))


def _name(key: UUID) -> str:
    return str(key) if key in _NAMED else "~ created"


def _content(state: State, key: UUID) -> str:
    profile = state.profiles[key]
    record = profile.consent
    brought = sorted(
        (target, source, found.source)
        for (target, mine, source), found in state.memory.contributions.items()
        if mine == key
    )
    consent = (sorted(record.consented), sorted(record.refused), record.legislation)
    return repr((sorted(profile.properties.items()), consent, brought))


def comparable(state: State) -> State:
    """A state whose created profiles have ids by their content, to compare it with another."""
    names = {
        key: key if key in _NAMED else UUID(int=place) for place, key in enumerate(in_order(state))
    }
    ledger = state.memory.contributions
    renamed = {
        (target, names.get(mine, UUID(int=0)), source): found
        for (target, mine, source), found in ledger.items()
    }
    return replace(
        state,
        profiles={names[key]: profile for key, profile in state.profiles.items()},
        memory=replace(state.memory, contributions=renamed),
    )


def edited(profile: Ours, changes: Mapping[str, Any]) -> Ours:
    """A profile after something changed some of its properties, or its consent."""
    record = profile.consent
    consent = ConsentRecord(
        frozenset(changes.get("consented", record.consented)),
        frozenset(changes.get("refused", record.refused)),
        changes.get("zone", record.legislation),
    )
    properties = {**profile.properties, **properties_of(changes)}
    return Ours(consent, {key: values for key, values in properties.items() if values})
