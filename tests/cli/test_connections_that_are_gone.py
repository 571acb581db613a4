"""A connection whose file is deleted, renamed or broken keeps its history readable."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import quarantine, run
from profile_exchange.tenants.postgres.exposure_checks import note_failed_check

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PROFILE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def connections(
    configuration: Path, store_url: str, other_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of the connections, one of which has run in one of the two tenants' stores."""
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    monkeypatch.setenv("EXCHANGE_SECRET_TAYLOR_TIMES_STORE", other_store_url)
    with engine_for(store_url).begin() as database:
        told = {"connection": "taylor-times", "run_id": "the-run", "state": "succeeded"}
        seq = database.execute(
            insert(run).values(started_at=NOON, **told).returning(run.c.seq)
        ).scalar_one()
        broken = {"property_id": "sports", "rule": "a rule", "reason": "expectation"}
        row = {"run_seq": seq, "profile_id": PROFILE, "quarantined_at": NOON, **broken}
        database.execute(insert(quarantine).values(**row))
    return configuration / "connections"


def exchange(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_the_history_of_a_deleted_connection_is_there(connections: Path) -> None:
    (connections / "taylor-times.yaml").unlink()
    done = exchange("history", "taylor-times")
    assert done.exit_code == 0, done.stderr
    assert "taylor-times (not configured)" in done.stdout
    [past] = json.loads(exchange("history", "taylor-times", "--json").stdout)
    assert past["run_id"] == "the-run"


def test_the_history_of_a_renamed_connection_stays_under_its_old_name(connections: Path) -> None:
    (connections / "taylor-times.yaml").rename(connections / "taylor-times-2.yaml")
    assert "succeeded" in exchange("history", "taylor-times").stdout
    assert "has not run yet" in exchange("history", "taylor-times-2").stdout


def test_the_history_of_a_connection_whose_file_is_broken_is_there(connections: Path) -> None:
    (connections / "taylor-times.yaml").write_text("title: [")
    done = exchange("history", "taylor-times")
    assert "succeeded" in done.stdout
    assert "taylor-times (its file has mistakes)" in done.stdout


def test_a_run_whose_check_of_what_is_exposed_failed_has_failed(store_url: str) -> None:
    note_failed_check(store_url, "taylor-times", "the-run", "The last key ends.", now=NOON)
    told = "The import succeeded. The check of what the partner may do failed: The last key ends."
    shown = exchange("history", "taylor-times").stdout
    assert told in shown
    assert "failed" in shown.partition(told)[0]
    [past] = json.loads(exchange("history", "taylor-times", "--json").stdout)
    assert (past["state"], past["failure"]) == ("failed", told)
    assert (past["import_state"], past["check_failure"]) == ("succeeded", "The last key ends.")


def test_the_quarantine_of_a_deleted_connection_is_there(connections: Path, tmp_path: Path) -> None:
    (connections / "taylor-times.yaml").unlink()
    assert PROFILE in exchange("quarantine", "list", "taylor-times").stdout
    file = tmp_path / "quarantine.jsonl"
    assert exchange("quarantine", "export", "taylor-times", str(file)).exit_code == 0
    assert PROFILE in file.read_text()


def test_nothing_of_a_deleted_connection_can_be_taken_again(connections: Path) -> None:
    (connections / "taylor-times.yaml").unlink()
    done = exchange("quarantine", "replay", "taylor-times", "--all")
    assert (done.exit_code, "There is no connection" in done.stderr) == (2, True)


def test_what_a_deleted_exposing_connection_found_is_there(
    connections: Path, other_store_url: str
) -> None:
    note_failed_check(other_store_url, "harbor-goods", "a-run", "Something is gone.", now=NOON)
    (connections / "harbor-goods.yaml").unlink()
    shown = exchange("history", "harbor-goods").stdout
    assert "Something is gone." in shown
    assert "Unique profiles sent 0." in shown
    assert exchange("quarantine", "list", "harbor-goods").exit_code == 2


def test_a_store_that_is_away_hides_no_history_of_another(
    connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (connections / "taylor-times.yaml").unlink()
    monkeypatch.setenv("EXCHANGE_SECRET_TAYLOR_TIMES_STORE", "postgresql://u:p@127.0.0.1:1/away")
    assert "succeeded" in exchange("history", "taylor-times").stdout


@pytest.mark.parametrize("command", [("history",), ("quarantine", "list")], ids=" ".join)
def test_a_name_that_nobody_knows_is_told_with_the_nearest(command: tuple[str, ...]) -> None:
    done = exchange(*command, "taylor-time")
    assert done.exit_code == 2
    assert "Did you mean 'taylor-times'?" in done.stderr
