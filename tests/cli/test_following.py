"""Progress counts a step's tasks, in the order of the DAG, with or without a terminal."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from profile_exchange.cli.fates_table import fates_table
from profile_exchange.cli.following import StepProgress, follow, progress_of
from profile_exchange.cli.triggering import run_to_the_end, telling_who_is_asked
from profile_exchange.domain.connection import Approval, Connection, ImportGoal, Partner
from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.fates import MEANINGS, Fate, FateCounts
from profile_exchange.installation.airflow_api import RunState, TaskState

STATES = [
    RunState("r1", "running", (TaskState("authenticate", -1, "running"),)),
    RunState(
        "r1",
        "running",
        (
            TaskState("pull", 0, "success"),
            TaskState("pull", 1, "running"),
            TaskState("authenticate", -1, "success"),
        ),
    ),
    RunState(
        "r1",
        "failed",
        (
            TaskState("authenticate", -1, "success"),
            TaskState("pull", 0, "success"),
            TaskState("pull", 1, "failed"),
            TaskState("join", -1, "upstream_failed"),
        ),
    ),
]


def test_steps_come_in_the_order_of_the_dag_with_their_tasks_counted() -> None:
    assert list(progress_of(STATES[1].tasks)) == [
        StepProgress("authenticate", 1, 1, "success"),
        StepProgress("pull", 1, 2, "running"),
    ]


def test_a_step_with_one_failed_task_has_failed() -> None:
    assert list(progress_of(STATES[2].tasks))[1:] == [
        StepProgress("pull", 2, 2, "failed"),
        StepProgress("join", 1, 1, "upstream_failed"),
    ]


def test_a_task_that_is_no_step_comes_last() -> None:
    tasks = [TaskState("notify", -1, None), TaskState("report", -1, "success")]
    assert [step.step for step in progress_of(tasks)] == ["report", "notify"]


def test_without_a_terminal_each_step_is_one_line_once() -> None:
    console = Console(file=io.StringIO(), width=80)
    assert follow(STATES, console) is STATES[-1]
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().split("\n") == [
        "  authenticate       1/1 success",
        "  pull               2/2 failed",
        "  join               1/1 upstream_failed",
        "",
    ]


def test_on_a_terminal_the_last_state_of_each_step_stays() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    follow(STATES, console)
    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().rsplit("authenticate", 1)[-1]
    assert "2/2 failed" in last
    assert "1/1 upstream failed" in last


def test_a_run_without_a_state_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one state"):
        follow([], Console(file=io.StringIO()))


def test_the_table_of_fates_has_every_fate_and_the_sum() -> None:
    assert list(MEANINGS) == list(Fate)
    console = Console(file=io.StringIO(), width=100)
    console.print(fates_table("Taylor Times", FateCounts(received=1234, unmatched=1234)))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.count("1,234") == 2
    assert all(fate.value in shown for fate in Fate)


def test_a_run_that_waits_for_a_person_says_once_where_to_answer() -> None:
    asking = RunState("r1", "running", (TaskState("approve", -1, "awaiting_input"),))
    console = Console(file=io.StringIO(), width=80)
    goal = ImportGoal("x", approval=Approval(timeout=timedelta(hours=8)))
    partner = Partner("Taylor Times", "taylor-times.localhost")
    found = Connection("taylor-times", "Taylor Times", "harbor-goods", partner, importing=goal)
    states = [asking, asking, STATES[-1]]
    assert list(telling_who_is_asked(states, "http://airflow", found, console)) == states
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == (
        "  waits for 8:00:00 for a person to approve it at "
        "http://airflow/dags/taylor-times/runs/r1/tasks/approve/required_actions\n"
    )


class SwitchedOff:
    """Airflow, where no connection is switched on."""

    def dag_is_known(self, dag_id: str) -> bool:
        return True

    def is_switched_on(self, dag_id: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("conf", "says", "hides"),
    [
        ({}, "`exchange run daily --switch-on`", "schedule"),
        ({"preview": True}, "switch it on there", "exchange run"),
    ],
    ids=["run", "preview"],
)
def test_where_a_connection_is_off_a_preview_is_not_told_to_run(
    conf: dict[str, Any], says: str, hides: str
) -> None:
    daily = Connection("daily", "Daily", "harbor-goods", Partner("Daily", "daily.example.com"))
    api: Any = SwitchedOff()
    with pytest.raises(FatalError) as raised:
        run_to_the_end(api, daily, conf, Console(), switch_on=False)
    assert says in str(raised.value)
    assert hides not in str(raised.value)


def test_the_task_that_asks_a_person_stands_between_gate_and_upsert() -> None:
    tasks = [TaskState(name, -1, None) for name in ("upsert", "approve", "gate")]
    assert [step.step for step in progress_of(tasks)] == ["gate", "approve", "upsert"]
