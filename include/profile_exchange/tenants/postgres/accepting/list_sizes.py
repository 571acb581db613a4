"""How long a partner may make the list of a property: nothing else ever takes values out of one.

A profile leaves, and is shown, as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, null
from sqlalchemy.dialects.postgresql import ARRAY, array

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Outcome, State
from profile_exchange.pipeline.merging import value_at

#: Of all values of a property together, as they are stored: their text and four bytes each.
MAX_LIST_BYTES = 1024 * 1024
TOO_LONG = f"With these values its list is longer than {MAX_LIST_BYTES} bytes: keep fewer in it."

_FILLING = frozenset({Strategy.SET, Strategy.SET_IF_EMPTY, Strategy.ADD})


def too_long(
    before: ColumnElement[Any], after: ColumnElement[Any], rules: Collection[tuple[str, Strategy]]
) -> ColumnElement[Any]:
    """The properties, by name, of which a merge makes too long a list. Others may be as long as
    they are: whoever made them so."""
    names = sorted({name for name, strategy in rules if strategy in _FILLING})
    each = [case((_outgrows(before, after, name), _text(name)), else_=null()) for name in names]
    return func.array_remove(cast(array(each), ARRAY(Text)), null())


def refused_as_too_long(names: Sequence[str]) -> Outcome:
    """The outcome of an entry that makes these lists too long."""
    return Outcome(State.SKIPPED, errors=dict.fromkeys(names, (TOO_LONG,)))


def _outgrows(
    before: ColumnElement[Any], after: ColumnElement[Any], name: str
) -> ColumnElement[bool]:
    values = value_at(after, name)
    changed = values.is_distinct_from(value_at(before, name))
    return and_(func.pg_column_size(values) > MAX_LIST_BYTES, changed)


def _text(name: str) -> ColumnElement[str]:
    return cast(literal(name), Text)
