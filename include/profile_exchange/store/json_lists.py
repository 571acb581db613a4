"""Taking JSON lists of values apart in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, TableValuedAlias, func


def values_of(json_list: ColumnElement[Any]) -> TableValuedAlias:
    """The values of a JSON list as rows with one text column, ``value``."""
    return func.jsonb_array_elements_text(json_list).table_valued("value").render_derived()


def numbered_values_of(json_list: ColumnElement[Any]) -> TableValuedAlias:
    """The values of a JSON list as rows: ``value`` (JSON) and its ``place``, from 1."""
    elements = func.jsonb_array_elements(json_list)
    return elements.table_valued("value", with_ordinality="place").render_derived()
