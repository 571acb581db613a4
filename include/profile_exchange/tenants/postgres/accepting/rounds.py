"""Entries of one request that depend on each other, one after the other; all others at once.

An entry may mean the same profile as an earlier one, or one that the earlier one creates. What
two entries share tells: the profile that they match, or a unique identifier that they name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import zip_longest


def rounds(keys: Mapping[int, Iterable[Hashable]]) -> Iterator[list[int]]:
    """The numbers of entries, in rounds: no two of a round share a key, also not through others.

    Those that do are in different rounds, in their order.
    """
    for together in zip_longest(*_groups(keys)):
        yield [number for number in together if number is not None]


def _groups(keys: Mapping[int, Iterable[Hashable]]) -> list[list[int]]:
    """The connected components of entries that share keys, each in order."""
    leader = {number: number for number in keys}

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    first: dict[Hashable, int] = {}
    for number in sorted(keys):
        for key in keys[number]:
            one, other = find(first.setdefault(key, number)), find(number)
            leader[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for number in sorted(keys):
        groups.setdefault(find(number), []).append(number)
    return list(groups.values())
