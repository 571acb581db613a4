"""A run's outcome as a mail: text for whoever reads text, HTML for whoever does not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from profile_exchange.domain.fates import FORESEEN, MEANINGS
from profile_exchange.notices import words
from profile_exchange.notices.outcome import Ending, Outcome

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Link:
    """Where something is looked at in Airflow."""

    name: str
    address: str


def links(outcome: Outcome, airflow_url: str) -> tuple[Link, ...]:
    """The run, and the tasks of it that failed; none if nobody knows where Airflow is."""
    if not airflow_url:
        return ()
    run = f"{airflow_url.rstrip('/')}/dags/{outcome.connection.id}/runs/{quote(outcome.run_id)}"
    tasks = (Link(f"The task {name}", f"{run}/tasks/{name}") for name in outcome.failed_tasks)
    return (Link("The run in Airflow", run), *tasks)


def text_of(outcome: Outcome, airflow_url: str) -> str:
    """The outcome as plain text."""
    return _environment().get_template("outcome.txt").render(_told(outcome, airflow_url))


def html_of(outcome: Outcome, airflow_url: str) -> str:
    """The outcome as an HTML page."""
    return _environment().get_template("outcome.html").render(_told(outcome, airflow_url))


def mail(outcome: Outcome, airflow_url: str, *, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail about a run's outcome.

    The same outcome always has the same Message-ID: a mail that was taken by a server which
    could not say so any more is known for the same again.
    """
    message = EmailMessage()
    message["Subject"] = words.headline(outcome)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(outcome.told_at)
    message["Message-ID"] = _message_id(outcome, sender)
    # Asks out-of-office replies to stay away (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(outcome, airflow_url))
    message.add_alternative(html_of(outcome, airflow_url), subtype="html")
    return message


def _told(outcome: Outcome, airflow_url: str) -> dict[str, Any]:
    """What the templates show: sentences and numbers."""
    counts = outcome.counts.as_dict() if outcome.counts else {}
    meanings = FORESEEN if _is_preview(outcome) else MEANINGS
    return {
        "headline": words.headline(outcome),
        "parties": words.parties(outcome.connection),
        "course": words.course(outcome),
        "heading": words.heading(outcome),
        "wrongs": words.wrongs(outcome),
        "advice": words.advice(outcome),
        "exposed": outcome.exposed,
        "counted": "Profiles that would be" if _is_preview(outcome) else "Profiles",
        "fates": [(fate.value, counts[fate], says) for fate, says in meanings.items() if counts],
        "received": counts.get("received"),
        "unique": list(words.unique(outcome)),
        "links": links(outcome, airflow_url),
    }


def _is_preview(outcome: Outcome) -> bool:
    return Ending.PREVIEWED in {outcome.ending, outcome.imported}


def _message_id(outcome: Outcome, sender: str) -> str:
    overdue = outcome.ending is Ending.OVERDUE
    told = f"{outcome.connection.id} {outcome.run_id} {'overdue' if overdue else 'outcome'}"
    domain = sender.rstrip("> ").rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(told.encode()).hexdigest()[:32]}@{domain}>"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("profile_exchange.notices"),
        # What came from a partner, such as a segment's name, is text in HTML and nothing else.
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
