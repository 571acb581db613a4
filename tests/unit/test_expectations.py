"""The written-down vocabulary of Great Expectations is the installed library's."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from typing import Any

import pytest

from profile_exchange.config.expectation_values import value_findings
from profile_exchange.config.expectations import ARGUMENTS, REQUIRED, USABLE, WITHOUT_SQL
from profile_exchange.domain.connection import COLUMN_ARGUMENTS, ConfiguredExpectation
from profile_exchange.domain.row_conditions import RowCondition, row_condition

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def kinds() -> dict[str, Any]:
    """The installed library's core expectations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.expectations import core

    named = [kind for kind in vars(core).values() if hasattr(kind, "expectation_type")]
    return {k.expectation_type: k for k in named if k.expectation_type.startswith("expect_")}


@pytest.fixture(scope="module")
def installed(kinds: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``{expectation: {argument: field}}`` of the installed library's core expectations."""
    from great_expectations.expectations.expectation import BatchExpectation

    common = BatchExpectation.__fields__
    return {
        name: {
            argument: field
            for argument, field in kind.__fields__.items()
            if argument not in common and argument != "library_metadata"
        }
        for name, kind in kinds.items()
    }


def test_every_core_expectation_is_written_down(installed: dict[str, dict[str, Any]]) -> None:
    assert len(installed) > 50
    assert sorted(ARGUMENTS) == sorted(installed)


def test_arguments_and_which_are_required_are_written_down(
    installed: dict[str, dict[str, Any]],
) -> None:
    for name, fields in installed.items():
        assert ARGUMENTS[name] == set(fields), name
        assert REQUIRED[name] == {key for key, field in fields.items() if field.required}, name


def test_what_cannot_be_evaluated_in_a_database_is_written_down(kinds: dict[str, Any]) -> None:
    from great_expectations.expectations import registry

    def in_sql(kind: Any) -> bool:
        metric = registry._registered_metrics.get(f"{kind.map_metric}.condition", {})
        return "SqlAlchemyExecutionEngine" in metric.get("providers", {})

    of_rows = {name: kind for name, kind in kinds.items() if getattr(kind, "map_metric", None)}
    assert {name for name, kind in of_rows.items() if not in_sql(kind)} == set(WITHOUT_SQL)
    assert set(of_rows) - set(WITHOUT_SQL) < set(USABLE)


#: Beside each other, what an argument may be given by mistake and what it may be meant to have.
VALUES = (
    *(7, -1, 0.5, True, "0.5", "7", "abc", "", "yes", "maybe", [1], ["a"], ["a", 7]),
    *("2026-01-02", "2026-1-2", "2026-01-02T03:04:05Z", date(2026, 1, 2), NOON, None),
)


def test_no_value_is_called_wrong_that_great_expectations_takes(
    installed: dict[str, dict[str, Any]],
) -> None:
    called_wrong = 0
    for name in USABLE:
        for argument, field in installed[name].items():
            for value in VALUES:
                wrong = list(value_findings(name, {argument: value}))
                called_wrong += len(wrong)
                _, errors = field.validate(value, {}, loc=argument)
                assert errors or not wrong, (name, argument, value, wrong)
    assert called_wrong > 100


@pytest.mark.parametrize(
    "pattern",
    [r"\y\d+\M", "***=([", "[[:alpha:]_]", "***=a*+", r"[(\]]", r"\(", "(?x)a # (", "a{,9999}"],
)
def test_no_regex_is_called_wrong_that_is_only_none_of_pythons(pattern: str) -> None:
    for kwargs in ({"regex": pattern}, {"regex_list": [pattern]}):
        assert list(value_findings("expect_column_values_to_match_regex", kwargs)) == []


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("^.{1,300}$", "it repeats at most 255 times, and {1,300} is more"),
        (r"(?P<year>\d+)", "(?P< begins none of its groups"),
        ("a++b", "+ follows nothing that can be repeated, and none is possessive"),
    ],
)
def test_a_regex_that_postgresql_never_takes_is_told(pattern: str, told: str) -> None:
    [(_, sentence)] = value_findings("expect_column_values_to_match_regex", {"regex": pattern})
    assert sentence.startswith(f"{pattern!r} is no regular expression of PostgreSQL's: ")
    assert told in sentence


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('col("age") > 17', RowCondition("age", ">", 17)),
        ('col("age")>=-1.5', RowCondition("age", ">=", -1.5)),
        ("""col("sports") != 'Golf'""", RowCondition("sports", "!=", "Golf")),
        ('col("sports").notnull()', RowCondition("sports")),
        ('col("age") > 17 and col("age") < 60', None),
        ("age > 17", None),
        ({"type": "comparison"}, None),
        (None, None),
    ],
)
def test_a_row_condition_compares_one_property(written: Any, meant: RowCondition | None) -> None:
    assert row_condition(written) == meant


def test_columns_are_named_by_the_arguments_that_are_searched_for_them(
    installed: dict[str, dict[str, Any]],
) -> None:
    naming = {name for fields in installed.values() for name in fields if name[:6] == "column"}
    assert naming - {"column_index"} == set(COLUMN_ARGUMENTS)


def test_an_expectation_knows_the_properties_that_it_is_about() -> None:
    kwargs = {"column_A": "a", "column_B": "b", "column_list": ["c", "d"], "mostly": 0.9}
    assert ConfiguredExpectation("any", kwargs).columns == ("a", "b", "c", "d")


def test_an_expectation_needs_the_property_that_its_rows_are_told_by() -> None:
    kwargs = {"column": "a", "row_condition": 'col("b") > 1'}
    assert ConfiguredExpectation("any", kwargs).needs == ("a", "b")
