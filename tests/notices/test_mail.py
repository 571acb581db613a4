"""What a mail says, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profile_exchange.domain.connection import (
    AcceptGoal,
    Connection,
    ExposeGoal,
    ImportGoal,
    Partner,
)
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.notifications import Notifications
from profile_exchange.notices.mail import mail, text_of
from profile_exchange.notices.outcome import Ending, Outcome
from profile_exchange.notices.words import duration, headline, parties
from profile_exchange.tenants.postgres.run_history import DataExchange

AIRFLOW = "https://airflow.example.com"
BEGAN = datetime(2026, 5, 1, 6, tzinfo=UTC)
TOLD = Notifications(emails=("data@example.com",), overdue_after=timedelta(hours=2))
IMPORTING = Connection(
    id="taylor-times",
    title="Taylor Times",
    tenant="harbor-goods",
    partner=Partner("Taylor Times", "taylor-times.example.com"),
    importing=ImportGoal(credentials="taylor_times"),
    notifications=TOLD,
)
EXPOSING = Connection(
    id="harbor-goods",
    title="Harbor Goods",
    tenant="taylor-times",
    partner=Partner("Harbor Goods", "harbor-goods.example.com"),
    expose=ExposeGoal(segments=("subscribers",)),
    notifications=TOLD,
)
ACCEPTING = replace(EXPOSING, expose=None, accept=AcceptGoal())


def outcome(ending: Ending, connection: Connection = IMPORTING, **told: Any) -> Outcome:
    return Outcome(
        connection=connection,
        run_id="scheduled__2026-05-01",
        ending=ending,
        told_at=BEGAN + timedelta(seconds=72),
        started_at=BEGAN,
        **told,
    )


SUCCEEDED = outcome(
    Ending.SUCCEEDED,
    counts=FateCounts(4390, 49, 1722, 43, 767, 38, 0, 1730, 41),
    exchanged=DataExchange(received=12345, sent=0),
)
FAILED = outcome(
    Ending.FAILED,
    failures=("authenticate: The other tenant refuses the consumer key: ask them for a new one.",),
    failed_tasks=("authenticate",),
    exchanged=DataExchange(received=12345, sent=0),
)

SUCCESS_TEXT = """\
Taylor Times: the import succeeded

harbor-goods imports from Taylor Times (taylor-times.example.com).
The run scheduled__2026-05-01 began on 2026-05-01 at 06:00 UTC and took 1 min 12 s.

What to know
------------
Why profiles were rejected: exchange quarantine list taylor-times. They are
received again when their tenant has mended them.

Profiles
--------
superseded          49  another profile for the same one of ours was newer
unmatched        1,722  is none of ours
ambiguous           43  could be several of ours
withheld           767  no consent, or no visited channel
rejected            38  broke an expectation or a type; in quarantine
created              0  new in our store
modified         1,730  changed in our store
unchanged           41  was already so in our store
received         4,390

Unique profiles received from Taylor Times so far: 12,345.

The run in Airflow: https://airflow.example.com/dags/taylor-times/runs/scheduled__2026-05-01
"""

FAILURE_TEXT = """\
Taylor Times: the import failed

harbor-goods imports from Taylor Times (taylor-times.example.com).
The run scheduled__2026-05-01 began on 2026-05-01 at 06:00 UTC and took 1 min 12 s.

What went wrong, and what to do
-------------------------------
authenticate: The other tenant refuses the consumer key: ask them for a new
one.

When this is mended, clear the task authenticate in Airflow, and the run
goes on where it was; or trigger a new run. Either is safe: nothing is
written twice.

Unique profiles received from Taylor Times so far: 12,345.

