"""What `exchange up` says of the sample exchange, and which exit code that comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from profile_exchange.cli import up
from profile_exchange.cli.main import app
from profile_exchange.config.registry import Configuration
from profile_exchange.domain.connection import Connection, Partner
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.airflow_environment import Project

SAMPLE = Connection(
    up.SAMPLE_CONNECTION, "Taylor Times", "harbor-goods", Partner("Taylor Times", "t.localhost")
)
NOTHING_WAS_RUN = (
    "The sample connection taylor-times has no sound file in /connections, so nothing was run."
)


@dataclass
class Pretended:
    """An installation of which nothing is started; its run ends as it is told to."""

    configuration: Configuration
    state: str = "success"
    calls: list[str] = field(default_factory=list)
    project: Project = field(default_factory=lambda: Project(connections=Path("/connections")))
    airflow_url, exposure_url, user, password = "http://airflow", "http://api", "admin", "hidden"

    @property
    def api(self) -> Pretended:
        return self

    def trigger(self, connection_id: str) -> str:
        self.calls.append(f"trigger {connection_id}")
        return "r1"

    def follow(self, _connection_id: str, run_id: str) -> list[RunState]:
        return [RunState(run_id, self.state, ())]

    def check(self) -> None:
        raise KeyboardInterrupt

    def store_url(self, tenant_id: str) -> str:
        return tenant_id

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.calls.append(name)


def exchange_up(pretended: Pretended, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    monkeypatch.setattr(up, "_installation", lambda *_: pretended)
    monkeypatch.setattr("profile_exchange.cli.outcome.tell_outcome", lambda *_: None)
    done = CliRunner().invoke(app, ["up", *options], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert pretended.calls[-1] == "stop"
    return done


def test_once_fails_where_there_was_no_sample_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    pretended = Pretended(Configuration())
    done = exchange_up(pretended, monkeypatch, "--once")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, NOTHING_WAS_RUN)
    assert "trigger taylor-times" not in pretended.calls


def test_without_a_sample_exchange_it_stays_up_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    done = exchange_up(Pretended(Configuration()), monkeypatch)
    assert done.exit_code == 0
    assert done.stdout.startswith(NOTHING_WAS_RUN)
    assert "hidden" in done.stdout


@pytest.mark.parametrize(("state", "code"), [("success", 0), ("failed", 1)])
def test_once_ends_as_its_run_did(state: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pretended = Pretended(Configuration({SAMPLE.id: SAMPLE}), state)
    done = exchange_up(pretended, monkeypatch, "--once")
    assert (done.exit_code, "Run r1 of Taylor Times" in done.stdout) == (code, True)
