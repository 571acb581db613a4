"""What runs, and where: the record that an installation keeps while it is up.

The record is how a second terminal finds the installation, and how the next start finds what
an interrupted one left behind. A lock that dies with its holder says whether it is still up.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from profile_exchange.domain.errors import FatalError
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.processes import StartedProcess


class AlreadyRunning(FatalError):
    """Another process runs the installation of this folder."""


class NotRunning(FatalError):
    """Something needs the installation, and it is not up."""


@dataclass(frozen=True, slots=True)
class Record:
    """One installation: the process that runs it, its ports, and the processes it started."""

    launcher: int
    airflow_port: int = 0
    exposure_port: int = 0
    postgres_port: int = 0
    ready: bool = False
    processes: tuple[StartedProcess, ...] = ()


def write(layout: Layout, record: Record) -> None:
    """Replace the record in one step."""
    unfinished = layout.record.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(record), indent=1))
    unfinished.replace(layout.record)


def read(layout: Layout) -> Record | None:
    """The last record, or None if there is none that can be read."""
    try:
        found = json.loads(layout.record.read_text())
        processes = tuple(StartedProcess(**started) for started in found.pop("processes"))
        return Record(**found, processes=processes)
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Hold the installation's lock. Raises `AlreadyRunning` if somebody else does."""
    with layout.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_already_running(layout)) from None
        yield


def running(layout: Layout) -> Record:
    """The record of the installation that is up. Raises `NotRunning`."""
    record = read(layout)
    if record is None or not record.ready or not is_held(layout):
        raise NotRunning(
            f"No installation runs in {layout.state}: start it with `exchange up`, or set "
            "EXCHANGE_AIRFLOW_URL to the address of the Airflow you mean."
        )
    return record


def is_held(layout: Layout) -> bool:
    """Whether some process runs the installation."""
    try:
        with layout.lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _already_running(layout: Layout) -> str:
    record = read(layout)
    by = f" (process {record.launcher})" if record else ""
    return (
        f"The installation in {layout.state} is already running{by}: use that one, "
        "or stop it with Ctrl-C in its terminal or with `exchange down`."
    )