The run in Airflow: https://airflow.example.com/dags/taylor-times/runs/scheduled__2026-05-01
The task authenticate: https://airflow.example.com/dags/taylor-times/runs/scheduled__2026-05-01/tasks/authenticate
"""


def told_of(told: Outcome, airflow_url: str = AIRFLOW) -> str:
    return text_of(told, airflow_url)


def test_a_success() -> None:
    assert told_of(SUCCEEDED) == SUCCESS_TEXT


def test_a_failure() -> None:
    assert told_of(FAILED) == FAILURE_TEXT


def test_a_failure_of_which_nothing_is_on_record() -> None:
    text = told_of(outcome(Ending.FAILED, failed_tasks=("pull",)))
    assert "pull ended without saying why: it was killed, somebody marked it" in text
    assert "clear the task pull in Airflow" in text


def test_an_approval_that_did_not_come() -> None:
    expired = outcome(Ending.EXPIRED, failures=("Nobody approved the run within 8:00:00.",))
    assert headline(expired) == "Taylor Times: the import was not approved in time"
    assert "Nobody approved the run within 8:00:00." in told_of(expired)
    assert "approve it in time: it asks in Airflow under" in told_of(expired)


def test_a_refusal_and_a_preview() -> None:
    refused = outcome(Ending.REFUSED, failures=("The run was refused by ada.",))
    assert headline(refused) == "Taylor Times: the import was refused"
    assert "What to know\n------------\nThe run was refused by ada.\n" in told_of(refused)
    previewed = outcome(Ending.PREVIEWED, counts=FateCounts(received=2, modified=2))
    assert headline(previewed) == "Taylor Times: a preview of the import"
    assert "\nProfiles that would be\n----------------------\n" in told_of(previewed)
    assert "would be changed in our store" in told_of(previewed)


def test_a_run_that_is_not_over() -> None:
    overdue = outcome(Ending.OVERDUE)
    assert headline(overdue) == "Taylor Times: the import is not over after 2 h"
    assert "has been going for 1 min 12 s." in told_of(overdue)
    assert "Look which task is at work" in told_of(overdue)


def test_a_check_of_what_is_exposed() -> None:
    told = outcome(
        Ending.SUCCEEDED,
        EXPOSING,
        exposed="May leave: subscribers 5,000 (+12).",
        exchanged=DataExchange(received=0, sent=4390),
    )
    assert told_of(told, airflow_url="") == (
        "Harbor Goods: the check of what is exposed succeeded\n\n"
        "taylor-times exposes to Harbor Goods (harbor-goods.example.com).\n"
        "The run scheduled__2026-05-01 began on 2026-05-01 at 06:00 UTC and took 1 min 12 s.\n\n"
        "May leave: subscribers 5,000 (+12).\n\n"
        "Unique profiles sent to Harbor Goods so far: 4,390.\n"
    )


def test_the_mail_has_the_same_in_text_and_in_html() -> None:
    message = mail(SUCCEEDED, AIRFLOW, sender="exchange@example.com", to=["a@b.c", "d@e.f"])
    assert (message["To"], message["From"]) == ("a@b.c, d@e.f", "exchange@example.com")
    assert message["Date"] == "Fri, 01 May 2026 06:01:12 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = message.iter_parts()
    assert text.get_content() == SUCCESS_TEXT
    for shown in ("1,730", "changed in our store", "12,345", f'href="{AIRFLOW}/dags/taylor-times'):
        assert shown in page.get_content()


def test_what_came_from_a_partner_is_text_in_html() -> None:
    failed = outcome(Ending.FAILED, failures=("The segment <script>alert(1)</script> is gone.",))
    message = mail(failed, AIRFLOW, sender="exchange@example.com", to=["a@b.c"])
    page = message.get_body(("html",))
    assert page is not None
    assert "The segment &lt;script&gt;alert(1)&lt;/script&gt; is gone." in page.get_content()


def test_the_same_notice_is_the_same_message_to_whoever_gets_it_twice() -> None:
    ids = {
        mail(told, AIRFLOW, sender="Exchange <exchange@example.com>", to=["a@b.c"])["Message-ID"]
        for told in (SUCCEEDED, FAILED, outcome(Ending.OVERDUE))
    }
    assert len(ids) == 2
    assert all(told.endswith("@example.com>") for told in ids)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.7, "1 min"), (72, "1 min 12 s"), (7500, "2 h 5 min"), (86400, "1 d")],
)
def test_a_length_of_time_is_told_by_its_largest_units(seconds: float, told: str) -> None:
    assert duration(timedelta(seconds=seconds)) == told


@pytest.mark.parametrize(
    ("connection", "what", "verbs"),
    [
        (IMPORTING, "the import", "harbor-goods imports from Taylor Times"),
        (EXPOSING, "the check of what is exposed", "taylor-times exposes to Harbor Goods"),
        (ACCEPTING, "the check of what is accepted", "taylor-times accepts from Harbor Goods"),
        (
            replace(ACCEPTING, expose=EXPOSING.expose),
            "the check of what is exposed and accepted",
            "taylor-times exposes to and accepts from Harbor Goods",
        ),
    ],
    ids=["importing", "exposing", "accepting", "exposing and accepting"],
)
def test_each_goal_has_its_words(connection: Connection, what: str, verbs: str) -> None:
    told = outcome(Ending.FAILED, connection)
    assert headline(told) == f"{connection.title}: {what} failed"
    assert parties(connection).startswith(f"{verbs} (")


def test_an_import_that_was_left_out() -> None:
    why = "The slot of 2026-05-01 06:00 UTC came while another run of taylor-times was going."
    told = outcome(Ending.LEFT_OUT, failures=(why,))
    assert headline(told) == "Taylor Times: the import was left out"
    assert "What to know" in told_of(told)
    assert "came while another run" in told_of(told)
