"""What ``exchange doctor`` says of the Airflow connections that the files name."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.connection import Connection

from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.installation.checkup.finding import State, ok
from profile_exchange.installation.ports import LOOPBACK, any_free_port
from profile_exchange.orchestration import checkup as orchestration_checkup
from profile_exchange.orchestration.checkup import checkup
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE
from tests.airflow.mail_server import MailServer

SECRET = "the-consumer-secret"
MAILS = "notifications: {emails: [ada@example.com]}\n"


@pytest.fixture
def connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the connections, one of which imports and sends mails."""
    for name in ("connections", "tenants"):
        shutil.copytree(PROJECT_ROOT / "include" / name, tmp_path / name)
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(tmp_path / name))
    file = tmp_path / "connections" / "taylor-times.yaml"
    file.write_text(MAILS + file.read_text())
    credentials(monkeypatch)
    settings.cache_clear()
    yield tmp_path / "connections"
    settings.cache_clear()


def credentials(monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    right = {"host": "taylor-times.localhost", "login": "key", "password": SECRET}
    stored = Connection("taylor_times", CONNECTION_TYPE, **{**right, **changed})
    monkeypatch.setenv("AIRFLOW_CONN_TAYLOR_TIMES", stored.get_uri())


def mails_through(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"from_email": "exchange@example.com", "disable_ssl": True, "disable_tls": True}
    stored = Connection("smtp_default", "smtp", host=LOOPBACK, port=port, extra=json.dumps(extra))
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", stored.get_uri())


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections come from the environment here; Airflow's database is another test's."""
    monkeypatch.setattr(orchestration_checkup, "_database_answers", lambda: True)
    migrated = ok("migrations", "Airflow's database is at the version of this Airflow.")
    monkeypatch.setattr(orchestration_checkup, "_schema", lambda: migrated)


def states() -> dict[str, State]:
    found = list(checkup())
    assert SECRET not in repr(found)
    assert found.pop(0).check == "migrations"
    return {finding.check: finding.state for finding in found}


def test_credentials_and_a_mail_server_that_answers_are_sound(
    connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailServer().running() as server:
        mails_through(server.port, monkeypatch)
        assert states() == {"credentials": State.OK, "mail": State.OK}
        assert server.mails == []


def test_a_mail_server_that_is_away_is_found(
    connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails_through(any_free_port(), monkeypatch)
    assert states() == {"credentials": State.OK, "mail": State.WRONG}


def test_a_mail_server_that_nobody_has_named_is_found(
    connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://127.0.0.1:25")
    assert states()["mail"] is State.WRONG


def test_who_wants_no_mail_needs_no_mail_server(connections: Path) -> None:
    file = connections / "taylor-times.yaml"
    file.write_text(file.read_text().removeprefix(MAILS))
    assert states() == {"credentials": State.OK}


def test_credentials_for_another_host_are_found(
    connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, host="elsewhere.example.com")
    mails_through(any_free_port(), monkeypatch)
    assert states()["credentials"] is State.WRONG


@pytest.fixture
def airflow(connections: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of an Airflow whose database is a file that is not there yet."""
    database = f"sqlite:///{tmp_path}/airflow.db"
    path = os.pathsep.join([str(PROJECT_ROOT / "include"), str(PROJECT_ROOT)])
    own = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    return {**os.environ, **own, "PYTHONPATH": path}


def looked(environment: dict[str, str]) -> dict[str, str]:
    """What the module prints: each check with its state."""
    command = [sys.executable, "-m", "profile_exchange.orchestration.checkup"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert SECRET not in done.stdout + done.stderr
    [answer] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[{")]
    return {found["check"]: found["state"] for found in answer}


def test_where_airflows_database_is_away_that_is_said_and_nothing_is_called_wrong(
    airflow: dict[str, str],
) -> None:
    assert looked(airflow) == {"kept by Airflow": "skipped"}


def test_a_database_of_another_airflow_is_found(
    airflow: dict[str, str], connections: Path, tmp_path: Path
) -> None:
    file = connections / "taylor-times.yaml"
    file.write_text(file.read_text().removeprefix(MAILS))
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=airflow, capture_output=True, check=True)
    assert looked(airflow) == {"migrations": "ok", "credentials": "ok"}
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        database.execute("delete from alembic_version")
    assert looked(airflow)["migrations"] == "wrong"
