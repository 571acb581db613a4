"""Commands that read the configuration and the stores, as a person calls them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.config import registry
from profile_exchange.domain.fates import Fate, FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap, PropertyForecast
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import exchanged_profile, run
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.exposure_checks import check_exposure, note_failed_check
from tests.cli.terminals import COLUMNS, shown_in_a_pipe, shown_in_a_terminal

COUNTS = FateCounts(received=7, unmatched=4, modified=2, unchanged=1)
FORECAST = Forecast(
    counts=COUNTS,
    reasons={"no_match": 4, "written": 2, "same": 1},
    segments={"readers": COUNTS},
    properties={"TaylorTimes_Sports": PropertyForecast(filled=2, same=1)},
    overlap=Overlap(received=7, ours=30, matched=3),
    sample={"modified": ("00000000-0000-0000-0000-000000000001",)},
    stopped_by="",
)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("configuration")


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    with engine_for(store_url).begin() as database:
        told = {"connection": "taylor-times", "started_at": NOON, "finished_at": NOON}
        database.execute(
            insert(run).values(run_id="r1", state="succeeded", **told, **COUNTS.as_dict())
        )
        failed = {"run_id": "r2", "state": "failed", "failure": "The secret is wrong."}
        database.execute(insert(run).values(**failed, **told))
        database.execute(
            insert(exchanged_profile).values(
                connection="taylor-times",
                direction="received",
                profile_id="00000000-0000-0000-0000-000000000001",
                first_at=NOON,
            )
        )
    return store_url


def exchange(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_a_sound_configuration_is_told_so() -> None:
    done = exchange("validate")
    assert (done.exit_code, done.stdout) == (0, "2 connections and 2 tenants: no mistake.\n")


def test_every_mistake_is_told_with_file_line_and_key(configuration: Path) -> None:
    for file, wrong in (("taylor-times", "tilte: x"), ("harbor-goods", "favourite: true")):
        path = configuration / "connections" / f"{file}.yaml"
        path.write_text(f"{wrong}\n{path.read_text()}")
    done = exchange("validate")
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].split(": ")[1] == "favourite"
    assert "harbor-goods.yaml:1" in lines[0]
    assert "taylor-times.yaml:1" in lines[1]
    assert lines[2] == "2 mistakes."


def test_one_mistake_is_one(configuration: Path) -> None:
    path = configuration / "connections" / "harbor-goods.yaml"
    path.write_text(f"favourite: true\n{path.read_text()}")
    assert exchange("validate").stderr.endswith("\n1 mistake.\n")
    assert exchange("connections", "list").stderr.startswith("1 mistake in the files: ")
    path.unlink()
    assert exchange("validate").stdout == "1 connection and 2 tenants: no mistake.\n"


def test_a_connection_is_shown_with_its_next_five_runs(configuration: Path) -> None:
    file = configuration / "connections" / "taylor-times.yaml"
    weekly = "schedule: {days_of_week: [MON], time: '06:00', timezone: Europe/Amsterdam}\n"
    file.write_text(weekly + file.read_text())
    shown = exchange("show", "taylor-times").stdout
    assert "harbor-goods imports from Taylor Times (taylor-times.localhost)" in shown
    assert "every Monday at 06:00 (Europe/Amsterdam)" in shown
    assert shown.count(" 06:00 CE") == 5
    slots = json.loads(exchange("show", "taylor-times", "--json").stdout)["next_slots"]
    assert [datetime.fromisoformat(slot).weekday() for slot in slots] == [0] * 5


def test_a_connection_shows_whom_it_tells(configuration: Path) -> None:
    file = configuration / "connections" / "taylor-times.yaml"
    told = "notifications: {emails: [data@example.com], when: always, overdue_after: 2h}\n"
    file.write_text(told + file.read_text())
    shown = exchange("show", "taylor-times").stdout
    assert "data@example.com of every run, and of one not over after 2:00:00" in shown
    listed = json.loads(exchange("show", "taylor-times", "--json").stdout)["notifications"]
    assert (listed["when"], listed["overdue_after"]) == ("always", "2:00:00")


def test_a_connection_that_is_switched_off_has_no_next_run(configuration: Path) -> None:
    file = configuration / "connections" / "taylor-times.yaml"
    file.write_text("enabled: false\nschedule: {cron: '@daily'}\n" + file.read_text())
    assert json.loads(exchange("show", "taylor-times", "--json").stdout)["next_slots"] == []


def test_history_shows_the_newest_run_first(store: str) -> None:
    done = exchange("history", "taylor-times")
    assert done.exit_code == 0
    assert done.stdout.index("failed") < done.stdout.index("succeeded")
    assert "\n2026-01-02 12:00:00  The secret is wrong.\n" in done.stdout
    assert "Unique profiles received 1, sent 0." in done.stdout


@pytest.fixture
def large_run(store: str) -> None:
    """One whose counts are as wide as they are at a tenant of millions of profiles."""
    counts = {**COUNTS.as_dict(), "received": 1_234_567, "unmatched": 1_234_564}
    told = {"run_id": "r3", "state": "succeeded", "started_at": NOON, "connection": "taylor-times"}
    with engine_for(store).begin() as database:
        database.execute(insert(run).values(**told, **counts))


@pytest.mark.usefixtures("large_run")
def test_history_fits_a_terminal_of_eighty_columns_and_cuts_nothing() -> None:
    lines = shown_in_a_terminal("history", "taylor-times")
    text = "\n".join(lines)
    for word in ("received", "created", "unchanged", "unmatched", "1,234,567", "1,234,564"):
        assert word in text
    assert "…" not in text
    assert "2026-01-02 12:00:00  The secret is wrong." in lines
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.usefixtures("large_run")
@pytest.mark.parametrize("shown", [shown_in_a_terminal, shown_in_a_pipe])
def test_the_fates_of_a_run_in_the_history_add_up(
    shown: Callable[..., list[str]], store: str
) -> None:
    fates = {fate.value: 10 ** (place % 7) * 2 for place, fate in enumerate(Fate)}
    counts = {"received": sum(fates.values()), **fates}
    with engine_for(store).begin() as database:
        database.execute(update(run).where(run.c.run_id == "r3").values(**counts))
    text = "\n".join(shown("history", "taylor-times", "--limit", "1")).partition("Unique")[0]
    numerals = re.findall(r"[\d,]+", text.replace(f"{NOON:%Y-%m-%d %H:%M:%S}", ""))
    assert sorted(int(each.replace(",", "")) for each in numerals) == sorted(counts.values())
    assert all(fate in text for fate in fates)


@pytest.mark.usefixtures("large_run")
def test_history_in_a_pipe_has_a_run_on_each_line() -> None:
    lines = shown_in_a_pipe("history", "taylor-times")
    (row,) = [line for line in lines if "1,234,567" in line]
    for word in ("2026-01-02 12:00:00", "succeeded", "1,234,564"):
        assert word in row


def test_history_is_there_for_programs(store: str) -> None:
    done = exchange("history", "taylor-times", "--json", "--limit", "2")
    newest, oldest = json.loads(done.stdout)
    assert (newest["run_id"], newest["counts"]) == ("r2", None)
    assert newest["failure"] == "The secret is wrong."
    assert oldest["counts"] == COUNTS.as_dict()
    assert oldest["finished_at"] == NOON.isoformat()


def test_history_of_an_exposing_connection_is_what_its_runs_found(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_TAYLOR_TIMES_STORE", store_url)
    assert "has not run yet" in exchange("history", "harbor-goods").stdout
    describe(store_url, registry.tenant("taylor-times"), now=NOON)
    check_exposure(store_url, registry.connection("harbor-goods"), "r1", now=NOON)
    note_failed_check(store_url, "harbor-goods", "r2", "The key ends.", now=NOON.replace(hour=13))
    shown = exchange("history", "harbor-goods").stdout
    assert "subscribers 0" in shown
    assert "Unique profiles sent 0." in shown
    newest, oldest = json.loads(exchange("history", "harbor-goods", "--json").stdout)
    assert (newest["state"], newest["failure"]) == ("failed", "The key ends.")
    assert (oldest["state"], oldest["exposed"]["subscribers"]) == ("succeeded", 0)


def test_history_says_of_a_preview_what_would_be(store: str) -> None:
    told = {"connection": "taylor-times", "started_at": NOON, "finished_at": NOON}
    counts = COUNTS.as_dict()
    with engine_for(store).begin() as database:
        previewed = insert(run).values(
            run_id="r3",
            state="previewed",
            preview=True,
            forecast=FORECAST.as_json(),
            segments={"readers": 7},
            **told,
            **counts,
        )
        database.execute(previewed)
    assert "previewed: would be" in exchange("history", "taylor-times").stdout
    newest, *_ = json.loads(exchange("history", "taylor-times", "--json").stdout)
    assert (newest["state"], newest["segments"]) == ("previewed", {"readers": 7})
    assert newest["forecast"] == json.loads(json.dumps(FORECAST.as_json()))


def test_history_of_a_connection_that_has_not_run_says_so(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    assert "has not run yet" in exchange("history", "taylor-times").stdout


@pytest.mark.parametrize("name", ["run", "preview", "check", "history"])
def test_an_unknown_connection_suggests_the_nearest(name: str) -> None:
    done = exchange(name, "taylor-tims")
    assert done.exit_code == 2
    assert "Did you mean 'taylor-times'?" in done.stderr


@pytest.mark.parametrize("name", ["run", "preview", "check"])
def test_a_connection_that_only_exposes_cannot_be_run_or_checked(name: str) -> None:
    done = exchange(name, "harbor-goods")
    assert done.exit_code == 2
    assert "only exposes" in done.stderr


@pytest.mark.parametrize("name", ["run", "preview", "check"])
def test_without_an_installation_the_next_step_is_told(name: str, store: str) -> None:
    done = exchange(name, "taylor-times")
    assert done.exit_code == 3
    assert "start it with `exchange up`" in done.stderr


def test_an_airflow_that_is_not_there_is_told_by_its_address(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_AIRFLOW_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("EXCHANGE_SECRET_AIRFLOW_PASSWORD", "x")
    done = exchange("run", "taylor-times")
    assert done.exit_code == 4
    assert "http://127.0.0.1:9 does not answer" in done.stderr


PARTNER = {
    "name": "Taylor Times",
    "host": "taylor-times.localhost",
    "address": "http://localhost:8",
}
OURS = {"name": "Harbor Goods", "host": "harbor-goods.localhost", "address": "http://localhost:9"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([PARTNER], "Taylor Times (taylor-times.localhost) did not answer at http://localhost:8 "),
        (
            [PARTNER, None, OURS],
            "Harbor Goods (harbor-goods.localhost) did not answer at http://localhost:9 ",
        ),
        ([PARTNER, None], "The check of taylor-times took longer than 0.5 s, and no tenant "),
        ([], "The check of taylor-times took longer than 0.5 s, and no tenant "),
    ],
    ids=["theirs", "ours", "between", "before"],
)
def test_a_check_that_is_never_answered_says_by_whom(
    asked: list[dict[str, str] | None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that asks says whom, and is then not heard of any more, or not to the end."""
    lines = [json.dumps({"asking": whom}) for whom in asked]
    script = "printf '%s\\n' \"$@\"; printf '{\"asking\": '; exec sleep 60"
    command = ["sh", "-c", script, "sh", "Airflow says hello", *lines]
    monkeypatch.setattr("profile_exchange.cli.running_airflow.environment", lambda _: os.environ)
    monkeypatch.setattr("profile_exchange.cli.check._command", lambda _: command)
    monkeypatch.setattr("profile_exchange.cli.check.SECONDS", 0.5)
    done = exchange("check", "taylor-times")
    assert (done.exit_code, done.stderr.startswith(f"exchange: {told}")) == (4, True), done.stderr


def test_the_doctor_tells_what_does_not_run_as_its_help_says() -> None:
    done = exchange("doctor", "--json")
    found = json.loads(done.stdout)["findings"]
    told = [each["told"] for each in found if each["state"] == "wrong"]
    assert (done.exit_code, any("No installation runs" in each for each in told)) == (1, True)
    assert "no installation runs" in exchange("doctor", "--help").stdout


def test_there_is_nothing_to_stop(configuration: Path) -> None:
    done = exchange("down")
    assert (done.exit_code, done.stdout) == (
        0,
        f"No installation runs in {configuration / 'var'}.\n",
    )


def test_a_missing_secret_names_both_places_where_it_could_be() -> None:
    done = exchange("history", "taylor-times")
    assert done.exit_code == 2
    assert "EXCHANGE_SECRET_HARBOR_GOODS_STORE" in done.stderr
    assert "harbor-goods-store" in done.stderr
