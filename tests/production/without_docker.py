"""The services of the compose file as processes on this machine: same commands, same environment.

What Docker would provide stands in other places here: names of services are loopback, published
and internal ports are free ones, and mounted folders are below a temporary one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from profile_exchange.installation.embedded_postgres import (
    EmbeddedPostgres,
    binaries,
    wal_compression,
)
from profile_exchange.installation.ports import any_free_port
from profile_exchange.installation.processes import Command, ManagedProcess, stop
from tests.production import compose

#: Ports as the containers see them.
PORTS = ("8080", "8974", "8200", "6379", "5432")
VARIABLES = {"PROFILE_EXCHANGE_AIRFLOW_URL": "http://api-server:8080"}
#: A process that was asked to stop ends with 0, or says by which signal it was.
CLEAN = {0, -15, 143}
STOP_SECONDS = 30.0


class Place:
    """Where everything of one run of the services is, and what stands for Docker's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: str(any_free_port()) for port in PORTS}
        self._instead = {
            **{
                f"{name}:{port}": f"127.0.0.1:{self.ports[port]}" for name, port in _SERVERS.items()
            },
            **{rf"\b{port}\b": number for port, number in self.ports.items()},
            "/run/secrets/": f"{folder}/secrets/",
            "/run/stores": f"{folder}/secrets/stores",
            "/run/exposure": f"{folder}/secrets/exposure",
            "/opt/profile-exchange": str(compose.ROOT),
            "/opt/airflow": self.made("airflow"),
            "/opt/venv/bin": str(Path(sys.executable).parent),
            "/var/log/airflow": self.made("logs"),
            r"/data\b": self.made("redis"),
            r"/tmp\b": self.made("tmp"),  # noqa: S108 (the containers' own)
        }
        self._pattern = re.compile("|".join(f"({name})" for name in self._instead))
        self.services = compose.services(
            {**VARIABLES, "PROFILE_EXCHANGE_SECRETS": f"{folder}/secrets"}
        )
        self._make_secrets()

    def made(self, name: str) -> str:
        """A folder of this run."""
        (self.folder / name).mkdir(exist_ok=True)
        return str(self.folder / name)

    def here(self, text: str) -> str:
        """A text of the compose file with everything where it is here."""
        replacements = list(self._instead.values())
        return self._pattern.sub(lambda found: replacements[(found.lastindex or 1) - 1], text)

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, on top of its image's."""
        path = f"{Path(sys.executable).parent}:{binaries()}:{os.environ['PATH']}"
        told = {**compose.image_environment(), **self.services[service].environment}
        # The image is compiled already; here each of many processes would do it again.
        told.pop("PYTHONDONTWRITEBYTECODE")
        return {**{name: self.here(value) for name, value in told.items()}, "PATH": path}

    def arguments(self, command: Sequence[str]) -> list[str]:
        """A command as it runs here."""
        return [self.here(argument) for argument in command]

    def start(self, service: str) -> ManagedProcess:
        """Start a service's own command."""
        arguments = self.arguments(self.services[service].command)
        command = Command(service, arguments, self.environment(service), self.folder)
        return ManagedProcess(command, Path(self.made("output")))

    def run(self, service: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's environment, as ``docker-compose run`` would."""
        return subprocess.run(
            self.arguments(arguments),
            cwd=self.folder,
            env=self.environment(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def is_healthy(self, service: str) -> bool:
        """Whether the service's health check says so."""
        return self.run(service, self.services[service].health).returncode == 0

    def _make_secrets(self) -> None:
        folder = compose.make_secrets(self.folder / "secrets")
        for secret in (path for path in folder.rglob("*") if path.is_file()):
            secret.write_text(self.here(secret.read_text()))


_SERVERS = {"postgres": "5432", "redis": "6379", "api-server": "8080"}


class Server(EmbeddedPostgres):
    """The wheel's PostgreSQL in place of the image's, with the settings of the compose file."""

    def __init__(self, place: Place) -> None:
        settings = server_settings(place.services["postgres"].command)
        if wal_compression() == "off":
            del settings["wal_compression"]
        super().__init__(
            enterable(place.folder / "postgres"),
            port=int(place.ports["5432"]),
            settings={**settings, "fsync": "off"},
        )
        self._password = (place.folder / "secrets" / "postgres-password").read_text()

    def start(self) -> None:
        """Start, and do what the image does on an empty volume: make its administrator."""
        super().start()
        statement = sql.SQL("create role postgres superuser login password {}")
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.format(sql.Literal(self._password)))


def server_settings(command: Sequence[str]) -> dict[str, str]:
    """What the compose file tells PostgreSQL, as its configuration file has it."""
    settings = (argument.removeprefix("--").partition("=") for argument in command[1:])
    return {name: f"'{value}'" for name, _, value in settings}


def enterable(folder: Path) -> Path:
    """PostgreSQL runs as another user when the tests run as root: let it reach its folder."""
    folder.mkdir()
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    return folder


def stopped_cleanly(processes: Mapping[str, ManagedProcess]) -> dict[str, int | None]:
    """Stop processes; return the exit codes of those that did not end as asked."""
    stop(processes.values(), STOP_SECONDS)
    codes = {name: process.poll() for name, process in processes.items()}
    return {name: code for name, code in codes.items() if code not in CLEAN}


def redis_is_here() -> bool:
    """Whether this machine has a Redis server."""
    return shutil.which("redis-server") is not None
