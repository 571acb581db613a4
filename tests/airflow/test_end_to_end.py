"""The whole thing, for real: embedded PostgreSQL, the exposure API, Airflow's four processes.

One installation serves all tests of this file. Each test leaves it as it found it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.fates import APPROVE, Fate, Step
from profile_exchange.installation.airflow_api import RunState, TaskState
from profile_exchange.installation.airflow_environment import Project
from profile_exchange.installation.launch import Installation
from profile_exchange.sample import loading
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks
from tests.folders import enterable

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]

CONNECTION = "taylor-times"
PROFILES = 3000
#: Small pages, so that there is a middle of a pull to break.
PAGE_SIZE = 20
#: A DAG of somebody else's, who wants to know of new profiles.
AFTER_AN_IMPORT = """
from airflow.sdk import DAG, Asset, task

with DAG("after_an_import", schedule=Asset("x-profile-exchange://harbor-goods/profiles")):
    task(task_id="look")(lambda: None)()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project's DAGs and plugins, one DAG more, and a configuration to break."""
    folder = tmp_path_factory.mktemp("configuration")
    for name in ("include/connections", "include/tenants", "dags", "plugins"):
        shutil.copytree(PROJECT_ROOT / name, folder / Path(name).name)
    (folder / "dags" / "after_an_import.py").write_text(AFTER_AN_IMPORT)
    return Project(folder, connections=folder / "connections", tenants=folder / "tenants")


