"""An answer at the gate stands in our ledger, so that Airflow asks nobody again if it loses it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from profile_exchange.orchestration.pages.answering import note_answer
from profile_exchange.pipeline.approval import question
from profile_exchange.pipeline.runs import Run
from profile_exchange.tenants.postgres.run_history import history
from tests.pipeline.exchange import Exchange, furnish
from tests.pipeline.test_repeating import GOAL, TYPES, people

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)


@pytest.fixture
def waiting(stores: dict[str, str], folder: Path) -> Run:
    """A run of a configured connection that waits for a person."""
    url = stores["harbor-goods"]
    furnish(url, {"email": "EMAIL!"}, [{"id": "ours", "email": "p0@example.com"}])
    exchange = Exchange(url, {**GOAL, "approval": "required"}, people(2), TYPES)
    (folder / "connections" / "taylor-times.yaml").write_text(yaml.safe_dump(exchange.written))
    run, _ = exchange.gated()
    assert question(run) is not None
    return run


def test_nobody_is_asked_again_about_an_approval(waiting: Run) -> None:
    for _ in range(2):
        note_answer("taylor-times", waiting.run_id, "otto", NOW, approve=True)
    assert question(waiting) is None
    (past,) = history(waiting.store_url, "taylor-times")
    assert (past.state, past.decided_by, past.decided_at) == ("running", "otto", NOW)


def test_a_refusal_ends_the_run(waiting: Run) -> None:
    note_answer("taylor-times", waiting.run_id, "otto", NOW, approve=False)
    note_answer("taylor-times", waiting.run_id, "vera", NOW, approve=True)
    (past,) = history(waiting.store_url, "taylor-times")
    assert (past.state, past.decided_by) == ("refused", "otto")


@pytest.mark.parametrize("name", ["taylor-times", "harbor-goods", "nobody"])
@pytest.mark.usefixtures("stores")
def test_what_cannot_be_noted_is_left_to_the_task(name: str) -> None:
    note_answer(name, "no-such-run", "otto", NOW, approve=True)
