"""That nobody said which server takes mails is told by the commands that can know it cheaply."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from rich.console import Console

from profile_exchange.cli import check, up
from profile_exchange.domain.notifications import Notifications

if TYPE_CHECKING:
    from profile_exchange.installation.launch import Installation

ANSWER = {
    "authenticated": True,
    "host": "taylor-times.localhost",
    **dict.fromkeys(("segments", "properties", "identifiers", "missing"), ()),
    **dict.fromkeys(("new_segments", "gone_segments", "doubtful"), ()),
}


def test_check_tells_what_is_to_be_added() -> None:
    shown = io.StringIO()
    check._tell("Taylor Times", {**ANSWER, "mail": "Add a mail server."}, Console(file=shown))
    assert "Add a mail server." in shown.getvalue()
    check._tell("Taylor Times", {**ANSWER, "mail": None}, Console(file=shown))
    assert "None" not in shown.getvalue()


def told_by_up(*known: str) -> str:
    emails = ("data@example.com",)
    told = [Notifications(emails), Notifications(emails, smtp="other"), Notifications(), None]
    connections = {str(n): SimpleNamespace(notifications=each) for n, each in enumerate(told)}
    installation = SimpleNamespace(
        configuration=SimpleNamespace(connections=connections, problems=()),
        api=SimpleNamespace(has_connection=lambda name: name in known),
    )
    shown = io.StringIO()
    up._tell_problems(cast("Installation", installation), Console(file=shown, width=200))
    return shown.getvalue()


def test_up_tells_which_airflow_connection_is_missing() -> None:
    assert "through the Airflow connection smtp_default, which does not exist" in told_by_up()
    assert told_by_up("smtp_default").count("\n") == 1
    assert told_by_up("smtp_default", "other") == ""
