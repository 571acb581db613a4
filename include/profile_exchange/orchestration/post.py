"""One session with the mail server of an Airflow connection, for a mail to each of some people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection as AirflowConnection

from profile_exchange.domain.errors import ConfigurationError, ExchangeError
from profile_exchange.domain.notifications import Notifications
from profile_exchange.orchestration.mail_server import mail_errors, missing_server
from profile_exchange.orchestration.partner import Lookup


class _Hook(SmtpHook):
    """Airflow's hook, trying once unless its connection says otherwise: the task tries again, and
    until then the run is open."""

    @property
    def smtp_retry_limit(self) -> int:
        """How often a server that hangs up, or says nothing, is tried again."""
        return int(self.conn.extra_dejson.get("retry_limit", 0))


class Post:
    """A session that is opened for the first mail; a server that is away is asked once."""

    def __init__(self, notifications: Notifications, lookup: Lookup) -> None:
        self._notifications, self._lookup = notifications, lookup
        self._hook = _Hook(smtp_conn_id=notifications.smtp)
        self._away: ExchangeError | None = None

    def send(self, address: str, write: Callable[[str], EmailMessage]) -> None:
        """Send the mail that ``write`` makes for a sender.

        Raises `ConfigurationError` for what somebody has to change, and `NotTold` for what may
        pass. Neither repeats what the server said: it may quote what it was sent.
        """
        session = self._session()
        with mail_errors(self._notifications.smtp):
            # The hook itself sends HTML alone; the session is what it is needed for.
            session.send_message(write(str(self._hook.from_email)), to_addrs=[address])

    def reach(self) -> None:
        """Ask the server for a sign of life. Raises as `send` does."""
        session = self._session()
        with mail_errors(self._notifications.smtp):
            session.noop()

    def close(self) -> None:
        """End the session, if there is one."""
        client: Any = self._hook._smtp_client
        if client:
            client.close()

    def _session(self) -> Any:
        if self._away:
            raise self._away
        try:
            if missing := missing_server(self._notifications, self._lookup):
                raise ConfigurationError(missing)
            with mail_errors(self._notifications.smtp):
                return self._hook.get_conn()._smtp_client
        except ExchangeError as error:
            self._away = error
            raise


@contextmanager
def post(notifications: Notifications, lookup: Lookup = AirflowConnection.get) -> Iterator[Post]:
    """A session for as long as the context lasts."""
    opened = Post(notifications, lookup)
    try:
        yield opened
    finally:
        opened.close()
