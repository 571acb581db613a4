"""The settings of this installation: environment variables that start with ``EXCHANGE_``.

What belongs to one connection or one tenant is in its YAML file instead.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from profile_exchange.config.forms import HTTP_ADDRESS
from profile_exchange.config.messages import sentence
from profile_exchange.domain.errors import ConfigurationError, Problem

PREFIX = "EXCHANGE_"
PROJECT_ROOT = Path(__file__).resolve().parents[3]
_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class Settings(BaseSettings):
    """Where things are, and how much of the machine an exchange may use."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    connections_dir: Path = Field(
        default=PROJECT_ROOT / "include" / "connections",
        description="Folder of the configured connections, one YAML file each.",
    )
    tenants_dir: Path = Field(
        default=PROJECT_ROOT / "include" / "tenants",
        description="Folder of the tenants that this installation hosts, one YAML file each.",
    )
    state_dir: Path = Field(
        default=PROJECT_ROOT / "var",
        description="Folder of everything that `exchange up` makes: databases, logs, secrets.",
    )
    # One installation's commands must never find the stores of another one.
    secrets_dir: Path = Field(
        default_factory=lambda told: told["state_dir"] / "secrets",
        description="Folder of secrets, one file each, named after the secret.",
    )
    write_connections: bool = Field(
        default=False,
        description="Whether the pages in Airflow may write connections' files.",
    )
    airflow_url: str = Field(
        default="http://127.0.0.1:8080",
        pattern=HTTP_ADDRESS,
        description="Address of Airflow's API server, for the command line.",
    )
    airflow_user: str = Field(default="", description="Airflow user of the command line.")
    airflow_password_secret: str = Field(
        default="airflow-password", description="Name of the secret with that user's password."
    )
    page_size: int = Field(
        default=1000, ge=1, le=10_000, description="Profiles asked for in one page."
    )
    profiles_per_part: int = Field(
        default=100_000,
        ge=1,
        description="Profiles for one mapped task; a pull is split into as many as that takes.",
    )
    max_parts: int = Field(
        default=16, ge=1, le=256, description="Mapped tasks that one step is split into at most."
    )
    retry_seconds: float = Field(
        default=10.0, gt=0, description="Seconds before a failed task is tried again; then longer."
    )
    pull_deadline: float = Field(
        default=3 * 3600.0, gt=0, description="Seconds that pulling one part may take in all."
    )
    requests_per_second: float = Field(
        default=200.0,
        gt=0,
        description="Requests a second that a service of the exposure API answers a connection.",
    )
    requests_at_once: int = Field(
        default=32,
        ge=1,
        description="Requests of one connection that such a service has under way.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        description="Workers that share these limits; `exchange serve --workers` sets it.",
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """This process's settings. Raises `ConfigurationError` with every wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(
            [
                Problem(
                    "", 0, f"{PREFIX}{'_'.join(map(str, wrong['loc'])).upper()}", sentence(wrong)
                )
                for wrong in error.errors(include_url=False)
            ]
        ) from None


def read_secret(name: str, secrets_dir: Path | None = None) -> str:
    """The secret of this name: ``EXCHANGE_SECRET_<NAME>``, else the file of that name.

    Blanks and line ends around it are not part of it. Raises `ConfigurationError` that names
    both places when there is neither, and never repeats what it read.
    """
    secret = find_secret(name, secrets_dir)
    if secret is None:
        raise ConfigurationError(
            f"Secret {name!r} is not set: set the environment variable {_variable(name)}, "
            f"or write it to the file {_file(name, secrets_dir)}."
        )
    return secret


def find_secret(name: str, secrets_dir: Path | None = None) -> str | None:
    """The secret of this name, as `read_secret` finds it, or None where it is in neither place."""
    if not _SECRET_NAME.fullmatch(name):
        raise ConfigurationError(
            "The name of a secret has only letters, digits, hyphens and underscores: "
            "write the name there, not the secret itself."
        )
    told = os.environ.get(_variable(name), "").strip()
    return told or _file_content(name, _file(name, secrets_dir)) or None


def _variable(name: str) -> str:
    return f"{PREFIX}SECRET_{name.upper().replace('-', '_')}"


def _file(name: str, secrets_dir: Path | None) -> Path:
    return (secrets_dir or settings().secrets_dir) / name


def _file_content(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
    raise ConfigurationError(f"Secret {name!r} cannot be read from the file {file}: {reason}.")
