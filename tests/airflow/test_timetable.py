"""When a connection runs next, by clocks that stand still: never for a slot of the past."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk.timezone import coerce_datetime
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.timetables import trigger
from airflow.timetables.base import DataInterval, TimeRestriction, Timetable

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.orchestration import dags, timetable

SAMPLE = PROJECT_ROOT / "include" / "connections" / "taylor-times.yaml"
NOBODY_ASKED = TimeRestriction(earliest=None, latest=None, catchup=False)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """``01 06:30``: a day of May 2026, and a time in UTC."""
    return datetime.strptime(f"2026-05-{text}+0000", "%Y-%m-%d %H:%M%z")


class Scheduled:
    """The sample's connection, its file written and Airflow asked at moments of our choosing."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.file, self.patch = folder / SAMPLE.name, patch
        self.now, self.last = at("01 00:00"), None

    def write(self, now: str | datetime, schedule: str, other: str = "") -> None:
        self.clock(now)
        self.file.write_text(f"schedule: {{{schedule}}}\n{other}\n{SAMPLE.read_text()}")
        os.utime(self.file, (self.now.timestamp(), self.now.timestamp()))

    def clock(self, now: str | datetime) -> None:
        self.now = now if isinstance(now, datetime) else at(now)
        clock = SimpleNamespace(time=self.now.timestamp)
        self.patch.setattr(timetable, "_now", lambda: self.now)
        self.patch.setattr(trigger, "utcnow", lambda: coerce_datetime(self.now))
        self.patch.setattr(trigger, "time", clock)

    @property
    def kept(self) -> LazyDeserializedDAG:
        """The DAG as Airflow keeps it."""
        return LazyDeserializedDAG.from_dag(dags.build(registry.read_connection(self.file)))

    @property
    def timetable(self) -> Timetable:
        return self.kept.timetable

    def next_slot(self, now: str | datetime) -> datetime:
        """The slot of which Airflow would make the next run."""
        self.clock(now)
        last = DataInterval.exact(coerce_datetime(self.last)) if self.last else None
        info = self.timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=NOBODY_ASKED
        )
        assert info is not None
        return info.run_after

    def run(self, now: str | datetime) -> list[datetime]:
        """The runs that Airflow would make now, one after the other."""
        made = []
        while (slot := self.next_slot(now)) <= self.now:
            self.last = slot
            made.append(slot)
        return made


@pytest.fixture
def scheduled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduled]:
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(tmp_path))
    settings.cache_clear()
    yield Scheduled(tmp_path, monkeypatch)
    settings.cache_clear()


DAILY, NOONS = "times_per_day: 1, start: '06:00'", "times_per_day: 1, start: '12:00'"


def test_a_new_connection_waits_for_its_first_slot(scheduled: Scheduled) -> None:
    scheduled.write("01 06:01", DAILY)
    assert scheduled.next_slot("01 06:02") == at("02 06:00")
    assert scheduled.run("02 05:59") == []
    assert scheduled.run("02 06:00") == [at("02 06:00")]


def test_a_first_slot_is_not_lost_when_files_are_read_just_after_it(scheduled: Scheduled) -> None:
    scheduled.write("01 05:59", DAILY)
    assert scheduled.next_slot("01 06:01") == at("01 06:00")


def test_a_connection_that_is_switched_on_long_after_it_was_written_waits_too(
    scheduled: Scheduled,
) -> None:
    scheduled.write("01 05:00", DAILY)
    assert scheduled.next_slot("01 06:30") == at("02 06:00")


def test_a_changed_schedule_does_not_run_for_a_slot_that_passed_before(
    scheduled: Scheduled,
) -> None:
    scheduled.write("01 05:00", DAILY)
    scheduled.run("01 06:00")
    scheduled.write("01 12:30", NOONS)
    assert scheduled.run("01 12:31") == []
    assert scheduled.next_slot("01 12:31") == at("02 12:00")
    assert scheduled.run("02 12:00") == [at("02 12:00")]


