"""What our listeners do when a run ends, by Airflow's own objects on a database in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.api.common.mark_tasks import set_dag_run_state_to_failed, set_dag_run_state_to_success
from airflow.api_fastapi.core_api.datamodels.dag_run import DagRunMutableStates
from airflow.api_fastapi.core_api.services.public.dag_run import patch_dag_run_state
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.xcom import XComModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.orm import Session

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.fates import Step
from profile_exchange.domain.notifications import Notifications
from profile_exchange.orchestration import closing, dags, marking, notes, notify
from profile_exchange.pipeline.runs import LOST, NOT_REPORTED
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as ledger
from profile_exchange.tenants.postgres.run_history import past_run

SAMPLE = registry.connection("taylor-times", PROJECT_ROOT / "include" / "connections")
NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
TOLD = Notifications(emails=("data@example.com",))
BY_HAND = "Dag Run's state was manually set to `failed`."


@pytest.fixture(scope="module")
def tables() -> Engine:
    """Airflow's tables, empty."""
    import_all_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    return engine


@pytest.fixture
def session(tables: Engine) -> Iterator[Session]:
    """A session on those tables, of which nothing stays."""
    with Session(tables) as opened:
        yield opened
        opened.rollback()


class Marked:
    """A run whose tasks are in some states, of a connection that tells of failures or does not."""

    def __init__(
        self, session: Session, states: dict[str, str], told: Notifications | None = TOLD
    ) -> None:
        self.session = session
        self.dag = stored(session, dags.build(replace(SAMPLE, notifications=told)))
        self.run = self.dag.create_dagrun(
            run_id="manual__1",
            run_after=NOW,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state="running",
            session=session,
        )
        self.run.dag = self.dag
        self.run.dag_model.relative_fileloc = "dags/connections.py"
        self.come_to(**states)

    def come_to(self, **states: str) -> None:
        for instance in self.run.get_task_instances(session=self.session):
            if instance.task_id in states:
                instance.state = states[instance.task_id]
        self.session.flush()

    def mark_as_failed(self) -> None:
        """What Airflow's API does, with its listeners."""
        set_dag_run_state_to_failed(
            dag=self.dag, run_id=self.run.run_id, commit=True, session=self.session
        )
        marking.on_dag_run_failed(self.run, BY_HAND)
        self.session.flush()

    def state_in_the_end(self, told: str = "success") -> str:
        """The run's state when `notify` has ended, too."""
        self.come_to(**{notify.NOTIFY: told})
        self.run.update_state(session=self.session, execute_callbacks=False)
        return str(self.run.state)

    def states(self) -> dict[str, str | None]:
        found = self.run.get_task_instances(session=self.session)
        return {instance.task_id: instance.state for instance in found}


def stored(session: Session, dag: Any) -> SerializedDAG:
    """A DAG as the scheduler reads it back."""
    session.add(DagBundleModel(name="project"))
    session.flush()
    lazy = LazyDeserializedDAG.from_dag(dag)
    SerializedDAG.bulk_write_to_db("project", None, [lazy], session=session)
    SerializedDagModel.write_dag(lazy, bundle_name="project", session=session)
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


@pytest.mark.parametrize("told", ["success", "failed"])
@pytest.mark.parametrize(
    "states",
    [
        {"authenticate": "running"},
        {"authenticate": "queued"},
        {"authenticate": "up_for_retry"},
        {"authenticate": "success", "pull": "success", "join": "up_for_retry"},
    ],
    ids=lambda states: " ".join(states.values()),
)
def test_a_run_that_is_marked_as_failed_ends_as_failed_after_it_was_told(
    session: Session, states: dict[str, str], told: str
) -> None:
    marked = Marked(session, states)
    marked.mark_as_failed()
    assert marked.run.state == "running"
    assert marked.states()[notify.NOTIFY] is None
    assert marked.state_in_the_end(told) == "failed"


