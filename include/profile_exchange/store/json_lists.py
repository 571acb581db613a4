"""Taking JSON lists of values apart in SQL."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, TableValuedAlias, Text, cast, func, or_
from sqlalchemy.dialects.postgresql import JSONPATH

from profile_exchange.domain.identifiers import BLANKS

_NOT_BLANK = f"$[*] ? (@ like_regex {json.dumps(f'[^{BLANKS}]')})"


def values_of(json_list: ColumnElement[Any]) -> TableValuedAlias:
    """The values of a JSON list as rows with one text column, ``value``."""
    return func.jsonb_array_elements_text(json_list).table_valued("value").render_derived()


def numbered_values_of(json_list: ColumnElement[Any]) -> TableValuedAlias:
    """The values of a JSON list as rows: ``value`` (JSON) and its ``place``, from 1."""
    elements = func.jsonb_array_elements(json_list)
    return elements.table_valued("value", with_ordinality="place").render_derived()


def has_value(json_list: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether any value of a JSON list is more than blanks. Never null."""
    first = func.btrim(json_list.op("->>", return_type=Text())(0), BLANKS) != ""
    # Nearly always the first one is; a subquery for the others would cost every plan.
    some = func.jsonb_path_exists(json_list, cast(_NOT_BLANK, JSONPATH))
    return func.coalesce(or_(first, some), False)


def length_of(json_list: ColumnElement[Any]) -> ColumnElement[int]:
    """How many values a JSON list has; 0 where there is none."""
    return func.coalesce(func.jsonb_array_length(json_list), 0)
