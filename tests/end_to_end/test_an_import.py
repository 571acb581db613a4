"""An import, for real: embedded PostgreSQL, the exposure API, Airflow's four processes."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest

from profile_exchange.domain.fates import Fate, Step
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks
from tests.end_to_end.driving import CONNECTION, Commanded, airflow, recorded, seen

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]


def test_an_import_goes_through_every_step(imported: RunState) -> None:
    assert imported.succeeded
    assert {task.task for task in imported.tasks} == {*(step.value for step in Step), "notify"}


def test_its_counts_add_up_and_rows_have_arrived(
    installation: Installation, imported: RunState
) -> None:
    row = recorded(installation, imported.run_id)
    assert row["received"] == sum(row[fate.value] for fate in Fate)
    assert row["modified"] > 100
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        query = "select count(*) from tenant.profile where properties ?| %s"
        targets = ["TaylorTimes_Section", "TaylorTimes_Newsletters", "TaylorTimes_Since"]
        found = store.execute(query, [targets]).fetchone()
    assert found is not None
    assert found[0] > 100


def test_the_runs_note_says_the_counts(installation: Installation, imported: RunState) -> None:
    row = recorded(installation, imported.run_id)
    note = airflow(installation, "GET", f"/dags/{CONNECTION}/dagRuns/{imported.run_id}")["note"]
    assert note.startswith(f"received {row['received']} = ")
    assert f"modified {row['modified']}" in note


def test_a_finished_import_starts_a_dag_that_is_scheduled_on_the_store(
    installation: Installation, imported: RunState
) -> None:
    row = recorded(installation, imported.run_id)
    counts = {"received": row["received"], **{fate.value: row[fate.value] for fate in Fate}}
    told = {"connection": CONNECTION, "run_id": imported.run_id, "counts": counts}
    events = [
        (event["uri"], event["extra"]) for event in stored_events(installation, imported.run_id)
    ]
    # One each time that it was reported: another test may have cleared it.
    store = "x-profile-exchange://harbor-goods/profiles"
    assert events == [(store, told)] * times_reported(installation, imported.run_id)
    assert events
    seen(
        installation,
        lambda: bool(airflow(installation, "GET", "/dags/after_an_import/dagRuns")["dag_runs"]),
        "The DAG that is scheduled on the profile store did not run",
        60,
    )
    # The other tests' imports need not start it, too.
    airflow(installation, "PATCH", "/dags/after_an_import", json={"is_paused": True})


def stored_events(installation: Installation, run_id: str) -> list[dict[str, Any]]:
    """The asset events that a run has told."""
    asked = {"source_dag_id": CONNECTION, "source_run_id": run_id}
    found: list[dict[str, Any]] = airflow(installation, "GET", "/assets/events", params=asked)[
        "asset_events"
    ]
    return found


def times_reported(installation: Installation, run_id: str) -> int:
    """How often a run has come to its end: once, and once more each time it was cleared."""
    path = f"/dags/{CONNECTION}/dagRuns/{run_id}/taskInstances/{Step.REPORT}/tries"
    tries = airflow(installation, "GET", path)["task_instances"]
    return [each["state"] for each in tries].count("success")


def test_a_second_import_of_unchanged_data_writes_nothing(
    installation: Installation, imported: RunState, repeated: Commanded
) -> None:
    again = repeated.state
    assert again.succeeded
    assert not repeated.wrote
    first, second = (recorded(installation, run.run_id) for run in (imported, again))
    assert (second["modified"], second["unchanged"]) == (0, first["modified"] + first["unchanged"])
    assert second["unique_received"] == first["unique_received"]
    assert stored_events(installation, again.run_id) == []


def test_an_exposing_connection_has_a_run_of_its_own(
    installation: Installation, checked: RunState
) -> None:
    assert checked.succeeded
    latest, *_ = exposure_checks(installation.store_url("taylor-times"), "harbor-goods")
    assert latest.run_id == checked.run_id
    assert latest.exposed
    assert set(latest.exposed) >= {"subscribers"}


def test_xcoms_carry_counts_and_references_and_no_value(
    installation: Installation, imported: RunState
) -> None:
    path = f"/dags/{CONNECTION}/dagRuns/{imported.run_id}/taskInstances/~/xcomEntries"
    entries = airflow(installation, "GET", path, params={"limit": 100})["xcom_entries"]
    values = [
        airflow(
            installation,
            "GET",
            f"/dags/{CONNECTION}/dagRuns/{imported.run_id}/taskInstances/{entry['task_id']}"
            f"/xcomEntries/{entry['key']}",
            params={"map_index": entry["map_index"]},
        )["value"]
        for entry in entries
    ]
    text = json.dumps(values)
    assert values
    assert "@" not in text
    assert len(text) < 3000


def test_logs_hold_no_mail_address_and_no_secret(
    installation: Installation, imported: RunState
) -> None:
    secrets = [path.read_text().strip() for path in installation.layout.secrets.iterdir()]
    logs = [*installation.layout.logs.glob("*.log"), *installation.layout.airflow.rglob("*.log")]
    text = "\n".join(log.read_text(errors="replace") for log in logs)
    assert text
    assert not re.search(r"@example\.(com|org|net)", text)
    assert not [secret for secret in secrets if len(secret) > 8 and secret in text]
