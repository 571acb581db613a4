"""Handing a mail to the server that an Airflow connection names."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from airflow.sdk import Connection as AirflowConnection
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


def send(
    notifications: Notifications,
    write: Callable[[str], EmailMessage],
    lookup: Lookup = AirflowConnection.get,
) -> None:
    """Send the mail that ``write`` makes for a sender.

    Raises `ConfigurationError` for what somebody has to change, and `NotTold` for what may pass.
    Neither repeats what the server said: it may quote what it was sent.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if missing := missing_server(notifications, lookup):
        raise ConfigurationError(missing)
    hook = SmtpHook(smtp_conn_id=notifications.smtp)
    with _told(notifications.smtp), hook:
        message = write(str(hook.from_email))
        # The hook itself sends HTML alone; the session is what it is needed for.
        session: Any = hook._smtp_client
        session.send_message(message, to_addrs=list(notifications.emails))


def reach(notifications: Notifications) -> None:
    """Open a session with the mail server, as for a mail, and send none. Raises as `send` does."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    hook = SmtpHook(smtp_conn_id=notifications.smtp)
    with _told(notifications.smtp), hook:
        session: Any = hook._smtp_client
        session.noop()


@contextmanager
def _told(name: str) -> Iterator[None]:
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
