"""What a well-formed mapping may still get wrong, alone or beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from profile_exchange.config.yaml_source import Finding
from profile_exchange.domain.connection import Link, PropertyMapping, Restriction, Strategy
from profile_exchange.domain.properties import KEPT_PROPERTIES

#: What several mappings can do to one target of one profile, whatever their order but one: the
#: first that has a value fills an empty property.
TOGETHER = frozenset({Strategy.SET_IF_EMPTY, Strategy.ADD, Strategy.SUM, Strategy.REMOVE})

#: Two columns of a result are about each; PostgreSQL has 1,664 of them at most.
MOST_TARGETS = 800


def within_mappings(
    mappings: Sequence[PropertyMapping], links: Sequence[Link]
) -> Iterator[Finding]:
    """What is wrong with mappings, with its place below ``import``."""
    linked = {pair.ours for pair in chain.from_iterable(links)}
    if len({mapping.target for mapping in mappings}) > MOST_TARGETS:
        message = f"at most {MOST_TARGETS} properties can be written; make another connection."
        yield ("mappings",), message
    for position, mapping in enumerate(mappings):
        place = ("mappings", position)
        earlier = [other for other in mappings[:position] if other.target == mapping.target]
        for key, message in chain(
            _target_findings(mapping, linked), _beside(mapping, earlier), _alone(mapping)
        ):
            yield (*place, key), message


def _target_findings(mapping: PropertyMapping, linked: set[str]) -> Iterator[tuple[str, str]]:
    if mapping.target in KEPT_PROPERTIES:
        yield "to", f"{mapping.target} is kept by the tenant itself; name another property."
    elif mapping.target in linked:
        yield "to", f"profiles are matched on {mapping.target!r}, so no import may change it."


def _beside(
    mapping: PropertyMapping, earlier: Sequence[PropertyMapping]
) -> Iterator[tuple[str, str]]:
    """Two mappings to one target have to mean something together."""
    if any(_is_the_same(mapping, other) for other in earlier):
        yield "to", "this mapping stands here twice; keep one."
    elif any(_is_added_to(mapping, other) for other in earlier):
        message = (
            f"a SUM adds to what another mapping writes to {mapping.target!r}, also where they are "
            "restricted to new and to existing profiles; keep one, or give all of them SUM."
        )
        yield "to", message
    elif any(_is_against(mapping, other) for other in earlier):
        message = (
            f"two mappings write to {mapping.target!r}; keep one, give all of them the same of "
            f"{', '.join(sorted(TOGETHER))}, or restrict them to new and to existing profiles."
        )
        yield "to", message


def _is_the_same(mapping: PropertyMapping, other: PropertyMapping) -> bool:
    """Whether one of them is enough. What a sum has contributed is known by its source alone."""
    sums = mapping.strategy is Strategy.SUM is other.strategy
    return mapping == other or (sums and mapping.label == other.label)


def _is_added_to(mapping: PropertyMapping, other: PropertyMapping) -> bool:
    """Whether one writes what the other, that sums, adds its own to: a profile that is new in one
    run is there in the next, whose total has to stay."""
    return mapping.strategy is not other.strategy and Strategy.SUM in (
        mapping.strategy,
        other.strategy,
    )


def _is_against(mapping: PropertyMapping, other: PropertyMapping) -> bool:
    together = mapping.strategy is other.strategy and mapping.strategy in TOGETHER
    return mapping.meets(other) and not together


def _alone(mapping: PropertyMapping) -> Iterator[tuple[str, str]]:
    if mapping.text is not None and mapping.transforms:
        yield "transforms", "write the text as it should be; nothing else is transformed here."
    if mapping.segments and mapping.strategy is Strategy.SUM:
        yield "strategy", "names of segments cannot be summed; SET or ADD them."
    if mapping.clear_when_absent and (message := _cannot_clear(mapping)):
        yield "clear_when_absent", message


def _cannot_clear(mapping: PropertyMapping) -> str:
    if mapping.source is None:
        return "a text and the segments of a profile are never absent; take this out."
    if mapping.strategy is not Strategy.SET:
        return f"only SET can clear its target; {mapping.strategy} keeps what is there."
    if mapping.restriction is Restriction.NEW_PROFILES_ONLY:
        return "a new profile has nothing to clear; take this out."
    return ""
