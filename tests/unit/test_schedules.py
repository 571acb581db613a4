"""Cron expressions and time zones: what can be kept, and how the rest is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.config.schedules import cron_expression, time_zone


@pytest.mark.parametrize(
    "cron",
    [
        "0 6 * * *",
        "*/15 8-18 * * MON-FRI",
        "0 9 * * TUE#2",
        "0 9 * * L5",
        "0 9 L * *",
        "0 0,12 1 JAN,jul *",
        "0 9 29 2 *",
        "@daily",
    ],
)
def test_what_airflow_can_keep_is_accepted(cron: str) -> None:
    assert cron_expression(cron) == cron


def test_blanks_between_and_around_the_fields_do_not_matter() -> None:
    assert cron_expression("  0\t6 *  * *\n") == "0 6 * * *"


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("", "is no cron expression: write minute, hour,"),
        ("0 6 * *", "is no cron expression: write minute, hour,"),
        ("0 6 * * * *", "is no cron expression: write minute, hour,"),
        ("every day", "is no cron expression: write minute, hour,"),
        ("@reboot", "is no cron expression: write minute, hour,"),
        ("R R * * *", "is no cron expression: write minute, hour,"),
        ("H 6 * * *", "is no cron expression: write minute, hour,"),
        ("\u0660 6 * * *", "is no cron expression: write minute, hour,"),
        ("60 6 * * *", "is no cron expression: "),
        ("0 6 * * FRI#L", "is no cron expression: "),
        ("0 6 * * 5L", "is no cron expression: "),
        ("0 6 31 2 *", "never comes: there is no such date."),
    ],
)
def test_what_nothing_can_run_by_is_told(cron: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        cron_expression(cron)


@given(st.text(alphabet="0123456789*/,-#L @JANMONFRI", max_size=20))
def test_no_text_makes_anything_but_a_sentence(cron: str) -> None:
    try:
        told = f"{cron_expression(cron)}."
    except ValueError as error:
        told = str(error)
    assert told.endswith(".")
    assert "\n" not in told


@pytest.mark.parametrize("name", ["UTC", "Europe/Amsterdam", "America/New_York"])
def test_time_zones_are_known_by_name(name: str) -> None:
    assert time_zone(name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Europe/Amsterdm", "Did you mean 'Europe/Amsterdam'"),
        ("europe/amsterdam", "Did you mean 'Europe/Amsterdam'"),
        ("Europe", "is no time zone"),
        ("", "Write one such as Europe/Amsterdam"),
        ("../../etc/passwd", "is no time zone"),
        ("/etc/passwd", "is no time zone"),
        ("\0", "is no time zone"),
    ],
)
def test_what_is_no_time_zone_is_told(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        time_zone(name)
