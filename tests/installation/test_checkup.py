"""``exchange doctor``: each check finds what a test has broken, and says how to mend it."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.config.settings import PROJECT_ROOT, Settings, settings
from profile_exchange.installation import record
from profile_exchange.installation.checkup import (
    configured,
    databases,
    machine,
    partners,
    services,
)
from profile_exchange.installation.checkup.finding import Finding, State, Surroundings
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.record import Record
from profile_exchange.store.database import engine_for
from tests.exposure.conftest import START, exposure_url

OK, WRONG, SKIPPED = State.OK, State.WRONG, State.SKIPPED
Around = Callable[[], Surroundings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("connections", "tenants"):
        shutil.copytree(PROJECT_ROOT / "include" / name, tmp_path / name)
    (tmp_path / "tenants" / "harbor-goods.yaml").unlink()
    (tmp_path / "connections" / "taylor-times.yaml").unlink()
    (tmp_path / "secrets").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def around(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Around:
    """The surroundings as they are when they are looked at."""
    monkeypatch.delenv("EXCHANGE_AIRFLOW_URL", raising=False)

    def look() -> Surroundings:
        told = Settings(
            connections_dir=folder / "connections",
            tenants_dir=folder / "tenants",
            secrets_dir=folder / "secrets",
            state_dir=folder / "var",
        )
        return Surroundings.of(told, folder)

    return look


@pytest.fixture
def store(folder: Path, store_url: str) -> str:
    """A store of Taylor Times as `exchange up` makes it, and its secrets."""
    from profile_exchange.tenants.postgres.databases import create_role
    from profile_exchange.tenants.postgres.exposure_role import open_to_exposure

    create_role(store_url, exposure_url(store_url))
    open_to_exposure(store_url, exposure_url(store_url), now=START)
    (folder / "secrets" / "taylor-times-store").write_text(store_url)
    (folder / "secrets" / "taylor-times-store-exposure").write_text(exposure_url(store_url))
    return store_url


def states(findings: Iterable[Finding]) -> list[State]:
    found = list(findings)
    # Whatever is wrong can be mended, and only that.
    assert all(bool(each.mend) == (each.state is WRONG) for each in found)
    assert all(each.told.endswith(".") for each in found), found
    return [each.state for each in found]


def execute(url: str, statement: str) -> None:
    with engine_for(url).begin() as database:
        database.execute(text(statement))


def test_another_python_is_not_supported(around: Around) -> None:
    assert states(machine.python(around())) == [OK]
    assert states(machine.python(around(), (3, 10))) == [WRONG]
    assert states(machine.python(around(), (3, 14))) == [WRONG]
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    first, too_new = (".".join(map(str, v)) for v in (machine.FIRST_PYTHON, machine.TOO_NEW_PYTHON))
    assert project["requires-python"] == f">={first},<{too_new}"


def test_a_package_of_another_version_than_locked_is_found(around: Around, folder: Path) -> None:
    assert states(machine.packages(around())) == [SKIPPED]
    lock = folder / "requirements.txt"
    lock.write_text((PROJECT_ROOT / "requirements.txt").read_text())
    assert states(machine.packages(around())) == [OK]
    lock.write_text("httpx==0.0.1 \\\n    --hash=sha256:0\nno-such-package==1\nnor-this==1 ; x\n")
    [found] = machine.packages(around())
    assert states([found]) == [WRONG]
    assert "2 packages are not those" in found.told
    assert "not 0.0.1, no-such-package is missing" in found.told


def test_a_project_that_airflow_does_not_know_is_found(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_PROVIDERS", "nothing_is_registered_here")
    assert states(machine.connection_type(around())) == [WRONG]


def test_a_full_disk_is_found(around: Around) -> None:
    assert states(machine.disk(around())) == [OK]
    assert states(machine.disk(around(), needed=1 << 62)) == [WRONG]


def test_folders_that_are_not_there_are_found(around: Around, folder: Path) -> None:
    before = around()
    assert states(machine.folders(before)) == [OK, OK, OK]
    shutil.rmtree(folder / "connections")
    (folder / "var").touch()
    assert states(machine.folders(before)) == [WRONG, OK, WRONG]


def test_secrets_that_others_may_read_are_found(around: Around, folder: Path) -> None:
    secret = folder / "secrets" / "some-secret"
    secret.touch(mode=0o600)
    assert states(machine.secret_files(around())) == [OK]
    secret.chmod(0o644)
    assert states(machine.secret_files(around())) == [OK]
    (folder / "secrets").chmod(0o755)
    [found] = machine.secret_files(around())
    assert (found.state, "some-secret" in found.told) == (WRONG, True)
    shutil.rmtree(folder / "secrets")
    assert states(machine.secret_files(around())) == [SKIPPED]


def test_one_container_of_many_has_what_its_own_service_needs(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = around()
    assert states(configured.store_secrets(here)) == [WRONG, WRONG]
    monkeypatch.setenv("EXCHANGE_AIRFLOW_URL", "http://127.0.0.1:1")
    spread = replace(around(), in_container=True)
    assert states(configured.store_secrets(spread)) == [SKIPPED, SKIPPED]
    assert states(machine.secret_files(spread)) == [SKIPPED]
    assert len(states(machine.folders(spread))) == len(states(machine.folders(here))) - 1
    assert states(services.services(spread)) == [WRONG, SKIPPED]


def test_a_mistake_in_a_file_is_found(around: Around, folder: Path) -> None:
    assert states(configured.yaml_files(around())) == [OK]
    (folder / "connections" / "broken.yaml").write_text("title: [")
    [found] = configured.yaml_files(around())
    assert (found.state, "broken.yaml" in found.told) == (WRONG, True)


def test_a_secret_that_is_missing_or_unreadable_is_found(
    around: Around, folder: Path, store: str
) -> None:
    assert states(configured.store_secrets(around())) == [OK, OK]
    (folder / "secrets" / "taylor-times-store").unlink()
    (folder / "secrets" / "taylor-times-store-exposure").write_bytes(b"\xff")
    assert [each.state for each in configured.store_secrets(around())] == [WRONG, WRONG]


def test_a_sound_store_is_found_so(around: Around, store: str) -> None:
    assert states(databases.stores(around())) == [OK, OK, OK]
    assert states(databases.exposure_rights(around())) == [OK]


def test_a_database_that_is_away_is_found_and_its_password_not_told(
    around: Around, folder: Path
) -> None:
    assert states(databases.stores(around())) == [SKIPPED]
    away = "postgresql://user:the-password@127.0.0.1:1/away"
    for name in ("taylor-times-store", "taylor-times-store-exposure"):
        (folder / "secrets" / name).write_text(away)
    found = [*databases.stores(around()), *databases.exposure_rights(around())]
    assert states(found) == [WRONG, WRONG]
    assert "the-password" not in repr(found)


def test_a_database_that_does_not_let_us_in_is_not_to_be_started(
    around: Around, folder: Path, store: str
) -> None:
    wrong = make_url(store).set(password="another")
    secret = folder / "secrets" / "taylor-times-store"
    secret.write_text(wrong.render_as_string(hide_password=False))
    [found] = databases.stores(around())
    assert (found.state, found.mend) == (WRONG, databases.CORRECT)


def test_a_database_of_another_version_is_found(
    around: Around, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(store, "update exchange.schema_version set version_num = '0001'")
    assert states(databases.stores(around())) == [OK, OK, WRONG]
    monkeypatch.setattr(databases, "OLDEST_SERVER", 990_000)
    assert states(databases.stores(around())) == [WRONG, OK, WRONG]


def test_a_clock_that_is_not_ours_is_found(
    around: Around, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "CLOCK_TOLERANCE", -databases.CLOCK_TOLERANCE)
    assert states(databases.stores(around())) == [OK, WRONG, OK]


def test_rights_that_the_exposure_api_lacks_are_found(around: Around, store: str) -> None:
    user = make_url(exposure_url(store)).username
    execute(store, f'revoke select on exchange.credential from "{user}"')
    [found] = databases.exposure_rights(around())
    assert "may not select exchange.credential" in found.told
    assert states([found]) == [WRONG]


def test_an_exposure_api_that_owns_the_store_is_found(
    around: Around, folder: Path, store: str
) -> None:
    (folder / "secrets" / "taylor-times-store-exposure").write_text(store)
    assert states(databases.exposure_rights(around())) == [WRONG]


def test_an_installation_that_does_not_run_is_found(around: Around) -> None:
    assert states(services.services(around())) == [WRONG]
    assert states(services.ports(around())) == [SKIPPED]


@contextmanager
def answering(body: Any, **headers: str) -> Iterator[int]:
    """A server on loopback that gives everybody one answer; tells its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(json.dumps(body).encode())

        do_HEAD = do_GET  # noqa: N815 - the name the server looks for

        def log_message(self, *_: Any) -> None:
            """A test's output is no place for an access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_part_of_airflow_that_is_not_healthy_is_found() -> None:
    parts = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "unhealthy"}}
    with answering(parts) as port:
        found = list(services.airflow(f"http://127.0.0.1:{port}"))
        assert states([services.exposure_api(f"http://127.0.0.1:{port}")]) == [OK]
    assert states(found) == [OK, WRONG, WRONG]
    assert "scheduler is unhealthy" in found[1].told
    assert "dag_processor is unknown" in found[2].told
    assert states(services.airflow(f"http://127.0.0.1:{port}")) == [WRONG]
    assert states([services.exposure_api(f"http://127.0.0.1:{port}")]) == [WRONG]


def test_ports_on_which_nothing_listens_are_found(around: Around, folder: Path) -> None:
    layout = Layout((folder / "var").resolve())
    layout.make()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        record.write(layout, Record(1, airflow_port=port, exposure_port=port, postgres_port=port))
        assert states(services.ports(around())) == [OK, OK, OK]
        with record.held(layout):
            assert states(services.ports(around())) == [OK, OK, OK]
    with record.held(layout):
        assert states(services.ports(around())) == [WRONG, WRONG, WRONG]


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}, WRONG),
        ({"Date": "some time"}, SKIPPED),
        ({}, SKIPPED),
    ],
    ids=["apart", "unreadable", "missing"],
)
def test_a_partner_with_another_time_is_found(
    around: Around, headers: dict[str, str], state: State
) -> None:
    with answering({}, **headers) as port:
        assert states(partners.clocks(around(), lambda _: f"http://127.0.0.1:{port}")) == [state]


def test_a_partner_with_our_time_is_sound_and_one_that_is_away_is_found(around: Around) -> None:
    from email.utils import formatdate

    with answering({}, Date=formatdate(usegmt=True)) as port:
        assert states(partners.clocks(around(), lambda _: f"http://127.0.0.1:{port}")) == [OK]
    assert states(partners.clocks(around(), lambda _: f"http://127.0.0.1:{port}")) == [WRONG]


def exchange(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def nothing_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connections", "tenants", "secrets"):
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(folder / name))
    monkeypatch.setenv("EXCHANGE_STATE_DIR", str(folder / "var"))
    monkeypatch.delenv("EXCHANGE_AIRFLOW_URL", raising=False)
    monkeypatch.setattr(partners, "clocks", lambda _: [])
    settings.cache_clear()


@pytest.mark.usefixtures("nothing_runs")
def test_the_doctor_works_where_nothing_runs_and_says_how_to_mend_that() -> None:
    told = exchange("doctor")
    assert told.exit_code == 1, told.output
    assert "Start the installation with `exchange up`." in told.stdout
    answer = json.loads(exchange("doctor", "--json").stdout)
    assert answer["sound"] is False
    wrong = {each["check"] for each in answer["findings"] if each["state"] == "wrong"}
    assert {"services", "store secrets"} <= wrong
    assert {"check": "kept by Airflow", "state": "skipped"}.items() <= answer["findings"][
        -1
    ].items()


@pytest.mark.usefixtures("nothing_runs")
def test_the_doctor_ends_with_zero_when_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from profile_exchange.cli import doctor

    monkeypatch.setattr(doctor, "checks", lambda: [machine.python, machine.disk])
    told = exchange("doctor")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "Nothing to mend.")
