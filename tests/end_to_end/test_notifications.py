"""Who is told what, for real: mails from a real Airflow to a real server, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import httpx
import msgspec
import psycopg
import pytest
from psycopg import sql

from profile_exchange.domain.fates import Fate
from profile_exchange.installation import metadata_database
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from tests.airflow.mail_server import MailServer, text_of
from tests.end_to_end.configured import IMPORTING, MAGPIE, OPERATOR, SECOND, SECRET, SENDER, TOKEN
from tests.end_to_end.driving import Commanded, airflow, finished, recorded, seen
from tests.pipeline.exchange import profile_id
from tests.tenants import faults
from tests.tenants.over_http import Tenant
from tests.tenants.scripted_partner import Answer

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]

#: A task is tried once, and again three times.
TRIES = 4
#: What must be found nowhere, and a word in all of it.
BIRD = "canary"
MAIL = "canary-mail@example.com"


def state_of(state: RunState, task: str) -> str | None:
    (found,) = {each.state for each in state.tasks if each.task == task}
    return found


def again(installation: Installation, state: RunState, dag_id: str, task: str) -> RunState:
    """A run after one of its tasks was cleared, and has ended again."""
    asked = {"dry_run": False, "dag_run_id": state.run_id, "task_ids": [task]}
    options = {"only_failed": False, "include_downstream": True, "reset_dag_runs": True}
    airflow(installation, "POST", f"/dags/{dag_id}/clearTaskInstances", json={**asked, **options})
    *_, ended = installation.follow(dag_id, state.run_id)
    return ended


def test_a_run_is_told_once_however_often_its_tasks_run(
    installation: Installation, post: MailServer, repeated: Commanded
) -> None:
    state = repeated.state
    assert (state.state, state_of(state, "notify")) == ("success", "success")
    again(installation, state, IMPORTING, "notify")
    again(installation, state, IMPORTING, "report")
    (message,) = post.about(state.run_id)
    row = recorded(installation, state.run_id)
    assert message["Subject"] == "Taylor Times: the import succeeded"
    assert (message["From"], message["To"]) == (SENDER, OPERATOR)
    for kind in ("plain", "html"):
        text = text_of(message, kind)
        assert f"Unique profiles received from Taylor Times so far: {row['received']:,}." in text
        assert all(f"{row[fate.value]:,}" in text for fate in Fate)
        assert f"{installation.airflow_url}/dags/taylor-times/runs/manual__" in text


def test_an_exposing_connection_tells_and_other_notifiers_tell_the_same(
    post: MailServer, checked: RunState
) -> None:
    told = {str(message["To"]): message for message in post.about(checked.run_id)}
    assert set(told) == {OPERATOR, SECOND}
    assert told[OPERATOR]["Subject"] == "Harbor Goods: the check of what is exposed succeeded"
    assert told[SECOND]["Subject"] == f"told: {told[OPERATOR]['Subject']}"
    for message in told.values():
        assert "May leave: subscribers " in text_of(message)
        assert "Unique profiles sent to Harbor Goods so far: " in text_of(message)


def test_a_preview_is_told_as_what_would_be(post: MailServer, previewed: Commanded) -> None:
    state = previewed.state
    assert (state.state, state_of(state, "report")) == ("success", "skipped")
    (message,) = post.about(state.run_id)
    assert message["Subject"] == "Taylor Times: a preview of the import"
    assert "Profiles that would be" in text_of(message)


def test_a_mail_server_that_takes_nothing_does_not_change_how_a_run_ended(
    installation: Installation, post: MailServer
) -> None:
    post.refusals = TRIES
    state = finished(installation, IMPORTING)
    assert (state.state, state_of(state, "report")) == ("success", "success")
    assert (state_of(state, "notify"), post.refusals) == ("failed", 0)
    assert post.about(state.run_id) == []


def test_a_failure_is_told_from_behind_when_the_task_could_not_tell_it(
    installation: Installation, post: MailServer, magpie: Tenant
) -> None:
    magpie.secret, post.refusals = "canary-other-secret", TRIES
    state = finished(installation, MAGPIE)
    magpie.secret = SECRET
    assert (state.state, state_of(state, "authenticate")) == ("failed", "failed")
    arrived(installation, post, state.run_id)
    (message,) = post.about(state.run_id)
    assert message["Subject"] == "Magpie <b>& Sons</b>: the import failed"
    assert "does not accept the consumer key and secret" in text_of(message)
    assert "/tasks/authenticate" in text_of(message)
    assert '<h1 style="font-size: 1.3em">Magpie &lt;b&gt;&amp; Sons' in text_of(message, "html")
    assert recorded(installation, state.run_id)["state"] == "failed"


def arrived(installation: Installation, post: MailServer, run_id: str, number: int = 1) -> None:
    installation.supervisor.wait_until(
        lambda: len(post.about(run_id)) >= number, "No mail about the run arrived", 120
    )


def test_a_run_that_takes_too_long_and_then_is_killed_is_told_of_both(
    installation: Installation, post: MailServer, magpie: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(magpie, "respond", lambda _: Answer({}) if hanging.wait(300) else None)
    run_id = installation.api.trigger(MAGPIE)
    at_work = process_at_work(installation, run_id)
    with psycopg.connect(installation.server.url(metadata_database.NAME)) as database:
        # A day is long: its end is brought near.
        database.execute("update deadline set deadline_time = now() where not missed")
    arrived(installation, post, run_id)
    for _ in range(TRIES):
        os.kill(at_work, signal.SIGKILL)
        at_work = process_at_work(installation, run_id, after=at_work)
    hanging.set()
    *_, state = installation.follow(MAGPIE, run_id)
    overdue, ended = post.about(run_id)
    assert state.state == "failed"
    assert overdue["Subject"] == "Magpie <b>& Sons</b>: the import is not over after 1 d"
    assert ended["Subject"] == "Magpie <b>& Sons</b>: the import failed"
    assert "authenticate ended without saying why: it was killed" in text_of(ended)


def process_at_work(installation: Installation, run_id: str, after: int = 0) -> int:
    """The process of the run's first task, once it is another one; 0 when there is none to come."""
    path = f"/dags/{MAGPIE}/dagRuns/{run_id}/taskInstances/authenticate"
    found: list[int] = []

    def is_there() -> bool:
        task = airflow(installation, "GET", path)
        if task["state"] == "running" and task["pid"] not in (None, after):
            found.append(task["pid"])
        elif task["state"] == "failed":
            found.append(0)
        return bool(found)

    seen(installation, is_there, "The task did not start", 150)
    return found[0]


