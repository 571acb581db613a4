"""Matching: which of ours each received profile is, and who is created."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from profile_exchange.domain.connection import Link, Unmatched
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.identifiers import normalise
from profile_exchange.domain.merging import present
from profile_exchange.domain.properties import VISITED_CHANNEL
from tests.model.importing import Fates, Import, Matched
from tests.model.state import Incoming, Properties


def match(whole: Import, fates: Fates) -> Matched:
    """Matching 1 to 6: who goes on, and as which of ours. Everybody else gets a fate."""
    found: Matched = {}
    for profile in whole.incoming.values():
        if profile.id in fates:
            continue
        match = _found(whole, profile)
        if isinstance(match, Fate):
            fates[profile.id] = match
        else:
            found[profile.id] = match
    if whole.goal.unmatched is Unmatched.CREATE:
        unknown = [whole.incoming[key] for key, fate in fates.items() if fate is Fate.UNMATCHED]
        from tests.model.creating import created_as

        found |= created_as(whole, unknown)
        for key in found.keys() & fates.keys():
            del fates[key]
    return _latest(whole, found, fates)


def _found(whole: Import, profile: Incoming) -> UUID | Fate:
    if not whole.goal.links:
        return _found_by_id(whole, profile)
    proposals = [_agreeing(whole, profile, link) for link in whole.goal.links]
    for proposed in proposals:
        if len(proposed) == 1:
            return next(iter(proposed))
    return Fate.AMBIGUOUS if any(proposals) else Fate.UNMATCHED


def _found_by_id(whole: Import, profile: Incoming) -> UUID | Fate:
    mine = whole.state.profiles.get(profile.id)
    if mine is None:
        return Fate.UNMATCHED
    both = (mine.properties, profile.properties)
    visited = all(present(seen.get(VISITED_CHANNEL, ())) for seen in both)
    return profile.id if visited else Fate.WITHHELD


def _agreeing(whole: Import, profile: Incoming, link: Link) -> set[UUID]:
    """Those of ours that share a value with a profile for every pair of an alternative."""
    return {
        key
        for key, mine in whole.state.profiles.items()
        if all(
            compared(whole, pair.ours, profile.properties.get(pair.theirs))
            & compared(whole, pair.ours, mine.properties.get(pair.ours))
            for pair in link
        )
    }


def compared(whole: Import, identifier: str, values: Sequence[str] | None) -> set[str]:
    """Matching 3: values as they are compared; what identifies nobody is left out."""
    kind = whole.state.properties[identifier].filter_type
    return {normalise(value, kind) for value in values or ()} - {""}


def late_first(profile: Incoming) -> tuple[bool, int, UUID]:
    """Matching 5: the order in which profiles win over each other."""
    return profile.modified is None, -(profile.modified or 0), profile.id


def _latest(whole: Import, found: Matched, fates: Fates) -> Matched:
    """Matching 5: of several for one of ours the one modified last, at a tie the smaller id."""
    matched: Matched = {}
    for profile in sorted(map(whole.incoming.__getitem__, found), key=late_first):
        if found[profile.id] in matched.values():
            fates[profile.id] = Fate.SUPERSEDED
        else:
            matched[profile.id] = found[profile.id]
    return matched


def linked_identifiers(whole: Import, profile: Incoming) -> Properties:
    """Matching 6: a created profile has every linked identifier that it came with."""
    pairs = {pair.ours: pair.theirs for link in whole.goal.links for pair in link}
    held = {ours: profile.properties.get(theirs, []) for ours, theirs in pairs.items()}
    return {key: values for key, values in held.items() if values}