@pytest.fixture(scope="module")
def installation(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A running installation with the sample tenants."""

    def fill(tenant_id: str, url: str) -> None:
        loading.load(tenant_id, url, PROFILES, now=datetime.now(UTC))

    state = enterable(tmp_path_factory.mktemp("installation"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXCHANGE_PAGE_SIZE", str(PAGE_SIZE))
        # What retrying waits for is shortened here, and tried at full length nowhere.
        patch.setenv("EXCHANGE_RETRY_SECONDS", "1")
        with Installation(state, project, fill=fill) as running:
            running.wait_for_dag(CONNECTION)
            for dag_id in (CONNECTION, "harbor-goods", "after_an_import"):
                running.switch_on(dag_id)
            yield running


@pytest.fixture(scope="module")
def imported(installation: Installation) -> RunState:
    """The first import, which most tests look back at."""
    return finished(installation)


def finished(
    installation: Installation,
    dag_id: str = CONNECTION,
    watch: Callable[[RunState], None] = lambda _: None,
) -> RunState:
    run_id = installation.api.trigger(dag_id)
    for state in installation.follow(dag_id, run_id):
        watch(state)
    return state


def recorded(installation: Installation, run_id: str) -> Mapping[str, Any]:
    """The run's row in the importing tenant's database, its newest attempt."""
    query = select(runs).where(runs.c.run_id == run_id).order_by(runs.c.seq.desc()).limit(1)
    with engine_for(installation.store_url("harbor-goods")).connect() as database:
        return database.execute(query).mappings().one()


def airflow(installation: Installation, method: str, path: str, **options: Any) -> Any:
    """A request to Airflow's REST API that the launcher has no need of."""
    answer = installation.api._authorised(method, f"/api/v2{path}", **options)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def exchange(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as its user calls it beside this installation."""
    environment = {
        **os.environ,
        "EXCHANGE_STATE_DIR": str(installation.layout.state),
        "EXCHANGE_SECRETS_DIR": str(installation.layout.secrets),
        "EXCHANGE_CONNECTIONS_DIR": str(installation.project.connections),
        "EXCHANGE_TENANTS_DIR": str(installation.project.tenants),
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    command = [str(Path(sys.executable).with_name("exchange")), *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


@contextmanager
def edited(file: Path, *changes: tuple[str, str]) -> Iterator[None]:
    """A configuration file with some text replaced, for as long as the context lasts."""
    before = file.read_text()
    after = before
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)


def test_an_import_goes_through_every_step(imported: RunState) -> None:
    assert imported.succeeded
    assert {task.task for task in imported.tasks} == {step.value for step in Step}


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
    [event] = stored_events(installation, imported.run_id)
    assert event["uri"] == "x-profile-exchange://harbor-goods/profiles"
    counts = {fate.value: row[fate.value] for fate in Fate}
    told = {"connection": CONNECTION, "run_id": imported.run_id}
    assert event["extra"] == {**told, "counts": {"received": row["received"], **counts}}
    installation.supervisor.wait_until(
        lambda: bool(airflow(installation, "GET", "/dags/after_an_import/dagRuns")["dag_runs"]),
        "The DAG that is scheduled on the profile store did not run",
        60,
    )


def stored_events(installation: Installation, run_id: str) -> list[dict[str, Any]]:
    """The asset events that a run has told."""
    asked = {"source_dag_id": CONNECTION, "source_run_id": run_id}
    found: list[dict[str, Any]] = airflow(installation, "GET", "/assets/events", params=asked)[
        "asset_events"
    ]
    return found


def test_a_second_import_of_unchanged_data_writes_nothing(
    installation: Installation, imported: RunState
) -> None:
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        query = "select max(modified_at), sum(xmin::text::bigint) from tenant.profile"
        before = store.execute(query).fetchone()
    again = finished(installation)
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        assert store.execute(query).fetchone() == before
    first, second = (recorded(installation, run.run_id) for run in (imported, again))
    assert (second["modified"], second["unchanged"]) == (0, first["modified"] + first["unchanged"])
    assert second["unique_received"] == first["unique_received"]
    assert stored_events(installation, again.run_id) == []


def test_an_exposing_connection_has_a_run_of_its_own(installation: Installation) -> None:
    ended = finished(installation, "harbor-goods")
    assert ended.succeeded
    latest, *_ = exposure_checks(installation.store_url("taylor-times"), "harbor-goods")
    assert latest.run_id == ended.run_id
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
        installation.supervisor.wait_until(
            lambda: any("strategie" in error for error in installation.api.import_errors()),
            "Airflow did not show the mistake",
            120,
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


def test_run_prints_one_json_object(installation: Installation, imported: RunState) -> None:
    done = exchange(installation, "run", CONNECTION, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    figures = {"counts", "properties", "exchange"}
    assert set(answer) == {"connection", "run_id", "state", "outcome", *figures}
    assert answer["connection"] == CONNECTION
    assert answer["state"] == "success"
    counts = answer["counts"]
    assert counts["received"] == sum(v for name, v in counts.items() if name != "received")
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
    done = exchange(installation, "doctor", "--json")
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
    installation: Installation, imported: RunState
) -> None:
    done = exchange(installation, "preview", CONNECTION, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    counts, row = answer["would_be"]["counts"], recorded(installation, answer["run_id"])
    assert counts["modified"] == 0 < counts["unchanged"]
    assert (row["state"], row["received"]) == ("previewed", counts["received"])
    state = installation.api.run(CONNECTION, answer["run_id"])
    skipped = {task.task for task in state.tasks if task.state == "skipped"}
    assert (state.state, skipped) == ("success", {Step.UPSERT, Step.REPORT})
    note = airflow(installation, "GET", f"/dags/{CONNECTION}/dagRuns/{state.run_id}")["note"]
    assert note.startswith("preview, nothing was written; would be: received")
    assert "previewed: would be" in exchange(installation, "history", CONNECTION).stdout


def test_a_person_approves_or_refuses_in_airflow(
    installation: Installation, imported: RunState
) -> None:
    file = installation.project.connections / "taylor-times.yaml"
    with edited(file, ("import:", "import:\n  approval: {when: required, timeout: 1h}")):
        installation.supervisor.wait_until(
            lambda: asks(installation), "Airflow did not read the change", 120
        )
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(exchange, installation, "run", CONNECTION)
            installation.supervisor.wait_until(
                lambda: bool(installation.api.going(CONNECTION)), "No run was started", 60
            )
            (run_id,) = installation.api.going(CONNECTION)
            refused = answered(installation, run_id, "Reject")
        approved = answered(installation, installation.api.trigger(CONNECTION), "Approve")
    installation.supervisor.wait_until(
        lambda: not asks(installation), "Airflow did not read the change back", 120
    )
    rows = [recorded(installation, state.run_id) for state in (refused, approved)]
    decided = [(row["state"], row["decided_by"]) for row in rows]
    assert decided == [("refused", installation.user), ("succeeded", installation.user)]
    skipped = {task.task for task in refused.tasks if task.state == "skipped"}
    assert (refused.state, skipped) == ("success", {Step.UPSERT, Step.REPORT})
    assert running.result().returncode == 1
    assert f"{run_id}/tasks/approve/required_actions" in running.result().stdout
    assert f"refused by {installation.user}" in running.result().stdout


def asks(installation: Installation) -> bool:
    tasks = airflow(installation, "GET", f"/dags/{CONNECTION}/tasks")["tasks"]
    return any(task["task_id"] == APPROVE for task in tasks)


def answered(installation: Installation, run_id: str, option: str) -> RunState:
    """The end of a run whose question is answered, once it has been asked."""
    waiting = TaskState(APPROVE, -1, "awaiting_input")
    path = f"/dags/{CONNECTION}/dagRuns/{run_id}/taskInstances/{APPROVE}/-1/hitlDetails"
    for state in installation.follow(CONNECTION, run_id):
        if waiting in state.tasks:
            question = airflow(installation, "GET", path)
            assert "| received |" in question["body"]
            assert "@" not in question["body"]
            airflow(installation, "PATCH", path, json={"chosen_options": [option]})
    return state


def test_runs_triggered_at_once_and_one_that_is_cleared_meanwhile_take_turns(
    installation: Installation, imported: RunState
) -> None:
    first_row = recorded(installation, imported.run_id)
    total, more = summed(installation), read_more(installation)
    began = datetime.now(UTC)
    with ThreadPoolExecutor(2) as threads:
        triggered = list(threads.map(installation.api.trigger, [CONNECTION, CONNECTION]))
    installation.supervisor.wait_until(
        lambda: bool(times(installation, triggered, began)), "Neither run was started", 60
    )
    clear = {"dag_run_id": imported.run_id, "task_ids": [Step.UPSERT], "include_downstream": True}
    options = {"dry_run": False, "only_failed": False, **clear}
    airflow(installation, "POST", f"/dags/{CONNECTION}/clearTaskInstances", json=options)
    ids = [*triggered, imported.run_id]
    ended = [list(installation.follow(CONNECTION, run_id))[-1] for run_id in ids]
    assert [state.state for state in ended] == ["success"] * 3

    stretches = sorted(times(installation, ids, began))
    assert {run_id for *_, run_id in stretches} == set(ids)
    for (_, end, one), (start, _, next_one) in pairwise(stretches):
        assert one == next_one or end <= start
    assert len([*groupby(stretches, key=lambda stretch: stretch[2])]) == len(ids)

    rows = [recorded(installation, run_id) for run_id in triggered]
    for row in rows:
        assert row["received"] == sum(row[fate.value] for fate in Fate) == first_row["received"]
    assert sorted(row["modified"] for row in rows) == [0, more]
    assert summed(installation) == total + more
    assert recorded(installation, imported.run_id) == first_row


def times(
    installation: Installation, run_ids: Sequence[str], since: datetime
) -> list[tuple[str, str, str]]:
    """When tasks of some runs were at work since a moment: start, end, run."""
    found = []
    for run_id in run_ids:
        path = f"/dags/{CONNECTION}/dagRuns/{run_id}/taskInstances"
        for task in airflow(installation, "GET", path)["task_instances"]:
            start = task["start_date"]
            if start and datetime.fromisoformat(start) >= since:
                found.append((start, task["end_date"] or "", run_id))
    return found


def summed(installation: Installation) -> int:
    """What all profiles hold in the property that is added up."""
    total = "sum((properties->'TaylorTimes_Articles'->>0)::bigint)"
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        row = store.execute(f"select {total} from tenant.profile").fetchone()
    assert row is not None
    return int(row[0])


def read_more(installation: Installation, readers: int = 5) -> int:
    """Some whose articles are added up read one more. Returns how many."""
    wins = "select source_id from exchange.contribution where amount > 0 limit %s"
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        ids = [row[0] for row in store.execute(wins, [readers])]
    one_more = """
        update tenant.profile set properties = properties || jsonb_build_object('articles_read',
            jsonb_build_array(((properties->'articles_read'->>0)::int + 1)::text))
        where id = any(%s)
    """
    with psycopg.connect(installation.store_url("taylor-times")) as store:
        assert store.execute(one_more, [ids]).rowcount == readers
    return readers


def test_a_backfill_is_refused_because_its_runs_would_go_side_by_side(
    installation: Installation, imported: RunState
) -> None:
    """Airflow counts them apart from the DAG's other runs, of which one goes at a time."""
    file = installation.project.connections / "taylor-times.yaml"
    past = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-09T00:00:00Z"}
    with edited(file, ("import:", "schedule: {cron: '0 6 1 1 *'}\nimport:")):
        installation.supervisor.wait_until(
            lambda: is_scheduled(installation), "Airflow did not read the change", 120
        )
        answer = installation.api._authorised(
            "POST", "/api/v2/backfills", json={"dag_id": CONNECTION, **past}
        )
    installation.supervisor.wait_until(
        lambda: not is_scheduled(installation), "Airflow did not read the change back", 120
    )
    assert answer.status_code == 400, answer.text
    assert "does not allow backfill runs" in answer.text


def is_scheduled(installation: Installation) -> bool:
    summary = airflow(installation, "GET", f"/dags/{CONNECTION}")["timetable_summary"]
    return bool(summary) and "0 6 1 1" in summary


def test_a_second_installation_in_the_same_folder_is_told_so(installation: Installation) -> None:
    done = exchange(installation, "up", "--once")
    assert done.returncode == 3
    assert "already" in done.stderr
    assert "Traceback" not in done.stderr
