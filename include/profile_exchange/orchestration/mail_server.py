"""The mail server that an Airflow connection names, and what is wrong with it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException

from profile_exchange.domain.errors import ConfigurationError, NotTold
from profile_exchange.domain.notifications import Notifications
from profile_exchange.orchestration.partner import Lookup, find_connection

#: From here on, a server's answer is that trying again will not help.
PERMANENT = 500


def missing_server(notifications: Notifications | None, lookup: Lookup) -> str | None:
    """What to add, if somebody wants mails and the connection of the mail server is not there."""
    if notifications is None or not notifications.emails:
        return None
    stored = find_connection(notifications.smtp, lookup)
    if stored is None:
        return (
            f"Mails go through the Airflow connection {notifications.smtp}, which does not exist: "
            "add it under Admin > Connections, of the type SMTP, with host, port and From email."
        )
    if not stored.extra_dejson.get("from_email"):
        return (
            f"The Airflow connection {notifications.smtp} says nothing about the sender: "
            "fill in its From email."
        )
    return None


def reach(notifications: Notifications) -> None:
    """Open a session with the mail server, as for a mail, and send none.

    Raises `ConfigurationError` for what somebody has to change, and `NotTold` for what may pass.
    """
    from profile_exchange.orchestration.post import post

    with post(notifications) as session:
        session.reach()


@contextmanager
def mail_errors(name: str) -> Iterator[None]:
    """Turn what a mail server does wrong into sentences of ours."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(name, max(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(name, error.smtp_code) from None
    except (smtplib.SMTPException, OSError, AirflowException) as error:
        raise NotTold(
            f"The mail server of the Airflow connection {name} does not answer "
            f"({type(error).__name__}): start it, or correct host, port, Disable TLS and "
            "Disable SSL there. The run that the mail is about is as it was."
        ) from None


def _refused(name: str, code: int) -> Exception:
    told = f"The mail server of the Airflow connection {name} did not take the mail ({code})"
    if code >= PERMANENT:
        return ConfigurationError(
            f"{told}: correct its login or From email, or the addresses under notifications."
        )
    return NotTold(f"{told}; it may do so later.")
