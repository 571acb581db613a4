"""Where an installation keeps what it makes: everything below one folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from profile_exchange.domain.errors import FatalError

#: PostgreSQL's cluster and its write-ahead log, Airflow's logs, a sample: half of it is slack.
NEEDED_BYTES = 400 * 1024 * 1024


class FolderUnusable(FatalError):
    """The installation's folder cannot be written, or its disk is full."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one installation, below ``state``."""

    state: Path

    @property
    def postgres(self) -> Path:
        """The embedded server's folder."""
        return self.state / "postgres"

    @property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``, and the working folder of every process."""
        return self.state / "airflow"

    @property
    def secrets(self) -> Path:
        """One file for each secret, readable by its owner only."""
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.state / "logs"

    @property
    def record(self) -> Path:
        """What runs, and where: see `installation.record`."""
        return self.state / "installation.json"

    @property
    def lock(self) -> Path:
        """Held by the process that runs the installation."""
        return self.state / "installation.lock"

    def make(self) -> None:
        """Make the folders. Raises `FolderUnusable` when they cannot be made or filled."""
        try:
            for folder in (self.state, self.airflow, self.secrets, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.chmod(0o700)
            (self.state / ".writable").touch()
            (self.state / ".writable").unlink()
        except OSError as error:
            raise FolderUnusable(
                f"The folder {self.state} cannot be written ({error.strerror}): give yourself "
                "the right to write there, or set EXCHANGE_STATE_DIR to another folder."
            ) from None
        self._check_space()

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.state).free
        if free < NEEDED_BYTES:
            raise FolderUnusable(
                f"The disk that holds {self.state} is full: {free // 2**20} MB are free and "
                f"{NEEDED_BYTES // 2**20} MB are needed; free some, or set EXCHANGE_STATE_DIR "
                "to a folder on another disk."
            )
