"""The machine: Python, packages, disk space, folders and the secrets in them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from profile_exchange.installation.checkup.finding import (
    Finding,
    Surroundings,
    ok,
    skipped,
    wrong,
)
from profile_exchange.installation.layout import NEEDED_BYTES

FIRST_PYTHON, TOO_NEW_PYTHON = (3, 11), (3, 14)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)\s*(;?)", re.MULTILINE)
_PROVIDERS = "apache_airflow_provider"
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


def python(_: Surroundings, running: tuple[int, int] | None = None) -> Iterator[Finding]:
    """The Python that runs this is one that the project is tested with."""
    running = running or (sys.version_info.major, sys.version_info.minor)
    told = f"Python {running[0]}.{running[1]}"
    if FIRST_PYTHON <= running < TOO_NEW_PYTHON:
        yield ok("python", f"{told} is one of those supported.")
    else:
        mend = "Install Python 3.11, 3.12 or 3.13, and run `make clean` and `make install`."
        yield wrong("python", f"{told} is not supported.", mend)


def packages(around: Surroundings) -> Iterator[Finding]:
    """Every package is the one in the lock file."""
    lock = around.root / "requirements.txt"
    if not lock.is_file():
        yield skipped("packages", f"There is no {lock.name} to compare the packages with.")
        return
    pins: dict[str, list[tuple[str, str]]] = {}
    for name, pinned, conditional in _PIN.findall(lock.read_text(encoding="utf-8")):
        pins.setdefault(name, []).append((pinned, conditional))
    different = [told for name, its in pins.items() if (told := _different(name, its))]
    if different:
        told = f"{len(different)} packages are not those of {lock.name}: {', '.join(different[:5])}"
        yield wrong("packages", f"{told}.", "Run `make install`.")
    else:
        yield ok("packages", f"All packages are those of {lock.name}.")


def _different(name: str, pins: list[tuple[str, str]]) -> str:
    """How a package differs from its pins, one for each kind of machine; some need none of it."""
    try:
        installed = version(name)
    except PackageNotFoundError:
        return "" if all(conditional for _, conditional in pins) else f"{name} is missing"
    wanted = [pinned for pinned, _ in pins]
    return "" if installed in wanted else f"{name} is {installed}, not {' or '.join(wanted)}"


def connection_type(_: Surroundings) -> Iterator[Finding]:
    """Airflow finds the form and the test of connections to other tenants."""
    known = {entry.value.partition(".")[0] for entry in entry_points(group=_PROVIDERS)}
    if "profile_exchange" in known:
        yield ok("connection type", "Airflow knows the connection type of other tenants.")
    else:
        told = "Airflow does not know the connection type of other tenants."
        yield wrong("connection type", told, "Install the project again: `make install`.")


def disk(around: Surroundings, needed: int = NEEDED_BYTES) -> Iterator[Finding]:
    """There is room for databases and logs."""
    folder = _existing(around.settings.state_dir)
    free = shutil.disk_usage(folder).free
    told = f"{free // 2**20:,} MB are free on the disk of {folder}"
    if free < needed:
        mend = "Free some space, or set EXCHANGE_STATE_DIR to a folder on another disk."
        yield wrong("disk space", f"{told}; {needed // 2**20:,} are needed.", mend)
    else:
        yield ok("disk space", f"{told}.")


def folders(around: Surroundings) -> Iterator[Finding]:
    """The folders of the configuration can be read, that of the state be written to."""
    told = around.settings
    wanted = [
        (told.connections_dir, os.R_OK | os.X_OK, "read", "EXCHANGE_CONNECTIONS_DIR"),
        (told.tenants_dir, os.R_OK | os.X_OK, "read", "EXCHANGE_TENANTS_DIR"),
    ]
    if not around.is_spread:  # such a container has nothing to write
        state = _existing(told.state_dir)
        wanted.append((state, os.W_OK | os.X_OK, "written to", "EXCHANGE_STATE_DIR"))
    for folder, rights, verb, setting in wanted:
        if folder.is_dir() and os.access(folder, rights):
            yield ok("folders", f"{folder} can be {verb}.")
        else:
            mend = f"Give yourself the right (chmod), or set {setting} to another folder."
            yield wrong("folders", f"The folder {folder} cannot be {verb}.", mend)


def secret_files(around: Surroundings) -> Iterator[Finding]:
    """Nobody but their owner can read the secrets."""
    folder = around.settings.secrets_dir
    if not folder.is_dir():
        yield skipped("secrets", f"There is no folder of secrets {folder} yet.")
        return
    if around.is_spread:
        yield skipped("secrets", "Who may read the secrets is decided outside of this container.")
        return
    readable = sorted(file.name for file in folder.iterdir() if _is_open(file))
    if _is_open(folder) and readable:
        told = f"Others on this machine may read secrets in {folder}: {', '.join(readable)}."
        yield wrong("secrets", told, f"Run `chmod 700 {folder}` and `chmod 600` on these files.")
    else:
        yield ok("secrets", f"Only their owner can read the secrets in {folder}.")


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS_MAY)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)
