"""Who the unmatched profiles are that a connection makes profiles of ours from (Matching 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from uuid import uuid4

from profile_exchange.domain.connection import Link
from tests.model.importing import Import, Matched
from tests.model.matching import compared, linked_identifiers
from tests.model.state import Incoming

Key = tuple[tuple[str, str], ...]


def created_as(whole: Import, unknown: Iterable[Incoming]) -> Matched:
    """Who is created, each with the id of its new profile: one id for each person."""
    found: Matched = {}
    for members in _persons(whole, unknown):
        found |= dict.fromkeys((member.id for member in members), uuid4())
    return found


def _persons(whole: Import, unknown: Iterable[Incoming]) -> list[list[Incoming]]:
    """Profiles that would find each other, even if only through others, are one person."""
    persons: list[tuple[list[Incoming], set[Key]]] = []
    for profile in unknown:
        mine = set(keys(whole, profile))
        if mine and not _taken(whole, profile):
            same = [person for person in persons if person[1] & mine]
            members = [profile, *(member for person in same for member in person[0])]
            persons = [person for person in persons if person not in same]
            persons.append((members, mine.union(*(person[1] for person in same))))
    return [members for members, _ in persons]


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
