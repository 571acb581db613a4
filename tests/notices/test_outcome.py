"""What is on record about a run, gathered to be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.fates import Fate, FateCounts
from profile_exchange.notices import words
from profile_exchange.notices.outcome import Ending, Outcome, SeenRun, read_outcome
from profile_exchange.pipeline.runs import find_run, record_failure
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs
from profile_exchange.tenants.postgres.exposure_checks import note_failed_check
from profile_exchange.tenants.postgres.run_history import past_run
from tests.notices.test_mail import ACCEPTING, EXPOSING, IMPORTING

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=3)


def read(url: str, *, failed: bool) -> Outcome:
    seen = SeenRun("run-1", BEGAN, failed=failed, failed_tasks=("gate",) if failed else ())
    return read_outcome(url, IMPORTING, seen, NOW)


def on_record(url: str, state: str, failure: str = "", counts: FateCounts | None = None) -> None:
    values = {"connection": IMPORTING.id, "run_id": "run-1", "state": state, "failure": failure}
    numbers = counts.as_dict() if counts else {}
    with engine_for(url).begin() as database:
        database.execute(insert(runs).values(**values, started_at=BEGAN, **numbers))


def test_a_success_has_its_counts(store_url: str) -> None:
    counts = FateCounts.of(3, {Fate.MODIFIED: 3})
    on_record(store_url, "succeeded", counts=counts)
    told = read(store_url, failed=False)
    assert (told.ending, told.counts, told.failures) == (Ending.SUCCEEDED, counts, ())
    assert told.exchanged is not None


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.EXPIRED])
def test_a_failure_has_its_reason(store_url: str, ending: Ending) -> None:
    on_record(store_url, ending.value, "gate: too many were rejected.")
    told = read(store_url, failed=True)
    assert (told.ending, told.failures) == (ending, ("gate: too many were rejected.",))


def test_a_run_that_was_killed_has_none(store_url: str) -> None:
    on_record(store_url, "running")
    told = read(store_url, failed=True)
    assert (told.ending, told.failures, told.failed_tasks) == (Ending.FAILED, (), ("gate",))


def test_a_refusal_a_preview_and_what_was_left_out_are_what_they_are(store_url: str) -> None:
    on_record(store_url, "refused", "The run was refused by ada.")
    assert read(store_url, failed=False).failures == ("The run was refused by ada.",)
    on_record(store_url, "left out", "Its slot came during another run.")
    told = read(store_url, failed=False)
    assert (told.ending, told.failures) == (Ending.LEFT_OUT, ("Its slot came during another run.",))
    on_record(store_url, "previewed", counts=FateCounts())
    assert read(store_url, failed=False).ending is Ending.PREVIEWED


@pytest.mark.parametrize("connection", [EXPOSING, ACCEPTING], ids=["exposed", "accepted"])
def test_a_check_of_what_a_partner_may_ask_has_its_reason_too(
    store_url: str, connection: Connection
) -> None:
    note_failed_check(store_url, connection.id, "run-1", "A segment is gone.", now=NOW)
    told = read_outcome(store_url, connection, SeenRun("run-1", BEGAN, failed=True), NOW)
    assert (told.failures, told.exposed) == (("A segment is gone.",), "")


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("succeeded", "the import succeeded, and the check of what is exposed failed"),
        ("previewed", "a preview of the import, and the check of what is exposed failed"),
        ("refused", "the import was refused, and the check of what is exposed failed"),
        ("running", "the import and the check of what is exposed failed"),
    ],
)
def test_each_goal_of_a_connection_is_told_as_it_ended(
    store_url: str, state: str, headline: str
) -> None:
    both = replace(IMPORTING, expose=EXPOSING.expose)
    on_record(store_url, state)
    note_failed_check(store_url, both.id, "run-1", "The last key ends.", now=NOW)
    failed = ("check_credentials", "gate") if state == "running" else ("check_credentials",)
    told = read_outcome(store_url, both, SeenRun("run-1", BEGAN, True, failed), NOW)
    assert words.headline(told) == f"Taylor Times: {headline}"
    assert (told.ending, told.failures) == (Ending.FAILED, ("The last key ends.",))
    silent = read_outcome(store_url, both, SeenRun("run-2", BEGAN, True, failed[:1]), NOW)
    assert "check of what is exposed failed" in words.headline(silent)


def test_a_run_that_failed_before_it_was_opened_is_on_record(store_url: str) -> None:
    for failure in ("authenticate: refused.", "authenticate: again."):
        record_failure(store_url, IMPORTING.id, "run-1", failure, NOW, started_at=BEGAN)
    past = past_run(store_url, IMPORTING.id, "run-1")
    assert past is not None
    assert (past.state, past.failure) == ("failed", "authenticate: refused.")
    assert (past.started_at, past.finished_at) == (BEGAN, NOW)
    assert read(store_url, failed=True).failures == ("authenticate: refused.",)
    with pytest.raises(FatalError, match="clear its task authenticate"):
        find_run(store_url, IMPORTING, "run-1")
