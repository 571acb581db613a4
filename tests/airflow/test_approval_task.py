"""The task that asks a person: silence ends a run for good, and is not asked about again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk.exceptions import AirflowFailException

from profile_exchange.domain.connection import Approval
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap
from profile_exchange.orchestration import approval, resolving
from profile_exchange.orchestration.approval import Approve
from profile_exchange.pipeline.approval import approve, expire, refuse
from profile_exchange.pipeline.runs import Run, find_run
from profile_exchange.tenants.postgres.run_history import history
from tests.pipeline.exchange import Exchange, furnish
from tests.pipeline.test_repeating import GOAL, TYPES, people

if TYPE_CHECKING:
    from airflow.sdk import Context

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
#: What Airflow's scheduler resumes the task with when nobody has answered in time.
SILENCE = {"error": "The response timeout has passed.", "error_type": "timeout"}


def test_silence_fails_the_task_without_a_retry_and_expires_the_run(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "ours", "email": "p0@example.com"}])
    exchange = Exchange(store_url, {**GOAL, "approval": {"timeout": "8h"}}, people(2), TYPES)
    run, _ = exchange.gated()
    monkeypatch.setattr(resolving, "current_run", lambda _: run)
    task = Approve(connection_id="taylor-times", approval=Approval(timeout=timedelta(hours=8)))
    with pytest.raises(AirflowFailException, match="Nobody approved the run within 8:00:00"):
        task.execute_complete({}, SILENCE)
    (past,) = history(store_url, "taylor-times")
    assert (past.state, past.counts) == ("expired", None)


class Told(dict[str, Any]):
    """What a task's context is asked for, and what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.following = ["upsert"]
        super().__init__(ti=self, task=self)

    def xcom_push(self, key: str, value: str) -> None:
        self.notes.append(f"{key}: {value}")

    def get_direct_relatives(self, *, upstream: bool) -> list[str]:
        return [] if upstream else self.following


@pytest.fixture
def asked(store_url: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Approve]:
    """A run that waits for a person, and its task, which Airflow runs a second time."""
    furnish(store_url, {"email": "EMAIL!"}, [{"id": "ours", "email": "p0@example.com"}])
    exchange = Exchange(store_url, {**GOAL, "approval": "required"}, people(2), TYPES)
    run, _ = exchange.gated()
    monkeypatch.setattr(
        resolving, "current_run", lambda _: find_run(store_url, run.connection, run.run_id)
    )
    return run, Approve(connection_id="taylor-times", approval=Approval())


def test_a_refusal_stands_when_airflow_runs_the_task_again(
    asked: tuple[Run, Approve], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, task = asked
    refuse(run, "admin", NOW)
    skipped: list[Any] = []
    monkeypatch.setattr(Approve, "skip", lambda _, _ti, tasks: skipped.extend(tasks))
    context = Told()
    assert task.execute(cast("Context", context)) is None
    assert skipped == ["upsert"]
    assert "refused by admin" in context.notes[0]


def test_a_refusal_may_be_noted_before_the_task_hears_of_it(
    asked: tuple[Run, Approve], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, task = asked
    refuse(run, "admin", NOW)
    skipped: list[Any] = []
    monkeypatch.setattr(Approve, "skip", lambda _, **said: skipped.extend(said["tasks"]))
    answer = {"chosen_options": [task.REJECT], "params_input": {}}
    who = {"responded_at": NOW, "responded_by_user": {"id": "1", "name": "admin"}}
    context = Told()
    task.execute_complete(cast("Context", context), {**answer, **who})
    assert "refused by admin" in context.notes[0]
    (past,) = history(run.store_url, run.connection.id)
    assert (past.state, past.decided_by) == ("refused", "admin")


def test_an_approval_stands_when_airflow_runs_the_task_again(asked: tuple[Run, Approve]) -> None:
    run, task = asked
    approve(run, "admin", NOW)
    context = Told()
    assert task.execute(cast("Context", context)) is None
    assert context.notes == []


def test_silence_is_a_failure_when_airflow_runs_the_task_again(asked: tuple[Run, Approve]) -> None:
    run, task = asked
    expire(run, NOW)
    with pytest.raises(AirflowFailException, match="Nobody approved the run"):
        task.execute(cast("Context", Told()))


def test_the_question_is_counts() -> None:
    counts = FateCounts(received=3, modified=1, unmatched=2)
    planned = Forecast(counts, {}, {}, {}, Overlap(3, 9, 1), {"modified": ("an-id",)})
    asked = approval._figures(planned)
    assert asked.startswith(
        "Profiles of ours that match: 1, 33.3% of the 3 received and 11.1% of our 9."
    )
    assert "| modified | 1 |" in asked
    assert "an-id" not in asked
