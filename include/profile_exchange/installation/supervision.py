"""Keeping watch over an installation's processes, and a record of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import psutil

from profile_exchange.domain.errors import FatalError
from profile_exchange.installation import record
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.processes import (
    Command,
    ManagedProcess,
    StartedProcess,
    ask,
    end_sessions,
    stop,
)

STOP_SECONDS = 12.0
_POLL_SECONDS = 0.1


class NotReady(FatalError):
    """A part of the installation did not become ready in time."""


class Supervisor:
    """The processes of one installation; ``record`` is written whenever they change."""

    def __init__(self, layout: Layout, initial: record.Record) -> None:
        self._layout = layout
        self._record = initial
        self._processes: dict[str, ManagedProcess] = {}
        record.write(layout, initial)

    def start(self, command: Command) -> ManagedProcess:
        """Start a command and watch it from now on."""
        process = ManagedProcess(command, self._layout.logs)
        self._processes[command.name] = process
        self._remember()
        return process

    def forget(self, process: ManagedProcess) -> None:
        """Watch a command no longer, because it has ended as it should."""
        self._processes.pop(process.name, None)
        self._remember()

    def ready(self) -> None:
        """Let the record say that the installation can be used."""
        self._record = replace(self._record, ready=True)
        self._remember()

    def check(self) -> None:
        """Raise `ProcessStopped` if a process has ended by itself."""
        for process in self._processes.values():
            process.check()

    def wait_until(
        self,
        condition: Callable[[], bool],
        what: str,
        seconds: float,
        every: float = _POLL_SECONDS,
    ) -> None:
        """Wait for a condition while every process runs. Raises `NotReady` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{what} within {seconds:.0f} s: look into the logs in {self._layout.logs}."
                )
            time.sleep(every)

    def ask(self, name: str) -> None:
        """Ask a process to end, and do not wait for it."""
        if name in self._processes:
            ask([self._processes[name]])

    def stop(self, names: Iterable[str], seconds: float = STOP_SECONDS) -> None:
        """Stop some of the processes, all of them at once, in ``seconds`` at most."""
        found = [self._processes.pop(name) for name in names if name in self._processes]
        stop(found, seconds)

    def stop_all(self) -> None:
        """Stop what is left, also a process that a signal kept from being noted."""
        self.stop(list(self._processes))
        end_sessions(self._unnoted(), STOP_SECONDS)
        self._record = replace(self._record, ready=False)
        self._remember()

    def _unnoted(self) -> list[StartedProcess]:
        children = psutil.Process().children()
        return [
            StartedProcess(child.name(), child.pid, child.create_time())
            for child in children
            if child.is_running()
            and child.status() != psutil.STATUS_ZOMBIE
            and child.cwd() == str(self._layout.airflow)
        ]

    def _remember(self) -> None:
        started = tuple(process.started for process in self._processes.values())
        self._record = replace(self._record, processes=started)
        record.write(self._layout, self._record)
