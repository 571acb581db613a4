"""Transforms in SQL: the twin of `domain.transforms`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Text, case, cast, collate, func, literal, null
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.transforms import (
    DATE_PARTS,
    END_OF_MOMENTS,
    FIRST_MOMENT,
    LOWER_OF,
    UPPER_OF,
    DateFormat,
    Plain,
    Transform,
    ValueMap,
)
from profile_exchange.store.refinement import moment

_PARTS = {"HH": "HH24", "mm": "MI", "ss": "SS", "T": '"T"'}


def transformed(transforms: Sequence[Transform], value: ColumnElement[str]) -> ColumnElement[str]:
    """One text after all transforms; null if it cannot be transformed.

    `Plain.FIRST` is about lists, and left to the caller.
    """
    for transform in transforms:
        match transform:
            case Plain.TRIM:
                value = func.btrim(value, BLANKS)
            case Plain.LOWER:
                value = _in_case(value, func.lower(collate(value, "C")), LOWER_OF)
            case Plain.UPPER:
                value = _in_case(value, func.upper(collate(value, "C")), UPPER_OF)
            case ValueMap():
                value = _mapped(value, transform)
            case DateFormat(form):
                value = _date(value, form)
    return value


def _in_case(
    value: ColumnElement[str], ascii_only: ColumnElement[str], others: Mapping[str, str]
) -> ColumnElement[str]:
    """The other case by a table: collations differ from server to server."""
    pairs = {letter: other for letter, other in others.items() if not letter.isascii()}
    changed = func.translate(ascii_only, "".join(pairs), "".join(pairs.values()))
    is_ascii = func.octet_length(value) == func.length(value)
    return collate(case((is_ascii, ascii_only), else_=changed), "default")


def _mapped(value: ColumnElement[str], transform: ValueMap) -> ColumnElement[str]:
    table = cast(literal(json.dumps(dict(transform.values))), JSONB)
    found: ColumnElement[Any] = table.op("->>", return_type=Text())(value)
    if transform.default is None:
        return func.coalesce(found, value)
    # What could not be transformed before is null, and stays so.
    return case((value.isnot(None), func.coalesce(found, literal(transform.default, Text))))


def _date(value: ColumnElement[str], form: str) -> ColumnElement[str]:
    microseconds = moment(func.btrim(value, BLANKS))
    seconds = func.floor(cast(microseconds, Numeric) / 1_000_000)
    time = func.timezone("UTC", func.to_timestamp(seconds))
    # With nothing, in quotes, between them: DD and DD is not the DDD and D that PostgreSQL reads.
    pattern = DATE_PARTS.sub(lambda part: f'""{_PARTS.get(part[0], part[0])}""', form)
    within = microseconds.between(FIRST_MOMENT, END_OF_MOMENTS - 1)
    return case((within, func.to_char(time, pattern)), else_=null())
