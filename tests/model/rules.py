"""What a run comes to: the rules of the exchange in the plainest Python, profile by profile.

The oracle of the tests in this folder. It holds everything in dictionaries and knows nothing of
packages, pages, retries or SQL. Rules about single values are those of `profile_exchange.domain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from profile_exchange.domain.connection import (
    Connection,
    ConsentRule,
    ImportGoal,
    Link,
    PropertyMapping,
    Restriction,
    Strategy,
    Unmatched,
)
from profile_exchange.domain.consent import ConsentRecord, consented
from profile_exchange.domain.errors import LimitExceeded, TargetRefused
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.identifiers import BLANKS, normalise
from profile_exchange.domain.merging import merge
from profile_exchange.domain.properties import (
    NUMERIC_TYPES,
    VALUE_FORMS,
    VISITED_CHANNEL,
    FilterType,
    ProfileProperty,
)
from profile_exchange.domain.values import type_problem
from tests.model.creating import created_as
from tests.model.state import Incoming, Ours, Properties, State
from tests.model.sums import WRITTEN, TotalTooLarge, summed, take_out

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

    @property
    def targets(self) -> dict[str, FilterType]:
        """The type of each target: its own if it exists, else that of its source."""
        known = self.state.properties
        return {
            m.target: known.get(m.target, self.sources[m.source]).filter_type
            for m in self.goal.mappings
        }


def run(
    connection: Connection,
    sources: Mapping[str, ProfileProperty],
    offered: Iterable[Incoming],
    state: State,
) -> Fates:
    """One run of an import: a fate for each profile; `state` is changed to what it is after.

    ``sources`` is what the other tenant exposes. Raises `TargetRefused` or `LimitExceeded`, and
    then nothing has changed.
    """
    whole = Import(connection, sources, _received(connection, offered), state)
    _refuse_collisions(whole)
    fates = _unreadable(whole)
    on_the_way = _match(whole, fates)
    on_the_way = _with_consent(whole, on_the_way, fates)
    on_the_way = _valid(whole, on_the_way, fates)
    _limit(whole)
    _write(whole, on_the_way, fates)
    _remember(whole)
    assert fates.keys() == whole.incoming.keys()
    return fates


def _received(connection: Connection, offered: Iterable[Incoming]) -> dict[UUID, Incoming]:
    """What is in a segment that the connection takes; in several of them, it is one profile."""
    assert connection.importing is not None
    taken = connection.importing.segments
    return {p.id: p for p in offered if taken is None or p.segments & set(taken)}


# --- before anything is pulled ---------------------------------------------------------------


def _refuse_collisions(whole: Import) -> None:
    """Mapping and writing 3: what holds values that are not this connection's is not written."""
    for mapping in whole.goal.mappings:
        summed = mapping.strategy is Strategy.SUM
        if summed and whole.targets[mapping.target] not in NUMERIC_TYPES:
            raise TargetRefused("sums need numbers")
        mine = mapping.overwrite or mapping.target in whole.state.memory.adopted
        if not mine and any(mapping.target in p.properties for p in whole.state.profiles.values()):
            raise TargetRefused("a target holds values")


def _unreadable(whole: Import) -> Fates:
    """Failing: a profile that no store can hold is rejected as it comes, and stops no other."""
    wanted = whole.goal.source_properties
    return {
        profile.id: Fate.REJECTED
        for profile in whole.incoming.values()
        if any("\0" in value for name in wanted for value in profile.properties.get(name, ()))
    }


# --- matching ----------------------------------------------------------------------------------


def _match(whole: Import, fates: Fates) -> Matched:
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
    visited = all(any(seen.get(VISITED_CHANNEL, ())) for seen in both)
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


# --- consent -----------------------------------------------------------------------------------


def _with_consent(whole: Import, matched: Matched, fates: Fates) -> Matched:
    """Consent 1 to 3: by our own record, or by what came with a profile about to be created."""
    kept: Matched = {}
    for key, target in matched.items():
        mine = whole.state.profiles.get(target)
        record = mine.consent if mine else whole.incoming[key].consent
        if _may_be_processed(whole, record):
            kept[key] = target
        else:
            fates[key] = Fate.WITHHELD
    return kept


def _may_be_processed(whole: Import, record: ConsentRecord) -> bool:
    named = whole.connection.objectives
    if not named:
        return True
    known = [whole.state.objectives[name] for name in named if name in whole.state.objectives]
    unneeded = whole.connection.consent is ConsentRule.CONSENTED_OR_UNNEEDED
    return consented(record, known, unneeded_counts=unneeded)


# --- values ------------------------------------------------------------------------------------


