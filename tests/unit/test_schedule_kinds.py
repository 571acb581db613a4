"""A connection's schedule: each kind of it, what it means in slots, and in words."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from profile_exchange.config.schedule_spec import ScheduleSpec
from profile_exchange.config.schedules import next_slots
from profile_exchange.domain.schedule import Schedule, WhileRunning

AMSTERDAM = "Europe/Amsterdam"


def schedule(**written: Any) -> Schedule:
    return ScheduleSpec.model_validate(written).to_domain()


@pytest.mark.parametrize(
    ("written", "crons", "words"),
    [
        ({"times_per_day": 1}, ["0 0 * * *"], "every day at 00:00"),
        (
            {"times_per_day": 4, "start": "08:30"},
            ["30 2,8,14,20 * * *"],
            "every day at 02:30, 08:30, 14:30, 20:30",
        ),
        (
            {"times_per_day": 5, "start": "0:10"},
            ["10 0 * * *", "22 19 * * *", "34 14 * * *", "46 9 * * *", "58 4 * * *"],
            "every day at 00:10, 04:58, 09:46, 14:34, 19:22",
        ),
        (
            {"days_of_week": ["fri", "Monday"], "time": "6:05"},
            ["5 6 * * MON,FRI"],
            "every Monday and Friday at 06:05",
        ),
        ({"days_of_week": ["SUN"]}, ["0 0 * * SUN"], "every Sunday at 00:00"),
        (
            {"day_of_month": 15, "time": "23:59"},
            ["59 23 15 * *"],
            "day 15 of every month at 23:59",
        ),
        ({"day_of_month": "last"}, ["0 0 L * *"], "the last day of every month at 00:00"),
        (
            {"weekday_of_month": "second TUE", "time": "09:00"},
            ["0 9 * * TUE#2"],
            "the second Tuesday of every month at 09:00",
        ),
        (
            {"weekday_of_month": "last friday", "time": "09:00"},
            ["0 9 * * L5"],
            "the last Friday of every month at 09:00",
        ),
        (
            {"weekday_of_month": "last SUN"},
            ["0 0 * * L0"],
            "the last Sunday of every month at 00:00",
        ),
        ({"cron": "0 6 * * *"}, ["0 6 * * *"], "by cron 0 6 * * *"),
    ],
)
def test_a_kind_has_its_slots_and_words(
    written: dict[str, Any], crons: list[str], words: str
) -> None:
    found = schedule(**written)
    assert (list(found.crons), found.words) == (crons, words)
    assert str(found) == f"{words} (UTC)"


def test_a_slot_waits_for_the_run_before_it_unless_it_is_to_be_skipped() -> None:
    assert schedule(times_per_day=1).while_running is WhileRunning.WAIT
    assert schedule(times_per_day=1, while_running="skip").while_running is WhileRunning.SKIP


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({}, "a schedule has one of times_per_day, days_of_week, day_of_month,"),
        ({"times_per_day": 2, "cron": "@daily"}, "this has times_per_day and cron"),
        ({"times_per_day": 2, "time": "06:00"}, "time does not go with times_per_day; write start"),
        ({"cron": "@daily", "time": "06:00"}, "time does not go with cron"),
        ({"day_of_month": 1, "start": "06:00"}, "start goes with times_per_day; write time"),
        ({"day_of_month": 1, "time": "24:00"}, "write a time of day as hours and minutes"),
        ({"day_of_month": 1, "time": 600}, "write a time of day as hours and minutes"),
        ({"day_of_month": 32}, "write a day of the month, 1 to 31, or last."),
        ({"day_of_month": "15"}, "write a day of the month, 1 to 31, or last."),
        ({"day_of_month": True}, "write a day of the month, 1 to 31, or last."),
        ({"times_per_day": 0}, "greater than or equal to 1"),
        ({"times_per_day": 97}, "less than or equal to 96"),
        ({"days_of_week": []}, "at least 1 item"),
        ({"days_of_week": ["TUR"]}, "'TUR' is no day of the week. Did you mean 'TUE'?"),
        ({"weekday_of_month": "fifth TUE"}, "write which one, first, second, third, fourth, last"),
        ({"weekday_of_month": "second TUR"}, "'TUR' is no day of the week."),
        ({"weekday_of_month": "second"}, "'' is no day of the week."),
    ],
)
def test_what_makes_no_schedule_is_told(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        schedule(**written)
    assert told in str(error.value)


@given(st.integers(1, 96), st.times())
def test_slots_of_a_day_are_as_many_as_asked_and_as_even_as_minutes_allow(
    number: int, start: Any
) -> None:
    found = schedule(times_per_day=number, start=f"{start:%H:%M}", timezone="UTC")
    slots = next_slots(found, datetime(2026, 1, 1, start.hour, start.minute, tzinfo=UTC), number)
    assert (slots[-1].hour, slots[-1].minute) == (start.hour, start.minute)
    gaps = {(b - a).total_seconds() for a, b in itertools.pairwise(slots)}
    assert not gaps or max(gaps) - min(gaps) <= 60


def test_local_time_is_kept_when_clocks_change() -> None:
    daily = schedule(times_per_day=1, start="06:00", timezone=AMSTERDAM)
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    slots = next_slots(daily, before, 2)
    assert [slot.isoformat() for slot in slots] == [
        "2026-10-25T06:00:00+01:00",
        "2026-10-26T06:00:00+01:00",
    ]
    summer = next_slots(daily, datetime(2026, 10, 23, 12, tzinfo=UTC), 1)
    assert summer[0].isoformat() == "2026-10-24T06:00:00+02:00"


def test_a_time_that_clocks_jump_over_comes_an_hour_later() -> None:
    nightly = schedule(times_per_day=1, start="02:30", timezone=AMSTERDAM)
    (slot,) = next_slots(nightly, datetime(2026, 3, 28, 12, tzinfo=UTC), 1)
    assert slot.isoformat() == "2026-03-29T03:30:00+02:00"


def test_the_next_slot_is_after_the_moment_asked_for() -> None:
    daily = schedule(times_per_day=1, start="06:00", timezone=AMSTERDAM)
    slot = datetime(2026, 5, 1, 6, tzinfo=ZoneInfo(AMSTERDAM))
    assert next_slots(daily, slot, 1)[0].day == 2
