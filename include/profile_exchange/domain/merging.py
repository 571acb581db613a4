"""How incoming values meet the values that are there: the strategies, for one property.

This is the rule in its plainest form (SEMANTICS, Mapping and writing 1 and 2). The pipeline
does the same for all profiles at once, in SQL; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact
from typing import NamedTuple

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.values import has_form

#: PostgreSQL's ``numeric`` adds exactly, so this does too; rounding would be an error.
_EXACT = Context(prec=1000, traps=[Inexact])


class Contribution(NamedTuple):
    """What a sum comes to: our new total, and what the source profile has contributed to it."""

    total: Decimal
    contributed: Decimal


def present(values: Iterable[str]) -> list[str]:
    """The values that are values: nothing but blanks is none."""
    return [value for value in values if value.strip(BLANKS)]


def merge(strategy: Strategy, current: Sequence[str], incoming: Sequence[str]) -> list[str]:
    """The values of a property after an import, for every strategy but ``SUM``.

    Incoming values that are absent or empty change nothing. ``ADD`` keeps what is there, in
    its order, and appends what is new, once. An empty result means that the profile has no
    value for the property any more.

    Raises `ValueError` for ``SUM``, which needs to know what was contributed before: see
    `contribute`.
    """
    arrived = present(incoming)
    if not arrived:
        return list(current)
    match strategy:
        case Strategy.SET:
            return arrived
        case Strategy.SET_IF_EMPTY:
            return list(current) if present(current) else arrived
        case Strategy.ADD:
            return [*current, *(value for value in dict.fromkeys(arrived) if value not in current)]
        case Strategy.REMOVE:
            return [value for value in current if value not in arrived]
        case Strategy.SUM:
            raise ValueError("SUM depends on what was contributed before; use contribute().")


def contribute(total: Decimal, amount: Decimal | None, contributed: Decimal) -> Contribution:
    """Our total after a source profile brings ``amount``, having ``contributed`` before.

    Only the difference is added, so that repeating an import changes nothing. No amount
    (``None``) changes nothing either.
    """
    if amount is None:
        return Contribution(total, contributed)
    difference = _EXACT.subtract(amount, contributed)
    return Contribution(_EXACT.add(total, difference), amount)


def take_over(total: Decimal, amount: Decimal | None, contributed: Decimal) -> Decimal | None:
    """Our total after a source profile takes the place of another, which had ``contributed``.

    What the other one brought goes with it. None if nothing comes in its place and nothing is
    left: then our profile has no value any more.
    """
    left = _EXACT.subtract(total, contributed)
    if amount is None:
        return left or None
    return _EXACT.add(left, amount)


def amount(values: Iterable[str]) -> Decimal | None:
    """What a property's values add up to; None when it has none.

    Raises `ValueError` when one is no number; values are checked before they get here
    (`values.type_problem`).
    """
    numbers = [_number(value) for value in present(values)]
    if not numbers:
        return None
    total = Decimal(0)
    for number in numbers:
        total = plus(total, number)
    return total


def plus(one: Decimal, other: Decimal) -> Decimal:
    """Two numbers together, exactly: Decimal's own ``+`` rounds to 28 digits."""
    return _EXACT.add(one, other)


def canonical(number: Decimal) -> str:
    """A number as it is stored: no exponent, no needless zeros, no point in a whole number."""
    if not number:
        return "0"
    return format(_EXACT.normalize(number), "f")


def _number(value: str) -> Decimal:
    trimmed = value.strip(BLANKS)
    # Decimal alone would also take 1e5, NaN, underscores and the digits of other scripts.
    if not has_form(trimmed, FilterType.DECIMAL):
        raise ValueError("this value is no number and cannot be summed.")
    return Decimal(trimmed)
