"""Airflow's timetable of a connection: when it runs next, and never for a slot of the past.

Airflow would run the last slot that has passed whenever that is not the slot of the last run. That
is right for one that came during a run. But a schedule that was changed had other slots then, and
a new connection had none. So where the last run's slot is none of the schedule's, a slot counts
only if it came after the connection's file was written. That moment is read when Airflow asks, by
the process that reads the files: in what Airflow keeps of the DAG it would make another version.

A slot that passed while a file said `enabled: false` is made a run for, as after a pause, and that
run is left out (`slots`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DataInterval
from airflow.timetables.trigger import MultipleCronTriggerTimetable

from profile_exchange.config import registry
from profile_exchange.config.schedules import next_slots
from profile_exchange.domain.schedule import LATE, Schedule

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, TimeRestriction

#: So many slots are told, in so many characters at most, which is what Airflow keeps.
SLOTS_TOLD, LONGEST = 5, 1000
_MOMENT = timedelta(seconds=1)
#: When a file was written that is not at hand.
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class ScheduleTimetable(MultipleCronTriggerTimetable):
    """The slots of a connection's schedule."""

    def __init__(self, connection_id: str, schedule: Schedule) -> None:
        self.connection_id, self.schedule = connection_id, schedule
        super().__init__(*schedule.crons, timezone=schedule.timezone)

    @property
    def description(self) -> str:
        """The schedule in words, and its next slots.

        Airflow shows it beside the DAG, asks for it at every parse, and keeps no version of it.
        """
        following = next_slots(self.schedule, _now(), SLOTS_TOLD)
        slots = ", ".join(f"{slot:%a %Y-%m-%d %H:%M}" for slot in following)
        told = f". Next: {slots}."
        words = str(self.schedule)
        room = LONGEST - len(told)
        return (words if len(words) <= room else f"{words[: room - 1]}…") + told

    @description.setter
    def description(self, cron: str) -> None:
        """What Airflow would say of the cron expressions is not told."""

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """The next run: for the last slot that passed meanwhile, or else for the next to come."""
        last = last_automated_data_interval
        if restriction.catchup:
            return super().next_dagrun_info(
                last_automated_data_interval=last, restriction=restriction
            )
        now = _now()
        written = min(registry.written_at(self.connection_id) or _NEVER, now)
        if last is not None:
            since = last.end if self._is_slot(last.end) else max(last.end, written)
            return self._after(since, restriction)
        first = self._after(written, restriction)
        late = first is not None and first.run_after < now - LATE
        # Switched on for the first time, long after it was written.
        return self._after(now, restriction) if late else first

    def _is_slot(self, moment: datetime) -> bool:
        """Whether this schedule has had the slot of a run, so that it is taken for unchanged.

        Whatever else was edited in the file since, what has passed may wait for a run to end.
        """
        return next_slots(self.schedule, moment - _MOMENT, 1) == [moment]

    def _after(self, moment: datetime, restriction: TimeRestriction) -> DagRunInfo | None:
        return super().next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(coerce_datetime(moment)),
            restriction=restriction,
        )

    def serialize(self) -> dict[str, Any]:
        """What Airflow keeps, and makes the timetable of again."""
        return {
            "connection": self.connection_id,
            "crons": list(self.schedule.crons),
            "timezone": self.schedule.timezone,
            "words": self.schedule.words,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ScheduleTimetable:
        """The timetable of what Airflow has kept."""
        schedule = Schedule(tuple(data["crons"]), data["timezone"], words=data["words"])
        return cls(data["connection"], schedule)


def _now() -> datetime:
    return datetime.now(UTC)
