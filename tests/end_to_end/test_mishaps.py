"""What goes wrong in a running installation, and what is said of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from tests.end_to_end.driving import CONNECTION, airflow, edited, exchange, finished, recorded, seen

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]


def test_a_wrong_secret_fails_at_once_and_says_what_to_change(installation: Installation) -> None:
    path = "/connections/taylor_times"
    stored = airflow(installation, "GET", path)
    # Airflow tells no secret: the right one is issued again afterwards.
    wrong = {"connection_id": "taylor_times", "conn_type": stored["conn_type"]}
    mask = {"update_mask": ["password"]}
    airflow(installation, "PATCH", path, params=mask, json={**wrong, "password": "not-the-secret"})
    try:
        state = finished(installation)
        check = exchange(installation, "check", CONNECTION)
    finally:
        key, secret = _issued(installation)
        right = {**wrong, "login": key, "password": secret}
        mask = {"update_mask": ["login", "password"]}
        airflow(installation, "PATCH", path, params=mask, json=right)
    assert not state.succeeded
    assert _tries(installation, state, "authenticate") == 1
    assert "does not accept the consumer key and secret" in check.stdout + check.stderr
    assert check.returncode == 3


def _issued(installation: Installation) -> tuple[str, str]:
    from profile_exchange.tenants.postgres.credentials import issue

    store = installation.store_url("taylor-times")
    issued = issue(store, "harbor-goods", now=datetime.now(UTC))
    return issued.key, issued.secret


def _tries(installation: Installation, state: RunState, task: str) -> int:
    path = f"/dags/{CONNECTION}/dagRuns/{state.run_id}/taskInstances/{task}"
    return int(airflow(installation, "GET", path)["try_number"])


def test_a_segment_that_left_the_grant_fails_the_run_by_name(installation: Installation) -> None:
    grant = installation.project.connections / "harbor-goods.yaml"
    with edited(grant, ("segments: [subscribers, ", "segments: [")):
        state = finished(installation)
        check = exchange(installation, "check", CONNECTION)
    assert not state.succeeded
    assert _tries(installation, state, "authenticate") == 1
    assert "segment subscribers" in check.stdout + check.stderr


def test_an_unknown_key_is_an_import_error_and_hides_no_other_connection(
    installation: Installation, imported: RunState
) -> None:
    file = installation.project.connections / "broken.yaml"
    text = (installation.project.connections / "taylor-times.yaml").read_text()
    file.write_text(text.replace("strategy: ADD", "strategie: ADD"))
    try:
        seen(
            installation,
            lambda: any("strategie" in error for error in installation.api.import_errors()),
            "Airflow did not show the mistake",
        )
        (error,) = installation.api.import_errors()
        validated = exchange(installation, "validate")
        known = installation.api.dag_is_known(CONNECTION)
    finally:
        file.unlink()
    assert re.search(r"broken\.yaml:\d+: import\.mappings\[1\]\.strategie: .*'strategy'", error)
    assert "strategie" in validated.stdout + validated.stderr
    assert validated.returncode == 2
    assert known


def test_an_exposure_api_that_goes_away_and_comes_back_costs_nothing(
    installation: Installation, imported: RunState
) -> None:
    from profile_exchange.installation import services
    from profile_exchange.installation.airflow_environment import exchange_environment

    stopped: list[str] = []

    def stop_in_the_pull(state: RunState) -> None:
        pulling = any(task.task == "pull" and task.state == "running" for task in state.tasks)
        if pulling and not stopped:
            installation.supervisor.stop(["exposure-api"])
            stopped.append(state.run_id)
            environment = exchange_environment(installation.layout, installation.project)
            port = int(installation.exposure_url.rsplit(":", 1)[1])
            command = services.exposure_api(installation.layout, environment, port)
            installation.supervisor.start(command)

    state = finished(installation, watch=stop_in_the_pull)
    assert stopped
    assert state.succeeded
    before, after = (recorded(installation, run.run_id) for run in (imported, state))
    assert after["received"] == before["received"]
