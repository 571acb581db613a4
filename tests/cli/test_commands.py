"""Help is there at once and true; a failure is one sentence and an exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from profile_exchange.cli import main
from profile_exchange.cli.main import COMMANDS, Commands, app, command, told
from profile_exchange.config.settings import settings
from profile_exchange.domain.errors import (
    ConfigurationError,
    CredentialsRefused,
    ExchangeError,
    SourceUnavailable,
)
from profile_exchange.store.database import store_errors

EXCHANGE = str(Path(sys.executable).with_name("exchange"))


def exchange(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb", **variables}
    return subprocess.run(
        [EXCHANGE, *arguments], env=environment, check=False, capture_output=True, text=True
    )


def test_the_overview_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for name, (_, summary) in COMMANDS.items():
        assert name in shown.output
        assert summary in shown.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert f"exchange {name}" in shown.output
    assert "completion" not in shown.output  # Typer offers one that does not work here


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_of_a_command_what_its_own_help_says(name: str) -> None:
    first = (command(name).help or "").split("\n\n")[0].replace("\n", " ").strip()
    assert first.startswith(COMMANDS[name][1].rstrip("."))


def test_help_imports_no_command() -> None:
    program = (
        "import sys; from profile_exchange.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'psycopg', 'pydantic', 'httpx', 'airflow', 'fastapi', 'pandas'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_help_is_there_at_once() -> None:
    quickest = min(_seconds(lambda: exchange("--help")) for _ in range(3))
    assert quickest < 1.5  # 0.3 s on a machine that does nothing else


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def test_an_unknown_command_suggests_the_nearest() -> None:
    done = exchange("valdate")
    assert done.returncode == 2
    assert "Did you mean 'validate'?" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("The file is wrong."), 2),
        (CredentialsRefused("The secret is wrong."), 3),
        (SourceUnavailable("Nobody is there."), 4),
        (ExchangeError("Something else."), 4),
    ],
)
def test_a_failure_of_ours_is_its_own_sentence(error: ExchangeError, code: int) -> None:
    assert told(error) == (str(error), code)


@pytest.mark.parametrize("command", ["validate", "connections schema", "connections list"])
def test_a_reader_that_has_gone_ends_a_command_in_silence(command: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    variables = {"EXCHANGE_STATE_DIR": str(tmp_path), "TERM": "dumb"}
    done = subprocess.run(
        [EXCHANGE, *command.split()],
        env=variables,
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
    assert list(tmp_path.iterdir()) == []


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", "/somewhere")


def failing_store() -> None:
    with store_errors("postgresql://u:p@h/d"):
        raise psycopg.errors.DiskFull("could not extend file")


def test_a_full_disk_is_told_wherever_it_shows() -> None:
    sentence = "The disk is full: free some space, then start again."
    assert told(full_disk()) == (sentence, 3)
    wrapped = RuntimeError("while writing")
    wrapped.__cause__ = full_disk()
    assert told(wrapped) == (sentence, 3)
    with pytest.raises(ExchangeError) as raised:
        failing_store()
    assert told(raised.value) == (sentence, 3)


def test_the_unexpected_leaves_a_report_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_STATE_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        sentence, code = told(ZeroDivisionError("division by zero"))
    finally:
        settings.cache_clear()
    (report,) = (tmp_path / "logs").iterdir()
    assert code == 1
    assert sentence == f"Unexpected ZeroDivisionError: the full report is in {report}."
    assert "division by zero" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def one_command(body: Callable[[], None]) -> typer.Typer:
    alone = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    alone.command("one")(body)
    alone.command("other")(lambda: None)
    return alone


def test_a_failing_command_prints_its_sentence_on_stderr_only() -> None:
    def fail() -> None:
        raise CredentialsRefused("The secret is wrong.")

    done = CliRunner().invoke(one_command(fail), ["one"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == "exchange: The secret is wrong.\n"


def test_ctrl_c_is_no_failure_to_explain() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    done = CliRunner().invoke(one_command(interrupted), ["one"])
    assert (done.exit_code, done.output) == (main.INTERRUPTED, "")


def test_a_command_s_own_exit_code_is_kept() -> None:
    def leave() -> None:
        raise typer.Exit(1)

    assert CliRunner().invoke(one_command(leave), ["one"]).exit_code == 1
