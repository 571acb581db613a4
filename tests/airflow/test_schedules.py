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
from airflow.utils.dates import cron_presets
from pendulum import instance
from sqlalchemy import insert, select

from profile_exchange.config import registry
from profile_exchange.config.schedule_spec import ScheduleSpec
from profile_exchange.config.schedules import PRESETS, next_slots
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.schedule import Schedule
from profile_exchange.orchestration import dags, slots
from profile_exchange.orchestration.notes import SENTENCE
from profile_exchange.pipeline.runs import LOST
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
    *({"cron": preset} for preset in sorted(PRESETS)),
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
@pytest.mark.parametrize("written", KINDS, ids=lambda kind: kind.get("cron", next(iter(kind))))
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


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_makes_a_dag(preset: str) -> None:
    assert dags.build(scheduled(cron=preset)).description == f"Runs by cron {preset} (UTC)."


def test_presets_are_airflows() -> None:
    assert cron_presets == PRESETS


def test_the_description_says_when_a_connection_runs_and_never_changes_with_time() -> None:
    described = dags.build(scheduled(weekday_of_month="second TUE", time="09:00")).description
    assert described == "Runs the second Tuesday of every month at 09:00 (UTC)."


SLOT = datetime(2026, 5, 1, 6, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SKIPPING = {"times_per_day": 1, "while_running": "skip"}
WAITING = {"times_per_day": 1}


class Told(SimpleNamespace):
    """The task of a run that began a minute after its slot, and what it tells Airflow."""

    def __init__(self) -> None:
        super().__init__(dag_id="taylor-times", run_id="scheduled", run_type="scheduled")
        self.run_after, self.start_date, self.clear_number = SLOT, SLOT + MINUTE, 0
        self.going: set[str] = set()
        self.sentences: list[str] = []

    def get_dr_count(self, *, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        assert (dag_id, states) == ("taylor-times", ["queued", "running"])
        return len(self.going & set(run_ids))

    def xcom_push(self, key: str, value: str) -> None:
        assert key == SENTENCE
        self.sentences.append(value)


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch, store_url: str) -> Told:
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    told = Told()
    monkeypatch.setattr(slots, "get_current_context", lambda: {"dag_run": told, "ti": told})
    return told


def ran(url: str, begun: datetime, ended: datetime | None, **said: Any) -> None:
    """Another run of the connection, as it is on record."""
    state = "succeeded" if ended else "running"
    row = {"connection": "taylor-times", "run_id": "earlier", "state": state, **said}
    with engine_for(url).begin() as database:
        database.execute(insert(runs).values(**row, started_at=begun, finished_at=ended))


def recorded(url: str, run_id: str) -> tuple[str, str]:
    with engine_for(url).connect() as database:
        query = select(runs.c.state, runs.c.failure).where(runs.c.run_id == run_id)
        state, failure = database.execute(query).one()
    return state, failure


def test_a_slot_during_a_run_is_left_out_if_that_is_asked_for(slot: Told, store_url: str) -> None:
    ran(store_url, SLOT - HOUR, SLOT + MINUTE)
    with pytest.raises(AirflowSkipException, match="2026-05-01 06:00 UTC came while another run"):
        slots.skip_if_missed(scheduled(**SKIPPING))
    state, why = recorded(store_url, "scheduled")
    assert (state, slot.sentences) == ("left out", [why])


@pytest.mark.parametrize("waited", [MINUTE, 3 * HOUR])
def test_a_slot_during_a_run_waits_otherwise(slot: Told, store_url: str, waited: timedelta) -> None:
    ran(store_url, SLOT - HOUR, SLOT + waited)
    slot.start_date = SLOT + waited
    slots.skip_if_missed(scheduled(**WAITING))


@pytest.mark.parametrize(
    ("begun", "ended"),
    [(SLOT - HOUR, SLOT - MINUTE), (SLOT + MINUTE, SLOT + 2 * HOUR)],
    ids=["still sending mails", "the next in the queue"],
)
def test_a_slot_between_what_is_on_record_of_runs_waits_too(
    slot: Told, store_url: str, begun: datetime, ended: datetime
) -> None:
    ran(store_url, begun, ended)
    slot.start_date = SLOT + 2 * HOUR
    slots.skip_if_missed(scheduled(**WAITING))


def test_a_slot_during_a_preview_waits_whatever_is_asked_for(slot: Told, store_url: str) -> None:
    ran(store_url, SLOT - HOUR, SLOT + HOUR, preview=True)
    slot.start_date = SLOT + HOUR
    slots.skip_if_missed(scheduled(**SKIPPING))


@pytest.mark.parametrize("written", [SKIPPING, WAITING])
def test_a_slot_that_passed_while_the_connection_was_switched_off_is_left_out(
    slot: Told, store_url: str, written: dict[str, Any]
) -> None:
    ran(store_url, SLOT - 2 * HOUR, SLOT - HOUR)
    slot.start_date = SLOT + HOUR
    with pytest.raises(AirflowSkipException, match="had passed when taylor-times was switched on"):
        slots.skip_if_missed(scheduled(**written))
    assert recorded(store_url, "scheduled")[0] == "left out"


@pytest.mark.parametrize("written", [SKIPPING, WAITING])
def test_a_slot_after_a_run_is_kept(slot: Told, store_url: str, written: dict[str, Any]) -> None:
    ran(store_url, SLOT - 2 * HOUR, SLOT - HOUR)
    slots.skip_if_missed(scheduled(**written))


@pytest.mark.parametrize("asked", [{"run_type": "manual"}, {"clear_number": 1}])
def test_what_somebody_triggers_or_clears_is_never_left_out(
    slot: Told, store_url: str, asked: dict[str, Any]
) -> None:
    ran(store_url, SLOT - HOUR, SLOT + MINUTE)
    vars(slot).update(asked, start_date=SLOT + HOUR)
    slots.skip_if_missed(scheduled(**SKIPPING))


def test_a_run_that_died_without_a_word_is_closed_and_keeps_no_slot_from_running(
    slot: Told, store_url: str
) -> None:
    ran(store_url, SLOT - HOUR, None)
    slots.skip_if_missed(scheduled(**SKIPPING))
    assert recorded(store_url, "earlier") == ("failed", LOST)


def test_a_run_that_airflow_still_has_at_work_is_not_closed(slot: Told, store_url: str) -> None:
    ran(store_url, SLOT - HOUR, None)
    slot.going.add("earlier")
    with pytest.raises(AirflowSkipException, match="came while another run"):
        slots.skip_if_missed(scheduled(**SKIPPING))
    assert recorded(store_url, "earlier")[0] == "running"
