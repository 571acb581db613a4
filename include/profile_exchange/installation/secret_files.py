"""The secrets that an installation makes for itself, one file each."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

AIRFLOW_PASSWORD = "airflow-password"  # noqa: S105 - the secret's name
FERNET_KEY = "airflow-fernet-key"
JWT_SECRET = "airflow-jwt-secret"  # noqa: S105 - the secret's name
API_SECRET_KEY = "airflow-api-secret-key"  # noqa: S105 - the secret's name


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """The secrets below a folder; every file is readable by its owner only."""

    folder: Path

    def read(self, name: str) -> str | None:
        """The secret of this name, or None."""
        file = self.folder / name
        return file.read_text().strip() if file.exists() else None

    def write(self, name: str, value: str) -> None:
        """Write a secret whole; at no moment can anybody else read it."""
        unfinished = self.folder / f".{name}.{os.getpid()}"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
        unfinished.replace(self.folder / name)

    def keep_or_make(self, name: str, make: Callable[[], str]) -> str:
        """The secret of this name, made now if there is none yet."""
        known = self.read(name)
        if known:
            return known
        self.write(name, make())
        return self.read(name) or ""

    def make_missing(self) -> None:
        """Make what Airflow's processes share and its user logs in with."""
        for name, make in _MAKERS.items():
            self.keep_or_make(name, make)


def _password() -> str:
    return secrets.token_urlsafe(15)


def _key_of_64_characters() -> str:
    return secrets.token_hex(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_MAKERS: dict[str, Callable[[], str]] = {
    AIRFLOW_PASSWORD: _password,
    FERNET_KEY: _fernet_key,
    JWT_SECRET: _key_of_64_characters,
    API_SECRET_KEY: _key_of_64_characters,
}
