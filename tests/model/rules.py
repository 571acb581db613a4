"""What a run comes to: the rules of the exchange in the plainest Python, profile by profile.

The oracle of the tests in this folder. It holds everything in dictionaries and knows nothing of
packages, pages, retries or SQL. Rules about single values are those of `profile_exchange.domain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from profile_exchange.domain.connection import (
    Connection,
    ConsentRule,
    PropertyMapping,
    Strategy,
)
from profile_exchange.domain.consent import ConsentRecord, consented
from profile_exchange.domain.errors import LimitExceeded, TargetRefused
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import merge
from profile_exchange.domain.properties import (
    NUMERIC_TYPES,
    ProfileProperty,
)
from profile_exchange.domain.transforms import outcomes, transformed
from profile_exchange.domain.values import type_problem
from tests.model.importing import Fates, Import, Matched, applies
from tests.model.matching import linked_identifiers, match
from tests.model.state import Contribution, Incoming, Key, Ours, Properties, State
from tests.model.sums import WRITTEN, TotalTooLarge, forget, summed, take_out


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
    matched = match(whole, fates)
    on_the_way = _with_consent(whole, matched, fates)
    on_the_way = _valid(whole, on_the_way, fates)
    _limit(whole)
    _write(whole, on_the_way, fates, won=set(matched.values()))
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
        kind = whole.targets[mapping.target]
        if mapping.strategy is Strategy.SUM and kind not in NUMERIC_TYPES:
            raise TargetRefused("sums need numbers")
        known = outcomes(mapping.transforms) if mapping.text is None else (mapping.text,)
        if any(type_problem(text, kind) for text in known):
            raise TargetRefused("a text of the connection's own does not fit")
        mine = mapping.overwrite or mapping.target in whole.state.memory.adopted
        if not mine and any(mapping.target in p.properties for p in whole.state.profiles.values()):
            raise TargetRefused("a target holds values")


def _unreadable(whole: Import) -> Fates:
    """Failing: a profile that no store can hold is rejected as it comes, and stops no other."""
    return {
        profile.id: Fate.REJECTED
        for profile in whole.incoming.values()
        if not whole.is_readable(profile)
    }


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
        if any(_problems(whole, whole.incoming[key], is_new=is_new)):
            fates[key] = Fate.REJECTED
        else:
            kept[key] = target
    return kept


def _problems(whole: Import, profile: Incoming, *, is_new: bool) -> Iterator[bool]:
    for mapping in whole.goal.mappings:
        came = whole.came(mapping, profile)
        if mapping.source:
            own = whole.sources[mapping.source].filter_type
            yield any(type_problem(value, own) for value in came)
        if applies(mapping, is_new=is_new):
            brought = transformed(mapping.transforms, came)
            kind = whole.targets[mapping.target]
            yield brought is None or any(type_problem(value, kind) for value in brought)
    if is_new:
        yield from _problems_of_identifiers(whole, profile)


def _problems_of_identifiers(whole: Import, profile: Incoming) -> Iterator[bool]:
    for pair in (pair for link in whole.goal.links for pair in link):
        kinds = (
            whole.sources[pair.theirs].filter_type,
            whole.state.properties[pair.ours].filter_type,
        )
        values = profile.properties.get(pair.theirs, [])
        yield any(type_problem(value, kind) for value in values for kind in kinds)


def _limit(whole: Import) -> None:
    """Failing: no profile where the last run had some stops the run."""
    if not whole.incoming and whole.state.memory.last_received:
        raise LimitExceeded("nothing was received")


# --- writing -----------------------------------------------------------------------------------


def _write(whole: Import, matched: Matched, fates: Fates, won: set[UUID]) -> None:
    """Write who is still on the way; ``won`` are those of ours that anybody was matched with."""
    for key, target in matched.items():
        try:
            fates[key] = _written(whole, whole.incoming[key], target)
        except TotalTooLarge:
            fates[key] = Fate.REJECTED
    _take_out_of_left(whole, matched, fates, won)


def _written(whole: Import, profile: Incoming, target: UUID) -> Fate:
    """Write one profile, all of it or nothing."""
    mine = whole.state.profiles.get(target)
    before = mine.properties if mine else linked_identifiers(whole, profile)
    after = dict(before)
    contributed: dict[Key, Contribution] = {}
    for name in whole.targets.keys() - before.keys():
        forget(whole.state, target, name)
    for name in whole.targets:
        sums, others = _mappings_to(whole, name, is_new=mine is None)
        if sums:
            contributed |= _sum(whole, sums, profile, target, after)
        if others:
            _apply(whole, others, profile, after)
    whole.state.memory.contributions |= contributed
    for name in _replaced(whole, profile, is_new=mine is None):
        forget(whole.state, target, name)
    whole.state.profiles[target] = Ours(mine.consent if mine else profile.consent, after)
    return _fate(mine is None, after == before)


def _replaced(whole: Import, profile: Incoming, *, is_new: bool) -> set[str]:
    """The targets whose values a SET has replaced."""
    sets = [m for m in whole.goal.mappings if m.strategy is Strategy.SET]
    some = [m for m in sets if applies(m, is_new=is_new)]
    return {mapping.target for mapping in some if whole.brings(mapping, profile)}


def _mappings_to(
    whole: Import, target: str, *, is_new: bool
) -> tuple[list[PropertyMapping], list[PropertyMapping]]:
    """All that sum into a target, and those of the others that are for this profile."""
    some = [mapping for mapping in whole.goal.mappings if mapping.target == target]
    sums = [mapping for mapping in some if mapping.strategy is Strategy.SUM]
    others = [m for m in some if m not in sums and applies(m, is_new=is_new)]
    return sums, others


def _sum(
    whole: Import,
    sums: Sequence[PropertyMapping],
    profile: Incoming,
    target: UUID,
    after: Properties,
) -> dict[Key, Contribution]:
    is_new = target not in whole.state.profiles

    def came(mapping: PropertyMapping) -> list[str]:
        return whole.brings(mapping, profile) if applies(mapping, is_new=is_new) else []

    kind = whole.targets[sums[0].target]
    return summed(whole.state, sums, target, came, source=profile.id, properties=after, kind=kind)


def _take_out_of_left(whole: Import, matched: Matched, fates: Fates, won: set[UUID]) -> None:
    """Mapping and writing 2: a source profile that has moved on takes with it what it brought.

    One that is superseded by a profile that is rejected, or withheld, leaves it where it is.
    """
    ledger, profiles = whole.state.memory.contributions, whole.state.profiles
    sums = {(m.target, m.label) for m in whole.goal.mappings if m.strategy is Strategy.SUM}
    for key, last in list(ledger.items()):
        target, mine, source = key
        moved = fates.get(last.source) in WRITTEN and matched.get(last.source) != mine
        superseded = fates.get(last.source) is Fate.SUPERSEDED and mine not in won
        left = moved or superseded
        if not left or (target, source) not in sums or mine in matched.values():
            continue
        if mine in profiles and _may_be_processed(whole, profiles[mine].consent):
            take_out(whole.state, key, whole.targets[target])


def _fate(is_new: bool, is_same: bool) -> Fate:
    if is_new:
        return Fate.CREATED
    return Fate.UNCHANGED if is_same else Fate.MODIFIED


def _apply(
    whole: Import, mappings: Sequence[PropertyMapping], profile: Incoming, after: Properties
) -> None:
    """Mapping and writing 1, for the mappings to one target of one profile."""
    target, strategy = mappings[0].target, mappings[0].strategy
    brought = [whole.brings(mapping, profile) for mapping in mappings]
    if strategy is Strategy.SET_IF_EMPTY:
        values = next(filter(None, brought), [])
    else:
        values = [value for some in brought for value in some]
    merged = merge(strategy, after.get(target, []), values)
    if not values and any(mapping.clear_when_absent for mapping in mappings):
        merged = []
    after.pop(target, None)
    if merged:
        after[target] = merged


def _remember(whole: Import) -> None:
    """What the next run has to know, and Mapping and writing 3: targets are made, and adopted."""
    memory = whole.state.memory
    for target, kind in whole.targets.items():
        whole.state.properties.setdefault(target, ProfileProperty(target, target, kind))
        memory.adopted.add(target)
    memory.received |= whole.incoming.keys()
    memory.last_received = len(whole.incoming)
