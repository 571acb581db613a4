"""A run waits for a person, who decides in Airflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from profile_exchange.domain.fates import APPROVE, Step
from profile_exchange.installation.airflow_api import RunState, TaskState
from profile_exchange.installation.launch import Installation
from tests.end_to_end.configured import ASKING
from tests.end_to_end.driving import airflow, exchange_running, recorded, seen

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]


def test_a_person_approves_or_refuses_in_airflow(
    installation: Installation, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    with exchange_running(installation, told, "run", ASKING) as running:
        seen(installation, lambda: bool(installation.api.going(ASKING)), "No run was started", 60)
        (run_id,) = installation.api.going(ASKING)
        address = f"{run_id}/tasks/approve/required_actions"
        refused = answered(installation, run_id, "Reject", lambda: address in told.read_text())
        assert running.wait(60) == 1
    approved = answered(installation, installation.api.trigger(ASKING), "Approve")
    rows = [recorded(installation, state.run_id) for state in (refused, approved)]
    decided = [(row["state"], row["decided_by"]) for row in rows]
    assert decided == [("refused", installation.user), ("succeeded", installation.user)]
    skipped = {task.task for task in refused.tasks if task.state == "skipped"}
    assert (refused.state, skipped) == ("success", {Step.UPSERT, Step.REPORT})
    assert f"refused by {installation.user}" in told.read_text()


def answered(
    installation: Installation, run_id: str, option: str, told: Callable[[], bool] = lambda: True
) -> RunState:
    """The end of a run whose question is answered, once it has been asked and somebody told.

    Airflow may ask again where the answer came before it had seen that the question was asked.
    """
    waiting = TaskState(APPROVE, -1, "awaiting_input")
    path = f"/dags/{ASKING}/dagRuns/{run_id}/taskInstances/{APPROVE}/-1/hitlDetails"
    for state in installation.follow(ASKING, run_id):
        if waiting not in state.tasks or not told():
            continue
        question = airflow(installation, "GET", path)
        if not question["response_received"]:
            assert "| received |" in question["body"]
            assert "@" not in question["body"]
            airflow(installation, "PATCH", path, json={"chosen_options": [option]})
    return state
