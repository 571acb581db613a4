"""The command line beside a running installation."""

from __future__ import annotations

import json
import os

import pytest

from profile_exchange.domain.fates import Step
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.airflow_environment import Project
from profile_exchange.installation.launch import Installation
from tests.end_to_end.driving import CONNECTION, Commanded, airflow, exchange, recorded

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]


def test_run_prints_one_json_object(repeated: Commanded) -> None:
    answer = repeated.answer
    assert repeated.done.returncode == 0
    figures = {"counts", "properties", "exchange"}
    assert set(answer) == {"connection", "run_id", "state", "outcome", "failure", *figures}
    assert answer["connection"] == CONNECTION
    assert answer["state"] == "success"
    counts = answer["counts"]
    assert counts["received"] == sum(v for name, v in counts.items() if name != "received")
    assert counts["received"] > counts["modified"] == 0
    assert answer["exchange"]["received"] == counts["received"]


def test_check_says_what_is_exposed(installation: Installation) -> None:
    done = exchange(installation, "check", CONNECTION)
    assert done.returncode == 0
    for word in ("subscribers", "sports-readers", "favourite_section", "email"):
        assert word in done.stdout


def test_the_test_button_says_whether_we_are_let_in(installation: Installation) -> None:
    """Reinstall the project (`make install`) if Airflow does not know the connection type."""
    stored = airflow(installation, "GET", "/connections/taylor_times")
    kept = {name: stored[name] for name in ("connection_id", "conn_type", "host", "login", "extra")}
    right = airflow(installation, "POST", "/connections/test", json=kept)
    wrong = airflow(installation, "POST", "/connections/test", json={**kept, "password": "wrong"})
    assert right["status"], right
    assert right["message"].startswith("Authenticated at taylor-times.localhost, which exposes ")
    assert not wrong["status"]
    assert "does not accept the consumer key and secret" in wrong["message"]


def test_the_doctor_finds_a_running_installation_sound(installation: Installation) -> None:
    # The sample's connections: no partner tells the doctor its clock on loopback.
    done = exchange(installation, "doctor", "--json", connections=Project().connections)
    answer = json.loads(done.stdout)
    assert [found for found in answer["findings"] if found["state"] == "wrong"] == []
    assert (answer["sound"], done.returncode) == (True, 0)


def test_history_shows_the_runs(installation: Installation, imported: RunState) -> None:
    shown = exchange(installation, "history", CONNECTION)
    listed = exchange(installation, "history", CONNECTION, "--json")
    row = recorded(installation, imported.run_id)
    assert (shown.returncode, listed.returncode) == (0, 0)
    assert f"{row['received']:,}" in shown.stdout
    assert imported.run_id in listed.stdout


def test_a_preview_ends_at_the_gate_and_says_what_would_be(
    installation: Installation, previewed: Commanded
) -> None:
    assert previewed.done.returncode == 0, previewed.done.stderr
    answer, state = previewed.answer, previewed.state
    counts, row = answer["would_be"]["counts"], recorded(installation, answer["run_id"])
    assert counts["modified"] == 0 < counts["unchanged"]
    assert (row["state"], row["received"]) == ("previewed", counts["received"])
    assert not previewed.wrote
    skipped = {task.task for task in state.tasks if task.state == "skipped"}
    assert (state.state, skipped) == ("success", {Step.UPSERT, Step.REPORT})
    note = airflow(installation, "GET", f"/dags/{CONNECTION}/dagRuns/{state.run_id}")["note"]
    assert note.startswith("preview, nothing was written; would be: received")
    assert "previewed: would be" in exchange(installation, "history", CONNECTION).stdout


def test_a_second_installation_in_the_same_folder_is_told_so(installation: Installation) -> None:
    done = exchange(installation, "up", "--once")
    assert done.returncode == 3
    assert f"is already running (process {os.getpid()})" in done.stderr
    assert len(done.stderr.splitlines()) == 1
