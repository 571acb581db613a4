"""Which values a property of each type can hold (SEMANTICS, Mapping and writing 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.domain.fates import Reason
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.values import has_form, type_problem

TEXTS = st.text(alphabet=st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("filter_type", "value"),
    [
        (FilterType.SELECT, "anything at all\n"),
        (FilterType.RANGE, "0"),
        (FilterType.RANGE, "+2147483647"),
        (FilterType.RANGE, "-2147483647"),
        (FilterType.RANGE, " 42\n"),
        (FilterType.DECIMAL, "3.14"),
        (FilterType.DECIMAL, ".5"),
        (FilterType.DECIMAL, "12."),
        (FilterType.CURRENCY, "-19.99"),
        (FilterType.EMAIL, " Jane.Doe+news@Example.co.uk "),
        (FilterType.EMAIL, "a@xn--bcher-kva.example"),
        (FilterType.DATETIME, "1700000000000"),
        (FilterType.DATETIME, "2024-02-29"),
        (FilterType.DATETIME, "2024-12-31T23:59:59.999Z"),
        (FilterType.DATETIME, "2024-12-31 23:59+05:30"),
        (FilterType.DATETIME, "2024-12-31T23:59:59-0800"),
    ],
)
def test_a_value_of_its_type_is_no_problem(filter_type: FilterType, value: str) -> None:
    assert type_problem(value, filter_type) is None


@pytest.mark.parametrize(
    ("filter_type", "value"),
    [
        (FilterType.RANGE, "1.5"),
        (FilterType.RANGE, "12 3"),
        (FilterType.RANGE, "1e5"),
        (FilterType.RANGE, "123456789012"),
        (FilterType.DECIMAL, "1" * 53),
        (FilterType.DATETIME, "1234567890123456"),
        (FilterType.EMAIL, "x" * 243 + "@example.com"),
        (FilterType.RANGE, "\u0661\u0662"),
        (FilterType.RANGE, "42\u00a0"),
        (FilterType.RANGE, "42\n7"),
        (FilterType.DECIMAL, "1,5"),
        (FilterType.DECIMAL, "."),
        (FilterType.DECIMAL, "NaN"),
        (FilterType.DECIMAL, "1_000"),
        (FilterType.CURRENCY, "EUR 5"),
        (FilterType.EMAIL, "jane@example"),
        (FilterType.EMAIL, "jane@@example.com"),
        (FilterType.EMAIL, "jane@-example.com"),
        (FilterType.EMAIL, "jane doe@example.com"),
        (FilterType.EMAIL, "jané@example.com"),
        (FilterType.EMAIL, "jane@example.com\nbcc@example.com"),
        (FilterType.DATETIME, "yesterday"),
        (FilterType.DATETIME, "2024-13-01"),
        (FilterType.DATETIME, "2024-04-31"),
        (FilterType.DATETIME, "2024-02-30"),
        (FilterType.DATETIME, "2024-01-01T24:00"),
        (FilterType.DATETIME, "2024-01-01T12:00+99:00"),
        (FilterType.DATETIME, "31-12-2024"),
    ],
)
def test_a_value_of_another_type_is_refused(filter_type: FilterType, value: str) -> None:
    assert type_problem(value, filter_type) is Reason.VALUE_TYPE


@pytest.mark.parametrize(
    ("filter_type", "value"),
    [
        (FilterType.RANGE, "2147483648"),
        (FilterType.RANGE, "-2147483648"),
        (FilterType.RANGE, "9999999999"),
        (FilterType.RANGE, "12345678901"),
        (FilterType.SELECT, "x" * 65_001),
        (FilterType.SELECT, "é" * 32_769),
        (FilterType.SELECT, " " * 65_001),
        (FilterType.EMAIL, "x" * 65_001),
    ],
)
def test_a_value_beyond_the_limits_is_refused(filter_type: FilterType, value: str) -> None:
    assert type_problem(value, filter_type) is Reason.VALUE_LIMIT


@pytest.mark.parametrize("value", ["x" * 65_000, "é" * 32_500, "\U0001f600" * 16_384])
def test_a_value_at_the_limits_is_fine(value: str) -> None:
    assert type_problem(value, FilterType.SELECT) is None


@pytest.mark.parametrize("filter_type", FilterType)
@pytest.mark.parametrize("value", ["", " ", "\t\r\n"])
def test_no_value_is_no_problem(filter_type: FilterType, value: str) -> None:
    assert type_problem(value, filter_type) is None


@pytest.mark.parametrize("kind", [kind for kind in FilterType if kind is not FilterType.SELECT])
def test_a_line_end_is_part_of_no_form(kind: FilterType) -> None:
    sound = {FilterType.EMAIL: "a@b.example"}.get(kind, "42")
    assert has_form(sound, kind)
    assert not has_form(f"{sound}\n", kind)


@given(TEXTS, st.sampled_from(FilterType))
def test_every_text_gets_an_answer(value: str, filter_type: FilterType) -> None:
    assert type_problem(value, filter_type) in {None, Reason.VALUE_TYPE, Reason.VALUE_LIMIT}
