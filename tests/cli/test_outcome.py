"""What ``run`` and ``preview`` say of a run that came to its end in Airflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.installation.airflow_api import RunState, TaskState
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
REFUSED = "Taylor Times does not accept the consumer key."
ENDINGS = {
    "refused": RunState("refused", "failed", (TaskState("authenticate", -1, "failed"),)),
    "unknown": RunState("unknown", "failed", (TaskState("authenticate", -1, "failed"),)),
    "fine": RunState("fine", "success"),
}


@pytest.fixture(autouse=True)
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store with a run that was refused and one that was not; Airflow has a third one."""
    for name in ("connections", "tenants"):
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(PROJECT_ROOT / "include" / name))
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    settings.cache_clear()
    told = {"connection": "taylor-times", "started_at": NOON}
    with engine_for(store_url).begin() as database:
        failed = {"run_id": "refused", "state": "failed", "failure": REFUSED}
        database.execute(insert(run).values(**failed, **told))
        database.execute(insert(run).values(run_id="fine", state="succeeded", **told))
    yield
    settings.cache_clear()


def ended(command: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A command whose run in Airflow came to an end."""
    commands = "profile_exchange.cli"
    monkeypatch.setattr(f"{commands}.running_airflow.airflow_api", lambda _: nullcontext())
    state = ENDINGS[ending]
    monkeypatch.setattr(f"{commands}.triggering.run_to_the_end", lambda *_, **__: state)
    return CliRunner().invoke(app, [command, "taylor-times", "--json"])


def answer(command: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended(command, ending, monkeypatch).stdout)
    return found


@pytest.mark.parametrize("command", ["run", "preview"])
def test_a_program_is_told_why_a_run_failed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(command, "refused", monkeypatch)["failure"] == REFUSED
    assert "log" in answer(command, "unknown", monkeypatch)["failure"]


def test_a_preview_that_failed_is_no_import_that_failed(store_url: str) -> None:
    told = {"connection": "taylor-times", "started_at": NOON, "failure": REFUSED}
    with engine_for(store_url).begin() as database:
        failed = insert(run).values(run_id="looked", state="failed", preview=True, **told)
        database.execute(failed)
    shown = CliRunner().invoke(app, ["history", "taylor-times"], env={"COLUMNS": "200"})
    assert "preview failed" in shown.stdout
    listed = CliRunner().invoke(app, ["history", "taylor-times", "--json"])
    previews = {past["run_id"]: past["preview"] for past in json.loads(listed.stdout)}
    assert previews == {"looked": True, "fine": False, "refused": False}


def test_a_run_that_succeeded_has_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer("run", "fine", monkeypatch)
    assert (found["failure"], found["outcome"]) == (None, "succeeded")
