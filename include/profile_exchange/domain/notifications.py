"""Who is told about a connection's runs, when, and by which way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

#: The Airflow connection of the mail server, unless a connection names another.
SMTP_DEFAULT = "smtp_default"


class Occasion(StrEnum):
    """After which runs somebody is told: those that failed, or every one."""

    FAILURE = "failure"
    ALWAYS = "always"


class Notice(StrEnum):
    """What is told of a run, each at most once: how it ended, and that it takes too long."""

    OUTCOME = "outcome"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class ConfiguredNotifier:
    """One of Airflow's notifiers, by its import path; what it is made with may hold templates."""

    type: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notifications:
    """Whom to tell: mail addresses and notifiers, one of them at least.

    ``smtp`` is the id of the Airflow connection that holds the mail server. A run that is not
    over ``overdue_after`` being queued is told of as well; None is never.
    """

    emails: tuple[str, ...] = ()
    when: Occasion = Occasion.FAILURE
    overdue_after: timedelta | None = None
    smtp: str = SMTP_DEFAULT
    notifiers: tuple[ConfiguredNotifier, ...] = ()

    def wanted(self, *, failed: bool) -> bool:
        """Whether somebody wants to know how a run ended."""
        return failed or self.when is Occasion.ALWAYS
