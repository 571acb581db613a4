"""Telling an outcome by every way that a connection configures, each once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial

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
    outcome: Outcome,
    notifications: Notifications,
    store_url: str | None,
    *,
    last_chance: bool = False,
) -> int:
    """Tell an outcome by each way by which it was not told yet. Returns by how many.

    A way that fails keeps no other from being tried; the first failure that may pass is raised
    in the end, or else the first. Without a store nothing is on record, and all is told; with
    a ``last_chance``, after which nobody tries again, also what cannot be put on record.
    """
    told, failures = 0, []
    with closing(_ways(outcome, notifications)) as ways:
        for name, act in ways:
            try:
                told += _tell_once(outcome, name, act, store_url, last_chance=last_chance)
            except ExchangeError as error:
                log.warning("%s", error)
                failures.append(error)
    if failures:
        raise next((e for e in failures if isinstance(e, TransientError)), failures[0])
    return told


def _tell_once(
    outcome: Outcome, name: str, act: Callable[[], None], url: str | None, *, last_chance: bool
) -> bool:
    """Tell by one way, unless that is on record. Returns whether it was told."""
    tried = False
    try:
        with _once(outcome, name, url) as first:
            if first:
                tried = True
                act()
            return first
    except ExchangeError as error:
        if tried or not last_chance:
            raise
        log.warning("Told without a record: %s", error)
    act()
    return True


def _once(outcome: Outcome, way: str, store_url: str | None) -> AbstractContextManager[bool]:
    if store_url is None:
        return nullcontext(True)
    notice = Notice.OVERDUE if outcome.ending is Ending.OVERDUE else Notice.OUTCOME
    telling = Telling(outcome.connection.id, outcome.run_id, notice, way)
    return once(store_url, telling, datetime.now(UTC))


def _ways(outcome: Outcome, notifications: Notifications) -> Generator[Way, None, None]:
    """Each way's name on record, and what to do. A mail to each address is a way of its own: a
    server that does not take one of them takes the others."""
    airflow_url = conf.get("api", "base_url", fallback="") or ""
    yield from _mails(outcome, notifications, airflow_url)
    for number, configured in enumerate(notifications.notifiers):
        yield f"{number} {configured.type}", partial(_use, configured, outcome, airflow_url)


def _mails(outcome: Outcome, notifications: Notifications, airflow_url: str) -> Iterator[Way]:
    if not notifications.emails:
        return
    # Airflow's provider for mails is imported where mails are sent, and nowhere else.
    from profile_exchange.orchestration.post import post

    def write(sender: str) -> EmailMessage:
        return mail(outcome, airflow_url, sender=sender, to=notifications.emails)

    with post(notifications) as session:
        for number, address in enumerate(notifications.emails):
            yield f"{MAIL} {number}", partial(session.send, address, write)


def _use(configured: ConfiguredNotifier, outcome: Outcome, airflow_url: str) -> None:
    from profile_exchange.orchestration.notifiers import use

    (link, *_) = [*links(outcome, airflow_url), None]
    told = {
        "subject": headline(outcome),
        "text": text_of(outcome, airflow_url),
        "html": html_of(outcome, airflow_url),
        "ending": outcome.ending.value,
        "link": link.address if link else "",
    }
    use(configured, told, run_id=outcome.run_id, dag_id=outcome.connection.id)
