"""Processes stop with everything they forked, and nothing else stops with them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profile_exchange.installation.processes import (
    Command,
    ManagedProcess,
    ProcessStopped,
    StartedProcess,
    end_sessions,
    stop,
)

#: A parent with a child and a grandchild, none of which ends by itself; `deaf` ignores SIGTERM.
FAMILY = """
import os, signal, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(2):
    if os.fork():
        break
# In one piece, or the numbers of two could come before the ends of their lines.
os.write(1, b"%d\\n" % os.getpid())
while True:
    signal.pause()
"""


def command(folder: Path, *arguments: str, name: str = "dummy") -> Command:
    return Command(name, [sys.executable, *arguments], dict(os.environ), folder)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[ManagedProcess]]:
    """What a test starts here is gone after it, whatever happens."""
    processes: list[ManagedProcess] = []
    yield processes
    stop(processes, 0.0)


def family(folder: Path, started: list[ManagedProcess], *arguments: str) -> list[psutil.Process]:
    """A started family of three, once each member has said that it is there."""
    process = ManagedProcess(command(folder, "-c", FAMILY, *arguments), folder)
    started.append(process)
    while len(lines := process.last_lines()) < 3:
        process.check()
    return [psutil.Process(int(line)) for line in lines]


def alive(members: list[psutil.Process]) -> list[psutil.Process]:
    return [m for m in members if m.is_running() and m.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("arguments", [(), ("deaf",)])
def test_a_process_stops_with_its_children_and_grandchildren(
    tmp_path: Path, started: list[ManagedProcess], arguments: tuple[str, ...]
) -> None:
    members = family(tmp_path, started, *arguments)
    stop(started, 0.5)
    assert alive(members) == []
    assert started[0].poll() is not None


def test_children_whose_parent_was_killed_are_found_by_their_session(
    tmp_path: Path, started: list[ManagedProcess]
) -> None:
    members = family(tmp_path, started)
    leader = started[0].started
    os.kill(leader.pid, 9)
    os.waitpid(leader.pid, 0)
    assert end_sessions([leader], 5, within=tmp_path) == 2
    assert alive(members) == []


def test_a_process_that_only_has_the_id_of_an_old_one_is_left_alone(
    tmp_path: Path, started: list[ManagedProcess]
) -> None:
    members = family(tmp_path, started)
    known = started[0].started
    later = dataclasses.replace(known, started=known.started + 60)
    assert end_sessions([later], 0, within=tmp_path) == 0
    assert len(alive(members)) == 3


def test_a_process_that_works_elsewhere_is_left_alone(
    tmp_path: Path, started: list[ManagedProcess]
) -> None:
    members = family(tmp_path, started)
    elsewhere = tmp_path / "elsewhere"
    assert end_sessions([started[0].started], 0, within=elsewhere) == 0
    assert len(alive(members)) == 3


def test_a_record_of_processes_long_gone_ends_nothing(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    ended.wait()
    assert end_sessions([StartedProcess("gone", ended.pid, 0.0)], 0) == 0


def test_a_process_that_ends_by_itself_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = "import sys; print(chr(10).join(f'line {n}' for n in range(9))); sys.exit(7)"
    process = ManagedProcess(command(tmp_path, "-c", program, name="scheduler"), tmp_path)
    with pytest.raises(ProcessStopped) as told:
        process.finish()
    message = str(told.value)
    assert message.startswith("scheduler failed (exit code 7)")
    assert str(tmp_path / "scheduler.log") in message
    assert "line 8" in message
    assert "line 3" not in message


def test_a_process_killed_from_outside_is_told_with_the_signal(
    tmp_path: Path, started: list[ManagedProcess]
) -> None:
    family(tmp_path, started)
    os.kill(started[0].started.pid, 9)
    while started[0].poll() is None:
        pass
    with pytest.raises(ProcessStopped, match=r"dummy stopped by itself \(signal SIGKILL\)"):
        started[0].check()