def test_a_change_of_anything_else_drops_no_slot_that_waits(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", DAILY)
    scheduled.run("01 06:00")
    scheduled.write("02 06:30", DAILY, "# a remark")
    assert scheduled.run("02 06:31") == [at("02 06:00")]
    assert scheduled.next_slot("02 06:31") == at("03 06:00")


def test_a_slot_that_was_added_for_later_today_is_kept(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", DAILY)
    scheduled.run("01 06:00")
    scheduled.write("01 11:30", NOONS)
    assert scheduled.next_slot("01 11:31") == at("01 12:00")
    assert scheduled.run("01 12:02") == [at("01 12:00")]


def test_what_passed_while_a_file_said_off_is_one_run_which_is_left_out(
    scheduled: Scheduled,
) -> None:
    scheduled.write("01 05:00", DAILY)
    scheduled.run("01 06:00")
    scheduled.write("03 09:00", DAILY)
    # As after a pause: `slots` leaves out what came so long ago, and says so.
    assert scheduled.run("03 09:01") == [at("03 06:00")]
    assert scheduled.next_slot("03 09:01") == at("04 06:00")


def test_of_slots_that_pass_during_a_run_one_is_run_afterwards(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", "times_per_day: 24")
    scheduled.run("01 06:00")
    assert scheduled.next_slot("01 09:20") == at("01 09:00")
    assert scheduled.run("01 09:20") == [at("01 09:00")]
    assert scheduled.next_slot("01 09:20") == at("01 10:00")


def test_what_cannot_be_read_is_as_it_was_at_the_last_run(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", DAILY)
    scheduled.run("01 06:00")
    kept = scheduled.timetable
    scheduled.file.unlink()
    scheduled.clock("02 06:05")
    last = DataInterval.exact(coerce_datetime(at("01 06:00")))
    info = kept.next_dagrun_info(last_automated_data_interval=last, restriction=NOBODY_ASKED)
    assert info is not None
    assert info.run_after == at("02 06:00")


@pytest.mark.parametrize(
    ("written", "slots"),
    [
        ("2026-03-28T20:00+00:00", ["2026-03-29T01:30+00:00", "2026-03-30T00:30+00:00"]),
        ("2026-10-24T20:00+00:00", ["2026-10-25T01:30+00:00", "2026-10-26T01:30+00:00"]),
    ],
    ids=["in spring", "in autumn"],
)
def test_a_slot_keeps_its_local_time_when_clocks_change_and_comes_once(
    scheduled: Scheduled, written: str, slots: list[str]
) -> None:
    start = datetime.fromisoformat(written)
    scheduled.write(start, "times_per_day: 1, start: '02:30', timezone: Europe/Amsterdam")
    half_hours = [start + timedelta(minutes=30) * number for number in range(60)]
    made = [slot for now in half_hours for slot in scheduled.run(now)]
    assert made == [datetime.fromisoformat(slot) for slot in slots]


def test_the_next_five_slots_are_told_and_make_no_other_version(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", "times_per_day: 1, start: '06:00', timezone: Europe/Amsterdam")
    told, kept = [], set()
    for now in ("05 12:00", "06 12:00"):
        scheduled.clock(now)
        told.append(scheduled.timetable.description)
        kept.add(SerializedDagModel.hash(kept_of(scheduled)))
    assert told[0] == (
        "every day at 06:00 (Europe/Amsterdam). Next: Wed 2026-05-06 06:00, Thu 2026-05-07 06:00, "
        "Fri 2026-05-08 06:00, Sat 2026-05-09 06:00, Sun 2026-05-10 06:00."
    )
    assert told[1] != told[0]
    assert len(kept) == 1


def kept_of(scheduled: Scheduled) -> dict[str, Any]:
    return DagSerialization.to_dict(dags.build(registry.read_connection(scheduled.file)))


def test_a_file_that_is_copied_makes_no_other_version(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", DAILY)
    before = SerializedDagModel.hash(kept_of(scheduled))
    scheduled.write("02 05:00", DAILY)
    assert SerializedDagModel.hash(kept_of(scheduled)) == before


def test_what_is_told_fits_where_airflow_keeps_it(scheduled: Scheduled) -> None:
    scheduled.write("01 05:00", "times_per_day: 96")
    told = scheduled.timetable.description
    assert len(told) <= 1000
    assert told.endswith(
        "Next: Fri 2026-05-01 05:15, Fri 2026-05-01 05:30, Fri 2026-05-01 05:45, "
        "Fri 2026-05-01 06:00, Fri 2026-05-01 06:15."
    )
