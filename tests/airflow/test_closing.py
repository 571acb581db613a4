"""What Airflow has ended does not stay on record as running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import insert, select

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.installation.ports import any_free_port
from profile_exchange.orchestration import closing, dags
from profile_exchange.orchestration.failures import SILENT
from profile_exchange.pipeline.runs import LOST, NOT_REPORTED
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks, note_failed_check

if TYPE_CHECKING:
    from airflow.sdk import Context

CONNECTIONS = PROJECT_ROOT / "include" / "connections"
STORE = "EXCHANGE_SECRET_HARBOR_GOODS_STORE"
ENDED = datetime(2026, 5, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def url(store_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The importing tenant's store."""
    monkeypatch.setenv(STORE, store_url)
    return store_url


def ending(ended_at: datetime | None = ENDED, run_id: str = "run-1") -> Context:
    """What Airflow tells a callback of a DAG; of one that no task is to blame for, less."""
    told: dict[str, Any] = {"dag": SimpleNamespace(dag_id="taylor-times"), "run_id": run_id}
    if ended_at:
        told["dag_run"] = SimpleNamespace(end_date=ended_at)
    return cast("Context", told)


def attempt(url: str, state: str, began: datetime = ENDED - MINUTE) -> None:
    row = {"connection": "taylor-times", "run_id": "run-1", "state": state, "started_at": began}
    with engine_for(url).begin() as database:
        database.execute(insert(runs).values(row))


def recorded(url: str) -> list[tuple[str, str, bool]]:
    """State and failure of each attempt, and whether it is over, the oldest first."""
    columns = (runs.c.state, runs.c.failure, runs.c.finished_at.is_not(None))
    with engine_for(url).connect() as database:
        rows = database.execute(select(*columns).order_by(runs.c.seq))
        return [(state, failure, over) for state, failure, over in rows]


@pytest.mark.parametrize("told", [ENDED, None], ids=["a task failed", "no task is to blame"])
def test_a_run_that_was_killed_is_closed_when_airflow_ends_it(
    url: str, told: datetime | None
) -> None:
    attempt(url, "running")
    closing.closing_failed(ending(told))
    assert recorded(url) == [("failed", LOST, True)]


def test_one_that_was_killed_before_it_was_opened_is_on_record(url: str) -> None:
    closing.closing_failed(ending())
    closing.closing_failed(ending())
    assert recorded(url) == [("failed", LOST, True)]


def test_an_attempt_that_airflow_takes_for_done_is_closed_and_says_that_it_was_not(
    url: str,
) -> None:
    closing.closing_succeeded(ending())
    attempt(url, "succeeded", ENDED - 2 * MINUTE)
    attempt(url, "running")
    closing.closing_succeeded(ending())
    assert recorded(url) == [("succeeded", "", False), ("failed", NOT_REPORTED, True)]


def test_an_attempt_that_began_since_goes_on(url: str) -> None:
    attempt(url, "running", ENDED + MINUTE)
    closing.closing_failed(ending())
    assert recorded(url) == [("running", "", False)]


@pytest.mark.parametrize("state", ["succeeded", "previewed", "refused", "expired", "left out"])
def test_what_has_said_how_it_ended_stays_as_it_is(url: str, state: str) -> None:
    attempt(url, state)
    closing.closing_failed(ending())
    closing.closing_succeeded(ending())
    assert recorded(url) == [(state, "", False)]


def test_a_store_that_is_away_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(STORE, f"postgresql://nobody:hush@127.0.0.1:{any_free_port()}/nowhere")
    closing.closing_failed(ending())
    assert "Run run-1 of taylor-times is not closed on record" in caplog.text


def test_a_connection_whose_file_is_gone_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(tmp_path))
    settings.cache_clear()
    closing.closing_failed(ending())
    settings.cache_clear()
    assert "There is no connection" in caplog.text


def test_a_dag_closes_its_runs_however_they_end() -> None:
    importing = dags.build(registry.connection("taylor-times", CONNECTIONS))
    assert importing.on_failure_callback == [closing.closing_failed]
    assert importing.on_success_callback == closing.closing_succeeded
    exposing = dags.build(registry.connection("harbor-goods", CONNECTIONS))
    assert exposing.on_failure_callback == [closing.closing_failed]
    assert exposing.on_success_callback is None


def test_a_check_that_was_killed_is_on_record_and_one_that_said_why_stays(
    other_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_TAYLOR_TIMES_STORE", other_store_url)
    note_failed_check(other_store_url, "harbor-goods", "run-2", "The last key ends.", now=ENDED)
    for run_id in ("run-1", "run-2"):
        dag, ti = SimpleNamespace(dag_id="harbor-goods"), SimpleNamespace(task_id="check_grant")
        closing.closing_failed(cast("Context", {"dag": dag, "run_id": run_id, "ti": ti}))
    noted = {c.run_id: c.failure for c in exposure_checks(other_store_url, "harbor-goods")}
    assert noted == {"run-1": f"check_grant: {SILENT}", "run-2": "The last key ends."}
