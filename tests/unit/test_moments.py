"""When a profile was modified, in milliseconds: read fast where it is written as tenants do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.domain.moments import milliseconds_of, moment_of


@pytest.mark.parametrize(
    ("told", "milliseconds"),
    [
        ("1778587200000", 1_778_587_200_000),
        (" 1778587200000 ", 1_778_587_200_000),
        ("-5", -5),
        ("+7", 7),
        ("0" * 15, 0),
        ("2026-05-12T12:00:00Z", 1_778_587_200_000),
        ("2026-05-12T14:00:00.0005+02:00", 1_778_587_200_001),
        ("2026-05-12T12:00:00.0004Z", 1_778_587_200_000),
        ("1" * 16, None),
        ("٣", None),
        ("²", None),
        ("2026-02-30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_what_says_a_moment_and_what_does_not(told: str, milliseconds: int | None) -> None:
    assert milliseconds_of(told) == milliseconds


@given(st.text("0123456789+-\t ٣", max_size=18))
def test_the_short_way_comes_to_the_same_as_the_long_one(told: str) -> None:
    moment = moment_of(told)
    assert milliseconds_of(told) == (None if moment is None else moment // 1000)
