"""Telling an outcome by every way that a connection configures, each once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.configuration import conf

from profile_exchange.domain.errors import ExchangeError, TransientError
from profile_exchange.domain.notifications import ConfiguredNotifier, Notice, Notifications
from profile_exchange.notices.mail import html_of, links, mail, text_of
from profile_exchange.notices.once import Telling, once
from profile_exchange.notices.outcome import Ending, Outcome
from profile_exchange.notices.words import headline

log = logging.getLogger(__name__)

MAIL = "mail"
Way = tuple[str, Callable[[], None]]


def tell(
    outcome: Outcome, notifications: Notifications, context: Any, store_url: str | None
) -> int:
    """Tell an outcome by each way by which it was not told yet. Returns by how many.

    A way that fails keeps no other from being tried; the first failure that may pass is raised
    in the end, or else the first. Without a store nothing is on record, and all is told.
    """
    told, failures = 0, []
    for name, act in _ways(outcome, notifications, context):
        try:
            with _once(outcome, name, store_url) as first:
                if first:
                    act()
                    told += 1
        except ExchangeError as error:
            log.warning("%s", error)
            failures.append(error)
    if failures:
        raise next((e for e in failures if isinstance(e, TransientError)), failures[0])
    return told


def _once(outcome: Outcome, way: str, store_url: str | None) -> AbstractContextManager[bool]:
    if store_url is None:
        return nullcontext(True)
    notice = Notice.OVERDUE if outcome.ending is Ending.OVERDUE else Notice.OUTCOME
    telling = Telling(outcome.connection.id, outcome.run_id, notice, way)
    return once(store_url, telling, datetime.now(UTC))


def _ways(outcome: Outcome, notifications: Notifications, context: Any) -> Iterator[Way]:
    """Each way's name on record, and what to do."""
    airflow_url = conf.get("api", "base_url", fallback="") or ""
    if notifications.emails:
        yield MAIL, partial(_send, outcome, notifications, airflow_url)
    for number, configured in enumerate(notifications.notifiers):
        name = f"{number} {configured.type}"
        yield name, partial(_use, configured, outcome, context, airflow_url)


def _send(outcome: Outcome, notifications: Notifications, airflow_url: str) -> None:
    from profile_exchange.orchestration.mail_server import send

    send(
        notifications,
        lambda sender: mail(outcome, airflow_url, sender=sender, to=notifications.emails),
    )


def _use(configured: ConfiguredNotifier, outcome: Outcome, context: Any, airflow_url: str) -> None:
    from profile_exchange.orchestration.notifiers import use

    (link, *_) = [*links(outcome, airflow_url), None]
    told = {
        "subject": headline(outcome),
        "text": text_of(outcome, airflow_url),
        "html": html_of(outcome, airflow_url),
        "ending": outcome.ending.value,
        "link": link.address if link else "",
    }
    use(configured, context, told)
