"""``exchange quarantine``: why profiles were rejected, and taking them again."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import delete, insert, select, update
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.cli.quarantine_export import STANDARD_OUTPUT, write
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.errors import StoreUnavailable
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import quarantine, replay, run
from tests.cli.terminals import COLUMNS, shown_in_a_pipe, shown_in_a_terminal

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
A_MOMENT_LATER = NOON.replace(microsecond=123_456)
LATER = datetime(2026, 1, 3, 12, tzinfo=UTC)
REPLAY_ALL = ["replay", "taylor-times", "--all"]


def profile(number: int) -> str:
    return str(uuid.UUID(int=number))


def rejected(number: int, seq: int, reason: str = "expectation", **more: Any) -> dict[str, Any]:
    return {
        "run_seq": seq,
        "profile_id": profile(number),
        "property_id": "sports",
        "rule": f"rule of {reason}",
        "reason": reason,
        "fingerprint": "0123456789abcdef",
        "quarantined_at": NOON,
        "outcome": None,
        **more,
    }


@pytest.fixture(autouse=True)
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("connections", "tenants"):
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(PROJECT_ROOT / "include" / name))
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    with engine_for(store_url).begin() as database:
        for connection, run_id, at in (
            ("taylor-times", "r1", NOON),
            ("taylor-times", "r2", LATER),
            ("another", "r1", NOON),
        ):
            told = {"connection": connection, "run_id": run_id, "state": "succeeded"}
            database.execute(insert(run).values(started_at=at, **told))
        rows = [
            rejected(1, 1, outcome="repaired"),
            rejected(2, 1, outcome="rejected_again"),
            rejected(2, 2),
            rejected(3, 2, quarantined_at=A_MOMENT_LATER),
            rejected(4, 2, "value_type"),
            rejected(5, 3),
        ]
        database.execute(insert(quarantine), rows)
    return store_url


def exchange(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "220", "NO_COLOR": "1"})


def listed(*options: str) -> Any:
    done = exchange("quarantine", "list", "taylor-times", "--json", *options)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_list_counts_reasons_and_shows_who_is_in_quarantine_now() -> None:
    found = listed()
    assert [(each["reason"], each["profiles"]) for each in found["reasons"]] == [
        ("expectation", 2),
        ("value_type", 1),
    ]
    assert [each["profile_id"] for each in found["entries"]] == [profile(n) for n in (2, 3, 4)]
    assert {each["outcome"] for each in found["entries"]} == {""}


def test_the_list_of_a_run_shows_what_became_of_those_it_rejected() -> None:
    entries = listed("--run", "r1")["entries"]
    assert [(e["profile_id"], e["outcome"]) for e in entries] == [
        (profile(1), "repaired"),
        (profile(2), "rejected_again"),
    ]


def test_the_list_can_be_narrowed() -> None:
    assert [e["profile_id"] for e in listed("--reason", "value_type")["entries"]] == [profile(4)]
    of_rule = listed("--property", "sports", "--rule", "rule of value_type")["entries"]
    assert [each["profile_id"] for each in of_rule] == [profile(4)]
    assert len(listed("--limit", "1")["entries"]) == 1


def test_the_list_is_a_table_for_people() -> None:
    done = exchange("quarantine", "list", "taylor-times")
    for word in (profile(2), "rule of value_type", "0123456789abcdef", "in quarantine"):
        assert word in done.stdout
    assert profile(1) not in done.stdout
    assert profile(5) not in done.stdout


LONG_RUN = "scheduled__2026-01-02T12:00:00.123456+00:00"
LONG_RULE = "matches [a-z]+ and is no more than forty characters long"


@pytest.fixture
def long_names(store: str) -> None:
    """A run and a rule whose names do not fit beside each other in a terminal."""
    with engine_for(store).begin() as database:
        database.execute(update(run).where(run.c.run_id == "r2").values(run_id=LONG_RUN))
        database.execute(update(quarantine).values(rule=LONG_RULE))


@pytest.mark.usefixtures("long_names")
def test_the_list_fits_a_terminal_of_eighty_columns_and_cuts_nothing() -> None:
    lines = shown_in_a_terminal("quarantine", "list", "taylor-times")
    text = "\n".join(lines)
    for word in (
        profile(2),
        "sports",
        "0123456789abcdef",
        "in quarantine",
        "[a-z]+",
        LONG_RUN[:36],
    ):
        assert word in text
    assert "…" not in text
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.usefixtures("long_names")
def test_the_list_in_a_pipe_has_an_entry_on_each_line() -> None:
    lines = shown_in_a_pipe("quarantine", "list", "taylor-times")
    (row,) = [line for line in lines if profile(2) in line]
    for word in (LONG_RUN, LONG_RULE, "0123456789abcdef", "in quarantine"):
        assert word in row


def test_a_reason_that_there_is_not_suggests_the_nearest() -> None:
    done = exchange("quarantine", "list", "taylor-times", "--reason", "value_typ")
    assert done.exit_code == 2
    assert "Did you mean 'value_type'?" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_what_is_exported_is_what_is_listed(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profile_exchange.tenants.postgres.quarantined.ROWS_AT_ONCE", 2)
    file = tmp_path / f"quarantine.{ending}"
    done = exchange("quarantine", "export", "taylor-times", str(file))
    assert (done.exit_code, done.stdout) == (0, f"3 entries written to {file}.\n")
    match ending:
        case "csv":
            frame = pd.read_csv(file, keep_default_na=False)
        case "jsonl":
            frame = pd.read_json(file, lines=True)
        case _:
            frame = pd.read_parquet(file)
    wanted = listed()["entries"]
    assert list(frame.columns) == list(wanted[0])
    for name in ("profile_id", "run_id", "property_id", "reason", "rule", "replay"):
        assert list(frame[name]) == [each[name] for each in wanted]
    moments = pd.to_datetime(frame["quarantined_at"], utc=True, format="ISO8601")
    assert [moment.isoformat() for moment in moments] == [e["quarantined_at"] for e in wanted]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def entries_in(file: Path) -> int:
    match file.suffix:
        case ".csv":
            return len(pd.read_csv(file))
        case ".jsonl":
            return len(pd.read_json(file, lines=True))
        case _:
            return len(pd.read_parquet(file))


def test_an_export_of_nothing_has_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "none.txt"
    options = ("--reason", "value_limit", "--format", "csv")
    assert exchange("quarantine", "export", "taylor-times", str(file), *options).exit_code == 0
    assert file.read_text().startswith("profile_id,run_id,")


@pytest.mark.parametrize("name", ["quarantine.xlsx", "no-folder/quarantine.csv"])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    done = exchange("quarantine", "export", "taylor-times", str(tmp_path / name))
    assert done.exit_code == 2
    assert "one of csv, jsonl, parquet" in done.stderr or "no such file" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_export_goes_through_a_pipe_which_stays_one(tmp_path: Path, ending: str) -> None:
    pipe, received = tmp_path / "pipe", tmp_path / f"received.{ending}"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        done = exchange("quarantine", "export", "taylor-times", str(pipe), "--format", ending)
        received.write_bytes(reader.read())
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"3 entries written to {pipe}.\n"
    assert entries_in(received) == 3


def test_an_export_follows_a_link_and_leaves_it(tmp_path: Path) -> None:
    file, link = tmp_path / "there" / "quarantine.csv", tmp_path / "link.csv"
    file.parent.mkdir()
    link.symlink_to(file)
    for _ in range(2):
        assert exchange("quarantine", "export", "taylor-times", str(link)).exit_code == 0
        assert link.is_symlink()
        assert entries_in(file) == 3
        assert [each.name for each in file.parent.iterdir()] == [file.name]
        file.write_text("the one before")


def test_an_export_to_standard_output_has_nothing_else_there() -> None:
    command = [sys.executable, "-c", "from profile_exchange.cli.main import run; run()"]
    options = ["quarantine", "export", "taylor-times", "-", "--format", "jsonl"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    exported = [json.loads(line)["profile_id"] for line in done.stdout.splitlines()]
    assert exported == [profile(number) for number in (2, 3, 4)]
    assert done.stderr == "3 entries written to standard output.\n"


def test_a_reader_who_has_read_enough_is_not_told_as_a_file_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr("sys.stdout", gone)
        with pytest.raises(BrokenPipeError):
            write([], STANDARD_OUTPUT, "csv")


@pytest.mark.parametrize("target", ["/", "", "."])
def test_a_folder_is_no_file_to_export_to(target: str) -> None:
    done = exchange("quarantine", "export", "taylor-times", target, "--format", "csv")
    assert done.exit_code == 2
    assert done.stderr.endswith(" cannot be written: is a directory.\n")


def test_an_export_that_breaks_off_leaves_nothing_behind_and_complains_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking_off(*_: object) -> Iterator[list[Any]]:
        yield []
        raise StoreUnavailable("The store is away: try again later.")

    ignored: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", ignored.append)
    monkeypatch.setattr("profile_exchange.tenants.postgres.quarantined.in_blocks", breaking_off)
    done = exchange("quarantine", "export", "taylor-times", str(tmp_path / "quarantine.parquet"))
    assert (done.exit_code, done.stderr) == (4, "exchange: The store is away: try again later.\n")
    del done  # its traceback holds the writer
    gc.collect()
    assert ignored == []
    assert list(tmp_path.iterdir()) == []


def asked(store: str) -> list[str]:
    with engine_for(store).connect() as database:
        rows = database.execute(select(replay.c.profile_id).order_by(replay.c.profile_id))
        return [str(each) for each in rows.scalars()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--all"], [2, 3, 4]),
        (["--reason", "expectation"], [2, 3]),
        (["--profile", profile(3), "--profile", profile(5)], [3]),
        (["--run", "r1"], []),
        (["--rule", "rule of value_type"], [4]),
        (["--property", "sports", "--reason", "expectation"], [2, 3]),
        (["--property", "age"], []),
    ],
)
def test_replay_asks_for_those_in_quarantine(
    store: str, options: list[str], expected: list[int]
) -> None:
    for _ in range(2):
        done = exchange("quarantine", "replay", "taylor-times", *options)
        assert done.exit_code == 0
        noun = "profile" if len(expected) == 1 else "profiles"
        assert done.stdout.startswith(f"{len(expected)} {noun} of")
    assert asked(store) == [profile(number) for number in expected]
    assert [e["profile_id"] for e in listed()["entries"] if e["replay"]] == asked(store)


@pytest.mark.parametrize("options", [[], ["--all", "--reason", "expectation"]])
def test_replay_wants_to_be_told_what(store: str, options: list[str]) -> None:
    done = exchange("quarantine", "replay", "taylor-times", *options)
    assert done.exit_code == 2
    assert asked(store) == []


def test_replay_of_everything_and_of_something_contradict_each_other(store: str) -> None:
    done = exchange("quarantine", "replay", "taylor-times", "--all", "--reason", "expectation")
    assert done.stderr.startswith("exchange: --all is everything, which --reason,")
    assert asked(store) == []


@pytest.mark.parametrize(
    "option",
    [["--run", "r1", "--reason", "value_type"], ["--property", "sprots"], ["--rule", "xx"]],
    ids=str,
)
def test_a_filter_that_finds_nothing_does_not_call_the_quarantine_empty(
    tmp_path: Path, option: list[str]
) -> None:
    nothing = "othing in quarantine fits what was asked.\n"
    assert exchange("quarantine", "list", "taylor-times", *option).stdout == f"N{nothing}"
    written = exchange("quarantine", "export", "taylor-times", str(tmp_path / "q.csv"), *option)
    assert written.stdout.endswith(f"q.csv: n{nothing}")
    again = exchange("quarantine", "replay", "taylor-times", *option)
    assert again.stdout.startswith("0 profiles")
    assert again.stdout.endswith(f": n{nothing}")


def test_a_quarantine_in_which_nothing_is_is_called_empty(store: str, tmp_path: Path) -> None:
    with engine_for(store).begin() as database:
        database.execute(delete(quarantine))
    assert exchange("quarantine", "list", "taylor-times").stdout == "Nothing is in quarantine.\n"
    for command in (["export", "taylor-times", str(tmp_path / "q.csv")], REPLAY_ALL):
        done = exchange("quarantine", *command)
        assert (done.exit_code, done.stdout[:2]) == (0, "0 ")
        assert done.stdout.endswith(": nothing is in quarantine.\n")


@pytest.mark.parametrize(
    "command",
    [
        ["list", "taylor-times"],
        ["list", "taylor-times", "--json"],
        ["export", "taylor-times", "quarantine.csv"],
        ["replay", "taylor-times"],
    ],
    ids=lambda command: command[0],
)
def test_a_run_that_there_is_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = exchange("quarantine", *command, "--run", "rr2")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has no run 'rr2'. Did you mean 'r2'?" in done.stderr
    assert list(tmp_path.iterdir()) == []