def test_a_run_that_somebody_marks_as_failed_has_failed_and_is_told(
    installation: Installation, post: MailServer, magpie: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(magpie, "respond", lambda _: Answer({}) if hanging.wait(300) else None)
    run_id = installation.api.trigger(MAGPIE)
    process_at_work(installation, run_id)
    airflow(installation, "PATCH", f"/dags/{MAGPIE}/dagRuns/{run_id}", json={"state": "failed"})
    *_, state = installation.follow(MAGPIE, run_id)
    hanging.set()
    assert (state.state, state_of(state, "notify")) == ("failed", "success")
    (message,) = post.about(run_id)
    assert message["Subject"] == "Magpie <b>& Sons</b>: the import failed"
    assert "ended without saying why: it was killed, somebody marked it" in text_of(message)


def profile(number: int, sports: str) -> bytes:
    """A profile of the magpie's."""
    values = {"email": f"p{number}@example.com", "sports": sports}
    properties = [{"id": name, "values": [value]} for name, value in values.items()]
    return msgspec.json.encode({"id": str(profile_id(number)), "properties": properties})


def test_a_mail_address_a_token_and_a_secret_are_found_nowhere(
    installation: Installation, post: MailServer, magpie: Tenant
) -> None:
    spoiled = msgspec.json.encode({"id": MAIL, "properties": [{"id": "email", "values": MAIL}]})
    held = [profile(1, "7"), profile(2, MAIL), profile(3, f"x{BIRD}"), spoiled]
    magpie.profiles = {"all": held}
    imported = finished(installation, MAGPIE)
    page = {"profiles": [{"id": MAIL, "properties": MAIL}] * 2}
    first = msgspec.json.encode({**page, "nextCursor": "2"})
    magpie.faults = [
        lambda _: Answer(first),
        lambda _: faults.cut_in_the_middle(page),
        lambda _: Answer(page, 503, {"Retry-After": "0", "X-Reason": MAIL}),
        lambda _: Answer(page, 403),
    ]
    broken = finished(installation, MAGPIE)
    row = recorded(installation, imported.run_id)
    assert (imported.state, broken.state) == ("success", "failed")
    assert (row["received"], row["rejected"], row["created"]) == (4, 3, 1)
    assert "3  broke an expectation or a type" in text_of(post.about(imported.run_id)[-1])
    assert len(post.about(broken.run_id)) == 1
    answers = asked_of_the_exposure_api(installation)
    places = {
        "files": list(written(installation)),
        "Airflow's database": list(rows(installation.server.url(metadata_database.NAME), "public")),
        "the ledgers": list(rows(installation.store_url("harbor-goods"), "exchange")),
        "mails": [text_of(mail, kind) for mail in post.mails for kind in ("plain", "html")],
    }
    for place, texts in places.items():
        assert any(MAGPIE in text.lower() for text in texts), f"nothing to look through: {place}"
        found = [text for text in texts if BIRD in text.lower() or BIRD.encode().hex() in text]
        assert not found, f"{place}: {found[0][:2000]}"
    assert len(answers) == 4
    assert not [body for body in answers if BIRD in body]


def written(installation: Installation) -> Iterator[str]:
    """What the installation's processes have written to files: logs, above all."""
    kept_elsewhere = (installation.layout.postgres, installation.layout.secrets)
    for path in installation.layout.state.rglob("*"):
        if path.is_file() and not any(folder in path.parents for folder in kept_elsewhere):
            yield path.read_text(errors="replace")


def rows(url: str, schema: str) -> Iterator[str]:
    """Every row of a schema as text, but what is staged of profiles."""
    staged = ("staged_", "matched_", "mapped_", "values_")
    with psycopg.connect(url) as database:
        query = "select table_name from information_schema.tables where table_schema = %s"
        for (name,) in database.execute(query, [schema]).fetchall():
            if not name.startswith(staged):
                table = sql.Identifier(schema, name)
                found = database.execute(sql.SQL("select t::text from {} t").format(table))
                yield from (text for (text,) in found)


def asked_of_the_exposure_api(installation: Installation) -> list[str]:
    """What the exposure API answers to whoever gets it wrong."""
    host = {"Host": "taylor-times.localhost"}
    form = {"grant_type": "client_credentials", "client_id": MAIL, "client_secret": SECRET}
    with httpx.Client(base_url=f"{installation.exposure_url}/rest/v2", headers=host) as client:
        answers = [
            client.post("/oauth/token", data=form),
            client.post("/oauth/token", params=form),
            client.get("/segments", headers={"Authorization": f"Bearer {TOKEN}"}),
            client.get("/segments", params={"access_token": TOKEN}),
        ]
    assert all(answer.is_client_error for answer in answers)
    return [answer.text for answer in answers]
