"""What sums come to (Mapping and writing 2): totals of ours, and who contributed what to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from uuid import UUID

from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import amount, canonical, contribute, take_over
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.values import has_form, type_problem
from tests.model.state import Contribution, Key, Properties, State

WRITTEN = {Fate.CREATED, Fate.MODIFIED, Fate.UNCHANGED}


class TotalTooLarge(Exception):
    """The property cannot hold what a sum comes to: its profile is rejected."""


def summed(
    state: State,
    mappings: Sequence[PropertyMapping],
    target: UUID,
    came: Callable[[PropertyMapping], list[str]],
    *,
    source: UUID,
    properties: Properties,
    kind: FilterType,
) -> dict[Key, Contribution]:
    """Add up the mappings to one target of one of ours, in ``properties``.

    Returns what is contributed from now on, where that is not as it was. A profile that takes
    the place of another takes the other's amount out, even if it brings none itself.
    """
    (name,) = {mapping.target for mapping in mappings}
    held = properties.get(name, [])
    total, news, taken_over, any_came = number(held), {}, False, False
    for mapping in mappings:
        key = (name, target, mapping.label)
        last, brought = state.memory.contributions.get(key), amount(came(mapping))
        before = last.amount if last else Decimal(0)
        if last and last.source != source:
            taken_over = True
            total = take_over(total, brought, before) or Decimal(0)
        elif brought is not None:
            total = contribute(total, brought, before).total
        else:
            continue
        any_came = any_came or brought is not None
        news[key] = Contribution(source, brought or Decimal(0))
    if taken_over and not any_came and not total:
        properties.pop(name, None)
    elif news and not (held and total == number(held)):
        properties[name] = [_fitting(total, kind)]
    return news


def _fitting(total: Decimal, kind: FilterType) -> str:
    text = canonical(total)
    # The form of a whole number is about what comes; a total only has to be within its limits.
    if type_problem(text, FilterType.DECIMAL if "." in text else kind) is not None:
        raise TotalTooLarge
    return text


def number(held: Sequence[str]) -> Decimal:
    """The number that a property holds, all its values together; 0 if it holds none."""
    return sum((Decimal(v) for v in held if has_form(v, FilterType.DECIMAL)), Decimal(0))


def forget(state: State, mine: UUID, name: str) -> None:
    """Nothing of theirs is in a property any more."""
    ledger = state.memory.contributions
    for key in [key for key in ledger if key[:2] == (name, mine)]:
        del ledger[key]


def take_out(state: State, key: Key, kind: FilterType) -> None:
    """A source profile has left one of ours: what it contributed goes, as far as that fits."""
    target, mine, _ = key
    properties = state.profiles[mine].properties
    left = number(properties.get(target, ())) - state.memory.contributions[key].amount
    try:
        text = _fitting(left, kind)
    except TotalTooLarge:
        return
    del state.memory.contributions[key]
    if properties.pop(target, None) and left:
        properties[target] = [text]