def _valid(whole: Import, matched: Matched, fates: Fates) -> Matched:
    """Mapping and writing 4: what does not fit its own type or its target's is rejected."""
    kept: Matched = {}
    for key, target in matched.items():
        is_new = target not in whole.state.profiles
        if any(_problems(whole, whole.incoming[key].properties, is_new=is_new)):
            fates[key] = Fate.REJECTED
        else:
            kept[key] = target
    return kept


def _problems(whole: Import, properties: Properties, *, is_new: bool) -> Iterator[bool]:
    for mapping in whole.goal.mappings:
        kinds = [whole.sources[mapping.source].filter_type]
        if _applies(mapping, is_new=is_new):
            kinds.append(whole.targets[mapping.target])
        for kind in kinds:
            for value in properties.get(mapping.source, ()):
                yield type_problem(value, kind) is not None


def _limit(whole: Import) -> None:
    """Failing: no profile where the last run had some stops the run."""
    if not whole.incoming and whole.state.memory.last_received:
        raise LimitExceeded("nothing was received")


# --- writing -----------------------------------------------------------------------------------


def _write(whole: Import, matched: Matched, fates: Fates) -> None:
    for key, target in matched.items():
        try:
            fates[key] = _written(whole, whole.incoming[key], target)
        except TotalTooLarge:
            fates[key] = Fate.REJECTED
    _take_out_of_left(whole, matched, fates)


def _written(whole: Import, profile: Incoming, target: UUID) -> Fate:
    """Write one profile, all of it or nothing."""
    mine = whole.state.profiles.get(target)
    before = mine.properties if mine else linked_identifiers(whole, profile)
    after = dict(before)
    contributed = {}
    for mapping in whole.goal.mappings:
        applies = _applies(mapping, is_new=mine is None)
        if mapping.strategy is Strategy.SUM:
            kind = whole.targets[mapping.target]
            key = (mapping.target, target, mapping.source)
            contributed[key] = summed(
                whole.state, mapping, profile, target, after, kind=kind, applies=applies
            )
        elif applies:
            _apply(whole, mapping, profile, after)
    known = {key: found for key, found in contributed.items() if found}
    whole.state.memory.contributions |= known
    whole.state.profiles[target] = Ours(mine.consent if mine else profile.consent, after)
    return _fate(mine is None, after == before)


def _take_out_of_left(whole: Import, matched: Matched, fates: Fates) -> None:
    """Mapping and writing 2: a source profile that has moved on takes with it what it brought."""
    ledger, profiles = whole.state.memory.contributions, whole.state.profiles
    sums = {(m.target, m.source) for m in whole.goal.mappings if m.strategy is Strategy.SUM}
    for key, last in list(ledger.items()):
        target, mine, source = key
        moved = fates.get(last.source) in WRITTEN and matched.get(last.source) != mine
        left = moved or fates.get(last.source) is Fate.SUPERSEDED
        if not left or (target, source) not in sums or mine in matched.values():
            continue
        if mine in profiles and _may_be_processed(whole, profiles[mine].consent):
            take_out(whole.state, key, whole.targets[target])


def _fate(is_new: bool, is_same: bool) -> Fate:
    if is_new:
        return Fate.CREATED
    return Fate.UNCHANGED if is_same else Fate.MODIFIED


def linked_identifiers(whole: Import, profile: Incoming) -> Properties:
    """Matching 6: a created profile has every linked identifier that it came with."""
    pairs = {pair.ours: pair.theirs for link in whole.goal.links for pair in link}
    held = {ours: profile.properties.get(theirs, []) for ours, theirs in pairs.items()}
    return {key: values for key, values in held.items() if values}


def _applies(mapping: PropertyMapping, *, is_new: bool) -> bool:
    return {
        Restriction.ALL_PROFILES: True,
        Restriction.NEW_PROFILES_ONLY: is_new,
        Restriction.EXISTING_PROFILES_ONLY: not is_new,
    }[mapping.restriction]


def _apply(whole: Import, mapping: PropertyMapping, profile: Incoming, after: Properties) -> None:
    """Mapping and writing 1, for one mapping of one profile that does not add up."""
    values = profile.properties.get(mapping.source, [])
    if whole.targets[mapping.target] in VALUE_FORMS:
        values = [value.strip(BLANKS) for value in values]
    merged = merge(mapping.strategy, after.get(mapping.target, []), values)
    after.pop(mapping.target, None)
    if merged:
        after[mapping.target] = merged


def _remember(whole: Import) -> None:
    """What the next run has to know, and Mapping and writing 3: targets are made, and adopted."""
    memory = whole.state.memory
    for target, kind in whole.targets.items():
        whole.state.properties.setdefault(target, ProfileProperty(target, target, kind))
        memory.adopted.add(target)
    memory.received |= whole.incoming.keys()
    memory.last_received = len(whole.incoming)
