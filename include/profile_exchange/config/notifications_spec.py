"""The ``notifications`` of a connection's YAML file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from profile_exchange.config.forms import IMPORT_PATH, MAIL_ADDRESS
from profile_exchange.config.spec import CredentialsId, LengthOfTime, Spec
from profile_exchange.domain.notifications import (
    SMTP_DEFAULT,
    ConfiguredNotifier,
    Notifications,
    Occasion,
)

MailAddress = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=MAIL_ADDRESS)
]
ImportPath = Annotated[str, StringConstraints(max_length=250, pattern=IMPORT_PATH)]


class NotifierSpec(Spec):
    """One of Airflow's notifiers, such as Slack's."""

    type: ImportPath
    """Its import path, such as airflow.providers.slack.notifications.slack.SlackNotifier."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Its arguments. In templates, exchange.subject, text, html and link say what happened."""

    def to_domain(self) -> ConfiguredNotifier:
        """The notifier without its YAML."""
        return ConfiguredNotifier(self.type, self.kwargs)


class NotificationsSpec(Spec):
    """Who is told about runs, and when."""

    emails: list[MailAddress] = Field(default_factory=list)
    """Mail addresses that are written to."""
    when: Occasion = Occasion.FAILURE
    """After runs that failed, or after every run."""
    overdue_after: LengthOfTime | None = None
    """Told as well: a run that is not over so long after it was queued, such as 2h."""
    smtp: CredentialsId = SMTP_DEFAULT
    """Id of the Airflow connection that holds the mail server."""
    notifiers: list[NotifierSpec] = Field(default_factory=list)
    """Other notifiers of Airflow's."""

    @model_validator(mode="after")
    def _tells_somebody(self) -> NotificationsSpec:
        if not (self.emails or self.notifiers):
            raise ValueError("this tells nobody: list emails, notifiers, or both.")
        return self

    def to_domain(self) -> Notifications:
        """The notifications without their YAML."""
        return Notifications(
            emails=tuple(self.emails),
            when=self.when,
            overdue_after=self.overdue_after,
            smtp=self.smtp,
            notifiers=tuple(notifier.to_domain() for notifier in self.notifiers),
        )
