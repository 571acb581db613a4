"""The expectations of a run, in Great Expectations' vocabulary: derived ones, then configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from profile_exchange.domain.connection import ImportGoal
from profile_exchange.domain.properties import (
    MAX_VALUE_BYTES,
    MAX_WHOLE_NUMBER,
    NUMERIC_TYPES,
    VALUE_FORMS,
    FilterType,
)
from profile_exchange.pipeline.plan import Plan

#: Expectations that speak of a profile, not of each of its values.
_ONE_FOR_A_PROFILE = frozenset({"expect_column_values_to_not_be_null"})
FIRST_VALUE = {"row_condition": 'col("ordinal")==1', "condition_parser": "great_expectations"}


@dataclass(frozen=True, slots=True)
class CheckedProperty:
    """A source property whose values are checked, and its columns in the table of values.

    ``column`` holds numbers where values are compared as such (null where the text is none),
    texts otherwise; ``raw`` always holds the text. ``named`` is whether an expectation of the
    connection's own names the property.
    """

    id: str
    filter_type: FilterType
    position: int
    named: bool

    @property
    def column(self) -> str:
        """The column that configured expectations name: the property's own id."""
        return self.id

    @property
    def raw(self) -> str:
        """The column of the text as it came. No property id has a blank in it."""
        return f"raw {self.position}" if self.numeric else self.id

    @property
    def numeric(self) -> bool:
        """Whether anything compares values as numbers: nobody else pays for reading them."""
        is_compared = self.named or self.filter_type is FilterType.RANGE
        return is_compared and self.filter_type in NUMERIC_TYPES


@dataclass(frozen=True, slots=True)
class PlannedExpectation:
    """One expectation as it is run: its Great Expectations type, its arguments, its property."""

    type: str
    kwargs: Mapping[str, Any]
    property_id: str
    #: The text column that it only pre-sorts: what breaks it may still be within the limits of
    #: a value, which are told in characters and in bytes.
    limits_of: str = ""


def checked_properties(goal: ImportGoal, plan: Plan) -> list[CheckedProperty]:
    """Every source property that is mapped or that an expectation names, in a stable order."""
    mapped = [mapping.source for mapping in goal.mappings if mapping.source]
    named = [name for each in goal.expectations for name in _columns_in(each.kwargs)]
    known = [name for name in dict.fromkeys([*mapped, *named]) if name in plan.sources]
    return [
        CheckedProperty(name, plan.sources[name].filter_type, position, _is_named(name, goal))
        for position, name in enumerate(known)
    ]


def _is_named(name: str, goal: ImportGoal) -> bool:
    """Whether an expectation of the connection's own is about a property, or asks for it."""
    asked = [str(each.kwargs.get("row_condition", "")) for each in goal.expectations]
    about = [column for each in goal.expectations for column in _columns_in(each.kwargs)]
    return name in about or any(name in condition for condition in asked)


def expectations(goal: ImportGoal, properties: list[CheckedProperty]) -> list[PlannedExpectation]:
    """All expectations of a run: what the types demand of mapped values, and the connection's."""
    mapped = {mapping.source for mapping in goal.mappings}
    derived = [
        expectation
        for checked in properties
        if checked.id in mapped
        for expectation in _derived(checked)
    ]
    return [*derived, *(_configured(e.type, e.kwargs) for e in goal.expectations)]


def _derived(checked: CheckedProperty) -> Iterator[PlannedExpectation]:
    form = VALUE_FORMS.get(checked.filter_type)
    if form:
        regex = {"column": checked.raw, "regex": form.pattern}
        yield PlannedExpectation("expect_column_values_to_match_regex", regex, checked.id)
    # A character takes four bytes at most: most texts need no counting of bytes.
    longest = form.max_characters if form else MAX_VALUE_BYTES // 4
    length = {"column": checked.raw, "max_value": longest}
    yield PlannedExpectation(
        "expect_column_value_lengths_to_be_between",
        length,
        checked.id,
        limits_of="" if form else checked.raw,
    )
    if checked.filter_type is FilterType.RANGE:
        limits = {"min_value": -MAX_WHOLE_NUMBER, "max_value": MAX_WHOLE_NUMBER}
        yield PlannedExpectation(
            "expect_column_values_to_be_between", {"column": checked.column, **limits}, checked.id
        )


def _configured(kind: str, kwargs: Mapping[str, Any]) -> PlannedExpectation:
    arguments = dict(kwargs)
    if kind in _ONE_FOR_A_PROFILE and "row_condition" not in arguments:
        arguments.update(FIRST_VALUE)
    columns = list(_columns_in(kwargs))
    return PlannedExpectation(kind, arguments, columns[0] if columns else "")


def _columns_in(kwargs: Mapping[str, Any]) -> Iterator[str]:
    for key in ("column", "column_A", "column_B"):
        if isinstance(kwargs.get(key), str):
            yield kwargs[key]
    for key in ("column_list", "column_set"):
        yield from (name for name in kwargs.get(key) or () if isinstance(name, str))
