"""Schedules as Airflow keeps them: the slots that we tell are those at which it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.trigger import MultipleCronTriggerTimetable
from pendulum import instance
from sqlalchemy import insert

from profile_exchange.config import registry
from profile_exchange.config.schedule_spec import ScheduleSpec
from profile_exchange.config.schedules import next_slots
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.schedule import Schedule
from profile_exchange.orchestration import dags, slots
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs

CONNECTIONS = PROJECT_ROOT / "include" / "connections"
KINDS: list[dict[str, Any]] = [
    {"times_per_day": 5, "start": "00:10"},
    {"times_per_day": 24, "start": "00:30"},
    {"days_of_week": ["SUN", "WED"], "time": "02:30"},
    {"day_of_month": "last", "time": "06:00"},
    {"day_of_month": 29, "time": "02:30"},
    {"weekday_of_month": "second TUE", "time": "09:00"},
    {"weekday_of_month": "last SUN", "time": "02:30"},
    {"weekday_of_month": "last FRI", "time": "09:00"},
    {"cron": "*/20 1-3 * * *"},
]
#: Hours before clocks change, one way and the other, and an ordinary day.
MOMENTS = [
    datetime(2026, 3, 28, 20, tzinfo=UTC),
    datetime(2026, 10, 24, 20, tzinfo=UTC),
    datetime(2026, 6, 10, 12, tzinfo=UTC),
]


def kept_by_airflow(schedule: Schedule, after: datetime, number: int) -> list[datetime]:
    timetable = MultipleCronTriggerTimetable(
        *schedule.crons, timezone=schedule.timezone, run_immediately=timedelta(0)
    )
    anytime = TimeRestriction(earliest=instance(after), latest=None, catchup=True)
    last = DataInterval.exact(instance(after))
    found = []
    for _ in range(number):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=anytime)
        assert info is not None
        found.append(datetime.fromisoformat(info.run_after.isoformat()))
        last = info.data_interval
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "America/New_York"])
@pytest.mark.parametrize("after", MOMENTS, ids=lambda moment: f"{moment:%B}")
@pytest.mark.parametrize("written", KINDS, ids=lambda kind: next(iter(kind)))
def test_the_slots_that_are_told_are_those_of_airflow(
    written: dict[str, Any], after: datetime, zone: str
) -> None:
    schedule = ScheduleSpec.model_validate({**written, "timezone": zone}).to_domain()
    # In UTC: of times that come twice, Python says that they equal nothing elsewhere.
    told = [slot.astimezone(UTC) for slot in next_slots(schedule, after, 12)]
    assert told == kept_by_airflow(schedule, after, 12)


def scheduled(**written: Any) -> Connection:
    sample = registry.connection("taylor-times", CONNECTIONS)
    schedule = ScheduleSpec.model_validate(written).to_domain()
    return Connection(
        id=sample.id,
        title=sample.title,
        tenant=sample.tenant,
        partner=sample.partner,
        schedule=schedule,
        importing=sample.importing,
    )


def test_a_new_connection_does_not_run_for_a_slot_that_has_passed() -> None:
    timetable = coerce_to_core_timetable(dags.build(scheduled(times_per_day=1)).timetable)
    first = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
    )
    assert first is not None
    assert first.run_after > datetime.now(UTC)


def test_the_description_says_when_a_connection_runs_and_never_changes_with_time() -> None:
    described = dags.build(scheduled(weekday_of_month="second TUE", time="09:00")).description
    assert described == "Runs the second Tuesday of every month at 09:00 (UTC)."


SLOT = datetime(2026, 5, 1, 6, tzinfo=UTC)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, store_url: str) -> SimpleNamespace:
    """The run of the slot, after a run of an hour that began half an hour before it."""
    half_an_hour = timedelta(minutes=30)
    earlier = {"started_at": SLOT - half_an_hour, "finished_at": SLOT + half_an_hour}
    with engine_for(store_url).begin() as database:
        values = {"connection": "taylor-times", "run_id": "earlier", "state": "succeeded"}
        database.execute(insert(runs).values(**values, **earlier))
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    dag_run = SimpleNamespace(run_type="scheduled", run_after=SLOT)
    monkeypatch.setattr(slots, "get_current_context", lambda: {"dag_run": dag_run})
    return dag_run


def test_a_slot_during_a_run_is_left_out_if_that_is_asked_for(context: SimpleNamespace) -> None:
    with pytest.raises(AirflowSkipException, match="2026-05-01 06:00 UTC came while another run"):
        slots.skip_if_missed(scheduled(times_per_day=1, while_running="skip"))


@pytest.mark.usefixtures("context")
def test_a_slot_during_a_run_waits_otherwise() -> None:
    slots.skip_if_missed(scheduled(times_per_day=1))


def test_a_slot_after_a_run_is_kept(context: SimpleNamespace) -> None:
    context.run_after = SLOT + timedelta(hours=1)
    slots.skip_if_missed(scheduled(times_per_day=1, while_running="skip"))


def test_what_somebody_triggers_is_never_left_out(context: SimpleNamespace) -> None:
    context.run_type = "manual"
    slots.skip_if_missed(scheduled(times_per_day=1, while_running="skip"))
