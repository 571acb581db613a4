"""Lists of any length in a statement: as one parameter each, of which PostgreSQL takes 65,535."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, any_, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY


def is_among(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """Whether an id is one of these."""
    return column == any_(_ids(ids))


def are_among(
    name: ColumnElement[str], column: ColumnElement[Any], pairs: Collection[tuple[str, UUID]]
) -> ColumnElement[bool]:
    """Whether a name and an id are one of these pairs."""
    names = literal([name for name, _ in pairs], ARRAY(Text))
    each = func.unnest(names, _ids([one for _, one in pairs])).table_valued("name", "id")
    given = each.render_derived("pair")
    return tuple_(name, column).in_(select(given.c.name, given.c.id))


def _ids(ids: Collection[UUID]) -> ColumnElement[Any]:
    return literal(list(ids), ARRAY(Uuid))
