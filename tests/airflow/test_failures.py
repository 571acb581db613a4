"""What goes on record when a task fails: in the ledger of its goal, and in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk.exceptions import AirflowFailException
from sqlalchemy import insert

from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.orchestration.failures import SILENT, note_failure
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks, note_failed_check
from profile_exchange.tenants.postgres.run_history import past_run

if TYPE_CHECKING:
    from airflow.sdk import Context

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
CONNECTION = "taylor-times"
GOALS = """
expose:
  segments: [subscribers]
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> Iterator[str]:
    """The store of a connection that imports and exposes, and is at work."""
    text = (PROJECT_ROOT / "include" / "connections" / f"{CONNECTION}.yaml").read_text()
    (tmp_path / f"{CONNECTION}.yaml").write_text(text + GOALS)
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(tmp_path))
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    settings.cache_clear()
    row = {"connection": CONNECTION, "run_id": "run-1", "state": "running", "started_at": NOW}
    with engine_for(store_url).begin() as database:
        database.execute(insert(runs).values(row))
    yield store_url
    settings.cache_clear()


def failing(task_id: str, **said: Any) -> Context:
    """The context of a failure callback."""
    dag_run = SimpleNamespace(dag_id=CONNECTION, run_id="run-1", start_date=NOW)
    told = {"dag_run": dag_run, "ti": SimpleNamespace(task_id=task_id), **said}
    return cast("Context", told)


def on_record(url: str) -> tuple[str, str, list[str]]:
    """The import's state and failure, and the failures of checks."""
    past = past_run(url, CONNECTION, "run-1")
    assert past is not None
    return past.state, past.failure, [each.failure for each in exposure_checks(url, CONNECTION)]


def test_a_check_that_fails_leaves_the_import_beside_it_alone(store: str) -> None:
    note_failure(failing("check_grant", exception=ValueError("hush")))
    told = "check_grant: ValueError; see the task's log."
    assert on_record(store) == ("running", "", [told])


@pytest.mark.parametrize("said", [{}, {"exception": None}])
def test_a_task_that_airflow_ended_is_said_to_have_said_nothing(
    store: str, said: dict[str, None]
) -> None:
    note_failure(failing("upsert", **said))
    assert on_record(store) == ("failed", f"upsert: {SILENT}", [])
    assert "Airflow ended this task, and nothing of it said why" in SILENT


def test_what_a_check_knew_itself_stays(store: str) -> None:
    note_failed_check(store, CONNECTION, "run-1", "The last key ends.", now=NOW)
    note_failure(failing("check_credentials", exception=AirflowFailException("The last key ends.")))
    assert on_record(store) == ("running", "", ["The last key ends."])


def test_an_import_that_fails_leaves_the_check_beside_it_alone(store: str) -> None:
    note_failure(failing("gate", exception=AirflowFailException("Too many were rejected.")))
    assert on_record(store) == ("failed", "gate: Too many were rejected.", [])
