"""`exchange up`, as a person starts, interrupts, loses and starts it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profile_exchange.installation import record
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.processes import end_sessions

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]

EXCHANGE = str(Path(sys.executable).with_name("exchange"))
UP = [EXCHANGE, "up", "--profiles", "300"]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A folder for an installation; whatever a failing test leaves in it is ended."""
    layout = Layout(tmp_path_factory.mktemp("var"))
    yield layout
    left = record.read(layout)
    if left:
        end_sessions(left.processes, 5, within=layout.state)


@pytest.fixture(scope="module")
def environment(layout: Layout) -> dict[str, str]:
    told = {
        "EXCHANGE_STATE_DIR": str(layout.state),
        "EXCHANGE_SECRETS_DIR": str(layout.secrets),
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    return {**os.environ, **told}


@pytest.fixture(scope="module")
def up(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """An installation that has run the sample exchange, and stays up."""
    with subprocess.Popen(UP, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("Running."):
                break
        assert process.poll() is None, "".join(told)
        yield process
        process.kill()


def working_in(layout: Layout) -> list[str]:
    """The processes that work in the installation's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and Path(process.cwd()).is_relative_to(layout.state):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def listening(process: psutil.Process) -> set[str]:
    """The addresses on which a process listens; none of one that has ended meanwhile."""
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


def test_nothing_listens_beyond_loopback(up: subprocess.Popen[str], layout: Layout) -> None:
    running = record.running(layout)
    leaders = [psutil.Process(started.pid) for started in running.processes]
    processes = [each for one in leaders for each in (one, *one.children(recursive=True))]
    assert {address for process in processes for address in listening(process)} == {"127.0.0.1"}


def test_after_the_launcher_was_killed_the_next_start_ends_what_it_left(
    up: subprocess.Popen[str], environment: dict[str, str], layout: Layout
) -> None:
    os.kill(up.pid, signal.SIGKILL)
    up.wait()
    assert len(working_in(layout)) > 5
    done = subprocess.run(
        [*UP, "--once"], env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "received" in done.stdout
    assert "password" in done.stdout
    assert working_in(layout) == []
