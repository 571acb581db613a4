"""What sums come to (Mapping and writing 2): totals of ours, and who contributed what to them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import amount, canonical, contribute, take_over
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.values import has_form, type_problem
from tests.model.state import Contribution, Incoming, Properties, State

WRITTEN = {Fate.CREATED, Fate.MODIFIED, Fate.UNCHANGED}


class TotalTooLarge(Exception):
    """The property cannot hold what a sum comes to: its profile is rejected."""


def summed(
    state: State,
    mapping: PropertyMapping,
    source: Incoming,
    target: UUID,
    properties: Properties,
    *,
    kind: FilterType,
    applies: bool,
) -> Contribution | None:
    """Add up one mapping for one of ours, in ``properties``; the target is of a ``kind``.

    Returns what is contributed from now on; None if that stays as it is. A profile that
    takes the place of another takes the other's amount out, even if it brings none itself.
    """
    last = state.memory.contributions.get((mapping.target, target, mapping.source))
    brought = amount(source.properties.get(mapping.source, ())) if applies else None
    before = last.amount if last else Decimal(0)
    replaces = last is not None and last.source != source.id
    if brought is None and not replaces:
        return None
    held = properties.get(mapping.target, [])
    if (brought or Decimal(0)) != before or not held:
        total = _total(held, brought, before, replaces=replaces)
        if total is None:
            properties.pop(mapping.target, None)
        else:
            properties[mapping.target] = [_fitting(total, kind)]
    return Contribution(source.id, brought or Decimal(0))


def _total(
    held: Sequence[str], brought: Decimal | None, before: Decimal, *, replaces: bool
) -> Decimal | None:
    if replaces:
        return take_over(number(held), brought, before)
    return contribute(number(held), brought, before).total


def _fitting(total: Decimal, kind: FilterType) -> str:
    text = canonical(total)
    # The form of a whole number is about what comes; a total only has to be within its limits.
    if type_problem(text, FilterType.DECIMAL if "." in text else kind) is not None:
        raise TotalTooLarge
    return text


def number(held: Sequence[str]) -> Decimal:
    """The number that a property holds; 0 if it holds none."""
    is_number = bool(held) and has_form(held[0], FilterType.DECIMAL)
    return Decimal(held[0]) if is_number else Decimal(0)


def take_out(state: State, key: tuple[str, UUID, str], kind: FilterType) -> None:
    """A source profile has left one of ours: what it contributed goes, as far as that fits."""
    target, mine, _ = key
    properties = state.profiles[mine].properties
    left = number(properties.get(target, ())) - state.memory.contributions[key].amount
    try:
        text = _fitting(left, kind)
    except TotalTooLarge:
        return
    del state.memory.contributions[key]
    properties.pop(target, None)
    if left:
        properties[target] = [text]
