"""Who the unmatched profiles are that a connection makes profiles of ours from (Matching 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tests.model.state import Incoming

if TYPE_CHECKING:
    from tests.model.rules import Import, Matched

Key = tuple[tuple[str, str], ...]


def created_as(whole: Import, unknown: Iterable[Incoming]) -> Matched:
    """Who is created, each with the id of its new profile: one id for each person."""
    free = [profile for profile in unknown if not _taken(whole, profile)]
    people: list[tuple[UUID, list[Incoming], set[Key]]] = []
    for profile in free:
        mine = set(keys(whole, profile))
        if not mine:
            continue
        same = [person for person in people if person[2] & mine]
        members = [profile, *(member for person in same for member in person[1])]
        everything = mine.union(*(person[2] for person in same))
        people = [person for person in people if person not in same]
        people.append((uuid4(), members, everything))
    return {profile.id: new for new, members, _ in people for profile in members}


def keys(whole: Import, profile: Incoming) -> Iterator[Key]:
    """What a profile is found by: each combination of values that fills an alternative."""
    from tests.model.rules import compared

    for link in whole.goal.links:
        values = [
            [(pair.ours, value) for value in compared(whole, pair.ours, found)]
            for pair in link
            if (found := profile.properties.get(pair.theirs, [])) is not None
        ]
        yield from (tuple(sorted(key)) for key in product(*values))


def _taken(whole: Import, profile: Incoming) -> bool:
    """Whether one of ours has an identifier that would be the new profile's."""
    from tests.model.rules import compared, linked_identifiers

    new = linked_identifiers(whole, profile)
    return any(
        compared(whole, name, values) & compared(whole, name, mine.properties.get(name))
        for name, values in new.items()
        for mine in whole.state.profiles.values()
    )
