"""Making JSON objects in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal

#: PostgreSQL takes at most a hundred arguments to a function.
PAIRS_AT_ONCE = 50

Json = ColumnElement[Any]


def object_of(values: Mapping[str, Json]) -> Json:
    """``{key: value}`` of the values that are not null. There has to be at least one."""
    pairs = iter(values.items())
    pieces = []
    while some := list(islice(pairs, PAIRS_AT_ONCE)):
        arguments = [part for key, value in some for part in (cast(literal(key), Text), value)]
        pieces.append(func.jsonb_strip_nulls(func.jsonb_build_object(*arguments)))
    return reduce(lambda one, other: one.op("||")(other), pieces)
