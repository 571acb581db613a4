"""Processes that an installation starts, each with a session of its own.

A session ends with everything that was forked in it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from profile_exchange.domain.errors import FatalError

SHOWN_LINES = 5
SHOWN_CHARACTERS = 160
#: Asked a second time, Airflow's scheduler no longer waits for running tasks. They are safe to
#: repeat, and a person waits.
PATIENCE_SECONDS = 2.5
KILL_SECONDS = 5.0
_POLL_SECONDS = 0.05
#: Start times are read from a clock that ticks a hundred times a second.
_CLOCK_SECONDS = 0.02


class ProcessStopped(FatalError):
    """A process of the installation ended by itself; the message ends with its last log lines."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run under which name, with which environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """A process as it was when it started; the time tells it from a later one with its id."""

    name: str
    pid: int
    started: float


class ManagedProcess:
    """One running command, its output in ``<logs>/<name>.log``."""

    def __init__(self, command: Command, logs: Path) -> None:
        self.name = command.name
        self.log = logs / f"{command.name}.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                list(command.arguments),
                cwd=command.folder,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = StartedProcess(self.name, self._process.pid, _start_time(self._process.pid))

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raise `ProcessStopped` if the process has ended."""
        if self.poll() is not None:
            raise ProcessStopped(
                self._told(f"stopped by itself ({_how(self._process.returncode)})")
            )

    def finish(self) -> None:
        """Wait for a command that ends. Raises `ProcessStopped` if it fails."""
        code = self._process.wait()
        if code:
            raise ProcessStopped(self._told(f"failed ({_how(code)})"))

    def reap(self) -> None:
        """Take note of the end of a process that was stopped; its threads may take a moment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)

    def last_lines(self, lines: int = SHOWN_LINES) -> list[str]:
        """The last lines of the log that say something."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]

    def _told(self, what: str) -> str:
        lines = "\n".join(f"  {line[:SHOWN_CHARACTERS]}" for line in self.last_lines())
        return f"{self.name} {what}; the end of {self.log}:\n{lines or '  (empty)'}"


def ask(processes: Iterable[ManagedProcess]) -> None:
    """Ask processes to end, and wait for none of them."""
    for member in _asked_first(_members([process.started for process in processes], None)):
        _signal(member, signal.SIGTERM)


def stop(processes: Iterable[ManagedProcess], seconds: float) -> None:
    """Ask processes to end, all at once, and end those that have not after ``seconds``."""
    stopping = list(processes)
    end_sessions([process.started for process in stopping], seconds)
    for process in stopping:
        process.reap()


def end_sessions(
    leaders: Sequence[StartedProcess], seconds: float, within: Path | None = None
) -> int:
    """End processes and whatever still runs in their sessions; return how many were there.

    ``within`` restricts this to processes that work in that folder: what a record of the past
    names may have ended long ago, and its ids be somebody else's by now.
    """
    found = _members(leaders, within)
    patience = min(PATIENCE_SECONDS, seconds)
    for number, wait in (
        (signal.SIGTERM, patience),
        (signal.SIGTERM, seconds - patience),
        (signal.SIGKILL, KILL_SECONDS),
    ):
        alive = _members(leaders, within)
        for process in alive if number == signal.SIGKILL else _asked_first(alive):
            _signal(process, number)
        _wait_until_gone(leaders, within, wait)
    return len(found)


def _asked_first(found: Sequence[psutil.Process]) -> list[psutil.Process]:
    """A session's leader ends its own children in good order; without one, all are asked."""
    led = {process.pid for process in found}
    return [
        process
        for process in found
        if (session := _session(process)) == process.pid or session not in led
    ]


def _wait_until_gone(
    leaders: Sequence[StartedProcess], within: Path | None, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while _members(leaders, within) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _members(leaders: Sequence[StartedProcess], within: Path | None) -> list[psutil.Process]:
    earliest = {leader.pid: leader.started - _CLOCK_SECONDS for leader in leaders}
    found = []
    for process in psutil.process_iter():
        try:
            session = os.getsid(process.pid)
            ours = session in earliest and process.create_time() >= earliest[session]
            if ours and _runs(process) and (within is None or _works_in(process, within)):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _runs(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE


def _works_in(process: psutil.Process, folder: Path) -> bool:
    return Path(process.cwd()).is_relative_to(folder)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _start_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return time.time()


def _how(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
