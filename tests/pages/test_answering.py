"""An answer at the gate stands in our ledger, so that Airflow asks nobody again if it loses it.

One that comes too late, or is about other figures than somebody saw, is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import delete, update

from profile_exchange.domain.errors import FatalError, RunExpired, RunRefused
from profile_exchange.domain.fates import APPROVE
from profile_exchange.orchestration.pages.answering import note_answer
from profile_exchange.pipeline.approval import expire, question
from profile_exchange.pipeline.runs import Run
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.run_history import PastRun, history
from tests.pages.past import FORECAST
from tests.pages.serving import Serving, shown
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


def test_a_refusal_ends_the_run_and_what_comes_after_it_is_told(waiting: Run) -> None:
    note_answer("taylor-times", waiting.run_id, "otto", NOW, approve=False)
    with pytest.raises(RunRefused, match="refused by otto"):
        note_answer("taylor-times", waiting.run_id, "vera", NOW, approve=True)
    (past,) = history(waiting.store_url, "taylor-times")
    assert (past.state, past.decided_by) == ("refused", "otto")


def test_that_a_run_has_expired_is_told(waiting: Run) -> None:
    expire(waiting, NOW)
    with pytest.raises(RunExpired, match="Nobody approved the run"):
        note_answer("taylor-times", waiting.run_id, "otto", NOW, approve=True)


@pytest.mark.usefixtures("stores")
def test_what_is_not_configured_is_left_to_the_task() -> None:
    note_answer("nobody", "no-such-run", "otto", NOW, approve=True)
    with pytest.raises(FatalError, match="not known to the profile store"):
        note_answer("taylor-times", "no-such-run", "otto", NOW, approve=True)


@pytest.fixture
def asking(knowing: Serving, waiting: Run) -> Iterator[Run]:
    """The same run, as Airflow knows it: its task waits for an answer."""
    from airflow.models.dagrun import DagRun
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    api = knowing.browser("op", "/api/v2/")
    asked = {"dag_run_id": waiting.run_id, "logical_date": None}
    assert api.post("dags/taylor-times/dagRuns", json=asked).is_success
    with create_session() as session:
        run = session.query(DagRun).filter_by(run_id=waiting.run_id).one()
        run.state = "running"
        # The sample's connection asks nobody: another of its tasks does.
        task = session.query(TaskInstance).filter_by(run_id=run.run_id, task_id="report").one()
        task.task_id, task.state = APPROVE, "awaiting_input"
        session.add(
            HITLDetail(ti_id=task.id, options=["Approve", "Reject"], subject="May it?", params={})
        )
    yield waiting
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.run_id == waiting.run_id))


def put_aside(task: str, run: str = "running") -> None:
    """Have Airflow end what waits."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        session.execute(update(TaskInstance).filter_by(task_id=APPROVE).values(state=task))
        session.execute(update(DagRun).filter_by(run_id="run-1").values(_state=run))


def offered(server: Serving, answer: str = "Approve") -> dict[str, str]:
    """What the form of an answer sends, as the page shows it now."""
    page = shown(server, role="op")
    forms = re.findall(r'<form method="post" action="[^"]*/answer">(.*?)</form>', page)
    (form,) = [each for each in forms if f">{answer}<" in each]
    return dict(re.findall(r'name="([^"]*)" value="([^"]*)"', unescape(form)))


def answered(server: Serving, sent: dict[str, str]) -> httpx.Response:
    return server.browser("op").post("/connections/taylor-times/answer", data=sent)


def noted(run: Run) -> PastRun:
    (past,) = history(run.store_url, "taylor-times")
    return past


@pytest.mark.parametrize(("answer", "state"), [("Approve", "running"), ("Refuse", "refused")])
def test_an_answer_on_the_page_is_airflows_and_ours(
    knowing: Serving, asking: Run, answer: str, state: str
) -> None:
    said = answered(knowing, offered(knowing, answer))
    assert said.status_code == 303, said.text
    assert said.headers["location"].endswith(f"?done={answer.lower()}")
    assert (noted(asking).state, noted(asking).decided_by) == (state, "op")


@pytest.mark.parametrize(
    ("task", "run"), [("failed", "failed"), ("failed", "running"), ("awaiting_input", "failed")]
)
def test_an_answer_that_comes_too_late_is_refused(
    knowing: Serving, asking: Run, task: str, run: str
) -> None:
    form = offered(knowing)
    put_aside(task, run)
    said = answered(knowing, form)
    assert said.status_code == 409
    assert "does not wait for an answer" in said.text
    assert noted(asking).decided_by == ""


def test_an_answer_to_a_run_that_expired_just_now_is_refused(knowing: Serving, asking: Run) -> None:
    form = offered(knowing)
    expire(asking, NOW)
    said = answered(knowing, form)
    assert said.status_code == 409
    assert "Nobody approved the run" in said.text


def test_figures_that_nobody_saw_are_not_approved(knowing: Serving, asking: Run) -> None:
    form = offered(knowing)
    again = update(tables.run).values(forecast=FORECAST.as_json())
    with engine_for(asking.store_url).begin() as database:
        database.execute(again)
    for sent in (form, {**form, "figures": ""}):
        said = answered(knowing, sent)
        assert said.status_code == 409
        assert "its figures have changed" in said.text
    assert noted(asking).decided_by == ""
    assert answered(knowing, offered(knowing)).status_code == 303


def test_without_figures_no_answer_is_offered(knowing: Serving, asking: Run) -> None:
    with engine_for(asking.store_url).begin() as database:
        database.execute(update(tables.run).values(forecast=None))
    page = shown(knowing, role="op")
    assert "A run waits for approval" in page
    assert "/answer" not in page
    assert "Its figures are not to be had" in page
