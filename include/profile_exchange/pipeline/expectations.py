"""The expectations of a run, in Great Expectations' vocabulary: derived ones, then configured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from profile_exchange.domain.connection import (
    COLUMN_ARGUMENTS,
    ConfiguredExpectation,
    ImportGoal,
)
from profile_exchange.domain.properties import (
    MAX_VALUE_BYTES,
    MAX_WHOLE_NUMBER,
    NUMERIC_TYPES,
    VALUE_FORMS,
    FilterType,
)
from profile_exchange.domain.row_conditions import RowCondition
from profile_exchange.pipeline.plan import Plan

#: The columns of the table of values beside those of properties: whose values a row holds, and
#: whether they are the profile's first ones, second ones and so on.
PROFILE_ID = "profile_id"
ORDINAL = "ordinal"

#: Expectations that speak of profiles, not of each of their values.
_OF_PROFILES = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
    }
)
#: Properties that are laid out together. Some 450 columns with long texts fit into a row.
_TOGETHER = 200
_FIRST_VALUE = RowCondition(ORDINAL, "==", 1)

Json = dict[str, Any]


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
        """The column that expectations are about. No property's id has a blank in it: a column
        of another name is never taken for one."""
        return f"value {self.position}"

    @property
    def raw(self) -> str:
        """The column of the text as it came."""
        return f"raw {self.position}" if self.numeric else self.column

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
    #: Whether it is the connection's own.
    configured: bool = False

    @property
    def told(self) -> str:
        """What it is called in a sentence."""
        return f"Expectation {self.type} on {self.property_id or 'the run'}"


@dataclass(frozen=True, slots=True)
class Portion:
    """Properties whose values are laid out together, and what is expected of them."""

    properties: Sequence[CheckedProperty]
    expectations: Sequence[PlannedExpectation]


def portions_of(goal: ImportGoal, plan: Plan) -> list[Portion]:
    """All that is expected in a run: what the types demand of mapped values, and, in the first
    portion, the connection's own expectations."""
    properties = _checked_properties(goal, plan)
    mapped = {mapping.source for mapping in goal.mappings}
    first, *others = [Portion(some, [*_derived_of(some, mapped)]) for some in _groups(properties)]
    columns = {checked.id: checked.column for checked in first.properties}
    own = [_configured(each, columns) for each in goal.expectations]
    return [Portion(first.properties, [*first.expectations, *own]), *others]


def _groups(properties: Sequence[CheckedProperty]) -> Iterator[list[CheckedProperty]]:
    """Properties by the portion. Those that an expectation names are together in the first: it may
    name several, and compare them."""
    own = [checked for checked in properties if checked.named]
    others = [checked for checked in properties if not checked.named]
    room = max(_TOGETHER - len(own), 0)
    yield [*own, *others[:room]]
    for start in range(room, len(others), _TOGETHER):
        yield others[start : start + _TOGETHER]


def _checked_properties(goal: ImportGoal, plan: Plan) -> list[CheckedProperty]:
    """Every source property that is mapped or that an expectation names, in a stable order."""
    mapped = [mapping.source for mapping in goal.mappings if mapping.source]
    named = [name for each in goal.expectations for name in each.needs]
    known = [name for name in dict.fromkeys([*mapped, *named]) if name in plan.sources]
    return [
        CheckedProperty(name, plan.sources[name].filter_type, position, name in named)
        for position, name in enumerate(known)
    ]


def _derived_of(
    properties: Sequence[CheckedProperty], mapped: Collection[str | None]
) -> Iterator[PlannedExpectation]:
    return chain.from_iterable(_derived(each) for each in properties if each.id in mapped)


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


def _configured(each: ConfiguredExpectation, columns: Mapping[str, str]) -> PlannedExpectation:
    """An expectation about properties, as one about the columns of the table of values."""
    kwargs = {name: _in(columns, name, value) for name, value in each.kwargs.items()}
    kwargs.pop("condition_parser", None)
    asked = each.only_for
    wanted = [RowCondition(columns[asked.column], asked.operator, asked.value)] if asked else []
    if each.type in _OF_PROFILES:
        wanted.append(_FIRST_VALUE)
    if wanted:
        kwargs["row_condition"] = {"type": "and", "conditions": [_spelt(one) for one in wanted]}
    about = each.columns[0] if each.columns else ""
    return PlannedExpectation(each.type, kwargs, about, configured=True)


def _in(columns: Mapping[str, str], argument: str, value: Any) -> Any:
    if argument not in COLUMN_ARGUMENTS:
        return value
    return columns[value] if isinstance(value, str) else [columns[name] for name in value]


def _spelt(condition: RowCondition) -> Json:
    """A condition as Great Expectations' long form spells it, in which several can be said."""
    column = {"name": condition.column}
    if not condition.operator:
        return {"type": "nullity", "column": column, "is_null": False}
    comparison = {"operator": condition.operator, "parameter": condition.value}
    return {"type": "comparison", "column": column, **comparison}
