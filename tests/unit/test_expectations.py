"""The written-down vocabulary of Great Expectations is the installed library's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from profile_exchange.config.expectations import ARGUMENTS, REQUIRED, USABLE, WITHOUT_SQL
from profile_exchange.domain.connection import COLUMN_ARGUMENTS, ConfiguredExpectation
from profile_exchange.domain.row_conditions import RowCondition, row_condition


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
