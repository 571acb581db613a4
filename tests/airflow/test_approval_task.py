"""The task that asks a person: silence ends a run for good, and is not asked about again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException

from profile_exchange.domain.connection import Approval
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap
from profile_exchange.orchestration import approval, resolving
from profile_exchange.orchestration.approval import Approve
from profile_exchange.tenants.postgres.run_history import history
from tests.pipeline.exchange import Exchange, furnish
from tests.pipeline.test_repeating import GOAL, TYPES, people

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


def test_the_question_is_counts() -> None:
    counts = FateCounts(received=3, modified=1, unmatched=2)
    planned = Forecast(counts, {}, {}, {}, Overlap(3, 9, 1), {"modified": ("an-id",)})
    asked = approval._figures(planned)
    assert asked.startswith("1 profiles of ours match: 33.3% of the 3 received, 11.1% of our 9.")
    assert "| modified | 1 |" in asked
    assert "an-id" not in asked