def test_a_run_that_nobody_is_told_of_is_marked_by_airflow_itself(session: Session) -> None:
    marked = Marked(session, {"authenticate": "running"}, told=None)
    marked.mark_as_failed()
    assert marked.run.state == "failed"
    assert marked.states()["report"] == "skipped"


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_ends_with_the_mark_is_closed_on_record(
    session: Session, store_url: str, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    marked = Marked(session, {"authenticate": "success", "pull": "running"}, told=None)
    with engine_for(store_url).begin() as database:
        row = {"connection": SAMPLE.id, "run_id": marked.run.run_id, "state": "running"}
        database.execute(insert(ledger).values(**row, started_at=NOW))
    patch_dag_run_state(
        dag=marked.dag,
        dag_run=marked.run,
        state=DagRunMutableStates(state),
        session=session,
    )
    past = past_run(store_url, SAMPLE.id, marked.run.run_id)
    assert past is not None
    assert (past.state, past.failure) == (
        "failed",
        {"failed": LOST, "success": NOT_REPORTED}[state],
    )


def test_the_scheduler_waits_for_no_store(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any, **__: Any) -> None:
        pytest.fail("the store was asked")

    monkeypatch.setattr(closing, "close", asked)
    marked = Marked(session, {Step.AUTHENTICATE: "failed"}, told=None)
    states = {step.value: "upstream_failed" for step in Step if step != Step.AUTHENTICATE}
    marked.come_to(**states)
    marked.run.update_state(session=session, execute_callbacks=False)
    assert marked.run.state == "failed"


def test_a_run_that_is_marked_as_a_success_ends_as_one(session: Session) -> None:
    marked = Marked(session, {"authenticate": "success", "pull": "success", "join": "running"})
    set_dag_run_state_to_success(
        dag=marked.dag, run_id=marked.run.run_id, commit=True, session=session
    )
    assert marked.state_in_the_end() == "success"


def test_what_is_marked_when_all_is_reported_has_succeeded(session: Session) -> None:
    marked = Marked(session, {**dict.fromkeys(Step, "success"), notify.NOTIFY: "up_for_retry"})
    marked.mark_as_failed()
    assert marked.state_in_the_end("failed") == "success"


SENTENCE = "Received 4,390 profiles."


def reported(session: Session, sentence: str = SENTENCE) -> Marked:
    """A run whose report has left a sentence, as it succeeds."""
    done = Marked(session, dict.fromkeys(Step, "success"))
    left(done, Step.REPORT, sentence)
    return done


def left(done: Marked, task_id: str, sentence: str) -> None:
    """A task of a run has left a sentence."""
    XComModel.set(
        key=notes.SENTENCE,
        value=sentence,
        dag_id=done.run.dag_id,
        task_id=task_id,
        run_id=done.run.run_id,
        session=done.session,
    )


def noted(done: Marked) -> str:
    notes.on_dag_run_success(done.run, "success")
    done.session.flush()
    return str(done.run.note)


def test_a_run_that_succeeds_is_noted_with_the_sentence_of_its_report(session: Session) -> None:
    done = reported(session)
    assert noted(done) == SENTENCE
    assert noted(done) == SENTENCE


def test_a_run_that_failed_is_noted_with_what_succeeded_in_it(session: Session) -> None:
    done = reported(session)
    left(done, "check_grant", "May leave: subscribers 4,102.")
    done.come_to(**{Step.REPORT: "success", Step.GATE: "failed"})
    done.run.set_state("failed")
    notes.on_dag_run_failed(done.run, "task_failure")
    session.flush()
    assert done.run.note == f"gate failed. {SENTENCE} May leave: subscribers 4,102."


def test_a_run_that_failed_and_has_nothing_to_tell_is_not_noted(session: Session) -> None:
    marked = Marked(session, {Step.AUTHENTICATE: "failed"})
    marked.run.set_state("failed")
    notes.on_dag_run_failed(marked.run, "task_failure")
    assert marked.run.note is None


def test_both_goals_of_a_run_are_noted(session: Session) -> None:
    done = reported(session)
    left(done, "check_grant", "May leave: subscribers 4,102.")
    assert noted(done) == f"{SENTENCE} May leave: subscribers 4,102."


def test_what_a_person_has_noted_stays_before_the_sentence(session: Session) -> None:
    done = reported(session)
    done.run.note = ("Watched by Ada.", "ada")
    assert noted(done) == f"Watched by Ada.\n\n{SENTENCE}"
    assert noted(done) == f"Watched by Ada.\n\n{SENTENCE}"
    assert done.run.dag_run_note.user_id == "ada"


def test_the_sentence_of_another_attempt_takes_the_place_of_the_first(session: Session) -> None:
    done = reported(session)
    done.run.note = "Received 3 profiles."
    assert noted(done) == SENTENCE


def test_a_note_fits_where_airflow_keeps_it(session: Session) -> None:
    assert len(noted(reported(session, "May leave: " + "subscribers 4,102, " * 100))) == 1000
