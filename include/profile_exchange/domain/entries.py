"""What a partner asks to be written, entry by entry, and what became of each.

The words are those of BlueConic's bulk upsert (``PUT /rest/v2/profiles``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from profile_exchange.domain.connection import Restriction, Strategy


class State(StrEnum):
    """What became of an entry.

    ``SKIPPED`` is one that cannot be written as it is: `Outcome.errors` tells why. What may not
    be asked for at all is ``UNAUTHORIZED``.
    """

    CREATED = "CREATED"
    MODIFIED = "MODIFIED"
    UNCHANGED = "UNCHANGED"
    NOTFOUND = "NOTFOUND"
    CONSENT_MISMATCH = "CONSENT_MISMATCH"
    RESTRICTION_MISMATCH = "RESTRICTION_MISMATCH"
    SKIPPED = "SKIPPED"
    UNAUTHORIZED = "UNAUTHORIZED"


@dataclass(frozen=True, slots=True)
class Criterion:
    """A value that a unique identifier of the profile has to have."""

    property: str
    value: str


#: Criteria that all have to hold (AND). An entry has a list of them (OR).
Alternative = tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Values for one property, and how they meet what is there. To be set to none empties it."""

    property: str
    values: tuple[str, ...]
    strategy: Strategy = Strategy.SET
    restriction: Restriction = Restriction.ALL_PROFILES

    def applies(self, *, is_new: bool) -> bool:
        """Whether the rule is for a profile about to be created, or for one that is there."""
        for_one_only = {
            Restriction.NEW_PROFILES_ONLY: is_new,
            Restriction.EXISTING_PROFILES_ONLY: not is_new,
        }
        return for_one_only.get(self.restriction, True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile that is to be written. A ``profile_id`` overrides what ``matching`` says.

    ``segment`` is one that the profile has to be in; ``legislation`` is the privacy legislation
    zone of a profile about to be created.
    """

    matching: tuple[Alternative, ...] = ()
    profile_id: str | None = None
    rules: tuple[Rule, ...] = ()
    creates: bool = False
    deletes: bool = False
    segment: str | None = None
    legislation: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry. ``errors`` are sentences by what they are about; no values."""

    state: State
    profile_id: UUID | None = None
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def skipped(about: str, sentence: str) -> Outcome:
    """The outcome of an entry that cannot be written as it is."""
    return Outcome(State.SKIPPED, errors={about: (sentence,)})
