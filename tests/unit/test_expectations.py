"""The written-down vocabulary of Great Expectations is the installed library's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from profile_exchange.config.expectations import ARGUMENTS, REQUIRED
from profile_exchange.domain.connection import COLUMN_ARGUMENTS, ConfiguredExpectation


@pytest.fixture(scope="module")
def installed() -> dict[str, dict[str, Any]]:
    """``{expectation: {argument: field}}`` of the installed library's core expectations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.expectations import core
        from great_expectations.expectations.expectation import BatchExpectation

    common = BatchExpectation.__fields__
    kinds = [kind for kind in vars(core).values() if hasattr(kind, "expectation_type")]
    return {
        kind.expectation_type: {
            name: field
            for name, field in kind.__fields__.items()
            if name not in common and name != "library_metadata"
        }
        for kind in kinds
        if kind.expectation_type.startswith("expect_")
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


def test_columns_are_named_by_the_arguments_that_are_searched_for_them(
    installed: dict[str, dict[str, Any]],
) -> None:
    naming = {name for fields in installed.values() for name in fields if name[:6] == "column"}
    assert naming - {"column_index"} == set(COLUMN_ARGUMENTS)


def test_an_expectation_knows_the_properties_that_it_is_about() -> None:
    kwargs = {"column_A": "a", "column_B": "b", "column_list": ["c", "d"], "mostly": 0.9}
    assert ConfiguredExpectation("any", kwargs).columns == ("a", "b", "c", "d")
