"""A mail server on loopback that keeps what it receives, and refuses as often as it is told to."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller

from profile_exchange.installation.ports import LOOPBACK, any_free_port


class MailServer:
    """Keeps mails; the next ``refusals`` it does not take, nor any to who is ``unknown`` to it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusals = 0
        self.unknown: dict[str, str] = {}
        self.answer = "451 not now"
        self.port = any_free_port()

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if answer := self.unknown.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusals:
            self.refusals -= 1
            return self.answer
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(cast("EmailMessage", message))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def about(self, run_id: str) -> list[EmailMessage]:
        """The mails about one run, in the order in which they came."""
        return [message for message in self.mails if run_id in text_of(message)]

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        controller = Controller(self, hostname=LOOPBACK, port=self.port)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """The mail's text, as a reader that prefers a kind of it shows it."""
    body = message.get_body((kind, "html"))
    assert body is not None
    return str(body.get_content()).replace("\n", " ")
