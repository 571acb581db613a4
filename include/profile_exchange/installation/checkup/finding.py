"""What a check has found, and what it looks at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from profile_exchange.config.registry import Configuration, read_all
from profile_exchange.config.settings import PROJECT_ROOT, Settings
from profile_exchange.domain.errors import ConfigurationError

#: What Docker and Podman leave in their containers, and Kubernetes in the environment of its own.
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
KUBERNETES = "KUBERNETES_SERVICE_HOST"


class State(StrEnum):
    """How a check came out. What cannot be looked at here is ``skipped``, and is no fault."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what is so, and, where it is wrong, how to mend it."""

    check: str
    state: State
    told: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding for JSON."""
        return {name: str(value) for name, value in asdict(self).items()}


def ok(check: str, told: str) -> Finding:
    """What is as it should be."""
    return Finding(check, State.OK, told)


def wrong(check: str, told: str, mend: str) -> Finding:
    """What somebody has to mend, and how."""
    return Finding(check, State.WRONG, told, mend)


def skipped(check: str, told: str) -> Finding:
    """What could not be looked at, and why that is no fault."""
    return Finding(check, State.SKIPPED, told)


@dataclass(frozen=True)
class Surroundings:
    """An installation as it is configured; ``configuration`` has what is sound of its files."""

    settings: Settings
    root: Path = PROJECT_ROOT
    configuration: Configuration = field(default_factory=Configuration)
    in_container: bool = False

    @property
    def is_spread(self) -> bool:
        """Whether this is one container of an installation: it has what its service needs."""
        return self.in_container and self.has_airflow_elsewhere

    @property
    def has_airflow_elsewhere(self) -> bool:
        """Whether the settings name an Airflow that was not started here."""
        return "airflow_url" in self.settings.model_fields_set

    @classmethod
    def of(cls, settings: Settings, root: Path = PROJECT_ROOT) -> Surroundings:
        """The installation of some settings, whether or not its folders can be read."""
        try:
            found = read_all(settings.connections_dir, settings.tenants_dir)
        except ConfigurationError as error:
            found = Configuration(problems=error.problems)
        return cls(settings, root, found, _in_container())


def _in_container() -> bool:
    return any(mark.exists() for mark in CONTAINER_MARKS) or KUBERNETES in os.environ


#: Looks at one thing; never raises for what is wrong with it.
Check = Callable[[Surroundings], Iterable[Finding]]
