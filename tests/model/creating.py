"""Who the unmatched profiles are that a connection makes profiles of ours from (Matching 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from uuid import uuid4

from profile_exchange.domain.connection import Link
from tests.model.importing import Import, Matched
from tests.model.matching import compared, late_first, linked_identifiers
from tests.model.state import Incoming

Key = tuple[tuple[str, str], ...]


def created_as(whole: Import, unknown: Sequence[Incoming]) -> Matched:
    """Who is created, each with the id of its new profile: one id for each person.

    Nobody is who would be given an identifier that is another's: one of ours, one that is about
    to be created from a profile modified later, or one that a received profile is known by.
    """
    free = [p for p in unknown if not _taken(whole, p) and any(keys(whole, p))]
    known = _keys_of(whole, whole.received_but(free))
    persons = [some for some in _persons(whole, free) if not _keys_of(whole, some) & known]
    found: Matched = {}
    identifiers: set[Key] = set()
    for members in sorted(persons, key=lambda members: late_first(members[0])):
        new = set(_identifiers(whole, members[0]))
        if not new & identifiers:
            identifiers |= new
            found |= dict.fromkeys((member.id for member in members), uuid4())
    return found


def _persons(whole: Import, free: Iterable[Incoming]) -> list[list[Incoming]]:
    """Profiles that would find each other, even if only through others, are one person: the one
    modified last is its first."""
    persons: list[list[Incoming]] = []
    for profile in free:
        mine = set(keys(whole, profile))
        same = [person for person in persons if _keys_of(whole, person) & mine]
        persons = [person for person in persons if person not in same]
        persons.append([profile, *(member for person in same for member in person)])
    return [sorted(person, key=late_first) for person in persons]


def _keys_of(whole: Import, person: Iterable[Incoming]) -> set[Key]:
    return {key for member in person for key in keys(whole, member)}


def keys(whole: Import, profile: Incoming) -> Iterator[Key]:
    """What a profile is found by: each combination of values that fills an alternative."""
    for link in whole.goal.links:
        yield from _combinations(whole, profile, link)


def _combinations(whole: Import, profile: Incoming, link: Link) -> Iterator[Key]:
    values = [
        [(pair.ours, value) for value in compared(whole, pair.ours, found)]
        for pair in link
        for found in [profile.properties.get(pair.theirs)]
    ]
    yield from (tuple(sorted(key)) for key in product(*values))


def _identifiers(whole: Import, profile: Incoming) -> Iterator[Key]:
    """Every identifier that would be the new profile's."""
    for link in whole.goal.links:
        for pair in link:
            yield from _combinations(whole, profile, (pair,))


def _taken(whole: Import, profile: Incoming) -> bool:
    """Whether one of ours has an identifier that would be the new profile's."""
    new = linked_identifiers(whole, profile)
    return any(
        compared(whole, name, values) & compared(whole, name, mine.properties.get(name))
        for name, values in new.items()
        for mine in whole.state.profiles.values()
    )
