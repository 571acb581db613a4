"""Measuring: phases by the clock, processes by what they took at most."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

MAX_STEP_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of processor time of everything that took part."""

    seconds: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.cpu + other.cpu)


@dataclass
class Measurement:
    """One run of one contender; ``wal`` in bytes, ``written`` in profiles."""

    phases: dict[str, Spent] = field(default_factory=dict)
    wal: int = 0
    written: int = 0

    def of(self, names: Iterable[str]) -> Spent:
        """What some of the phases took together."""
        return sum((self.phases[name] for name in names), Spent())

    @property
    def total(self) -> Spent:
        """What the whole run took."""
        return self.of(self.phases)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures what passes inside."""
        cpu, start = _cpu_seconds(), time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.phases[name] = Spent(seconds, _cpu_seconds() - cpu)


class Workers:
    """Processes that do what they are handed, as an executor's do; each imports ``first``.

    ``peak_memory`` is the most that any of them ever held, in bytes, imports included;
    ``imported`` is what they held before their first task.
    """

    def __init__(self, number: int, first: Callable[[], None] | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(number, _ready, (first,))
        self._number = number
        self.peak_memory = 0
        self.imported = 0

    def __enter__(self) -> Self:
        for held in self._pool.map(_held, range(self._number), chunksize=1):
            self.imported = max(self.imported, held)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._pool.close()
        else:
            self._pool.terminate()
        self._pool.join()

    def do(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """One task in one process."""
        return self.do_all(task, [arguments])[0]

    def do_all(self, task: Callable[..., Any], each: Iterable[tuple[Any, ...]]) -> list[Any]:
        """The same task on different arguments, at once."""
        calls = [(task, arguments) for arguments in each]
        done = self._pool.map_async(_measured, calls, chunksize=1).get(MAX_STEP_SECONDS)
        self.peak_memory = max(self.peak_memory, *(peak for _, peak in done))
        return [result for result, _ in done]


def _ready(first: Callable[[], None] | None) -> None:
    # Ctrl-C is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if first:
        first()


def _held(_: int) -> int:
    # Long enough that no process is asked twice.
    time.sleep(0.2)
    return _peak_memory()


def _measured(call: tuple[Callable[..., Any], tuple[Any, ...]]) -> tuple[Any, int]:
    task, arguments = call
    return task(*arguments), _peak_memory()


def _peak_memory() -> int:
    """The most resident memory that this process ever held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, this leaves out what the parent held when it forked.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _cpu_seconds() -> float:
    """Processor time of this process and of all that it started, in its whole life."""
    this = psutil.Process()
    return sum(map(_cpu_of, [this, *this.children(recursive=True)]))


def _cpu_of(process: psutil.Process) -> float:
    """Processor time of a process, and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)
