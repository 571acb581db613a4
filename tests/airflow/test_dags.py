"""A DAG for each configured connection; a broken file hides none and shows itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRunType

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.domain.connection import Connection, ImportGoal
from profile_exchange.domain.errors import ConfigurationError, NoLongerExposed, SourceUnavailable
from profile_exchange.domain.fates import APPROVE, Step
from profile_exchange.orchestration import dags
from profile_exchange.orchestration.failures import told

CONNECTIONS = PROJECT_ROOT / "include" / "connections"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sample connections that a test may break."""
    copied = tmp_path / "connections"
    shutil.copytree(CONNECTIONS, copied)
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(copied))
    settings.cache_clear()
    yield copied
    settings.cache_clear()


def test_there_is_a_dag_for_each_connection_named_after_it(folder: Path) -> None:
    assert {dag.dag_id for dag in dags.configured_dags()} == {"taylor-times", "harbor-goods"}


def test_an_import_has_the_steps_in_their_order() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    order = [task.task_id for task in dag.topological_sort()]
    assert order == [step.value for step in Step]


def test_an_exposure_has_its_checks_and_fails_with_either() -> None:
    dag = dags.build(registry.connection("harbor-goods", CONNECTIONS))
    assert [task.task_id for task in dag.topological_sort()] == ["check_grant", "check_credentials"]
    assert {task.trigger_rule for task in dag.tasks} == {"all_success"}


def test_only_a_connection_that_asks_a_person_has_a_task_for_it(folder: Path) -> None:
    file = folder / "taylor-times.yaml"
    plain = dags.build(registry.read_connection(file))
    file.write_text(file.read_text().replace("import:", "import:\n  approval: {timeout: 8h}"))
    asking = dags.build(registry.read_connection(file))
    assert set(asking.task_dict) - set(plain.task_dict) == {APPROVE}
    assert asking.get_task(APPROVE).upstream_task_ids == {Step.GATE}
    assert asking.get_task(APPROVE).downstream_task_ids == {Step.UPSERT}
    assert asking.get_task(APPROVE).response_timeout == timedelta(hours=8)


def test_a_person_can_choose_a_preview_where_runs_are_triggered() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    param = dag.params.get_param("preview")
    assert (param.value, param.schema["type"]) == (False, "boolean")
    exposing = dags.build(registry.connection("harbor-goods", CONNECTIONS))
    assert not exposing.params


def test_a_preview_ends_at_the_gate_and_the_rest_is_skipped() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    gate = dag.get_task(Step.GATE)
    assert isinstance(gate, ShortCircuitOperator)
    assert gate.ignore_downstream_trigger_rules


def test_pull_and_upsert_are_mapped_over_id_ranges() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    assert {task.task_id for task in dag.tasks if task.is_mapped} == {"pull", "upsert"}


def test_a_connection_runs_once_at_a_time_and_never_for_the_past() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.start_date is None


def test_every_kind_of_run_is_allowed_but_backfills_which_would_go_side_by_side() -> None:
    dag = dags.build(registry.connection("taylor-times", CONNECTIONS))
    assert dag.allowed_run_types is not None
    assert set(DagRunType) - dag.allowed_run_types == {DagRunType.BACKFILL}


@pytest.mark.parametrize("long", ["", "As is agreed with them, for the newsletter alone. " * 5])
def test_a_description_that_names_a_file_is_shown_and_no_file_is_looked_for(
    long: str,
) -> None:
    described = f"{long}See docs/taylor-times.md"
    sample = registry.connection("taylor-times", CONNECTIONS)
    dag = dags.build(replace(sample, description=described))
    assert described in (dag.doc_md or "")
    assert not (dag.doc_md or "").endswith(".md")


def test_a_broken_file_hides_no_other(folder: Path) -> None:
    (folder / "broken.yaml").write_text("title: [")
    assert {dag.dag_id for dag in dags.configured_dags()} == {"taylor-times", "harbor-goods"}
    with pytest.raises(ConfigurationError, match=r"broken\.yaml:\d"):
        dags.raise_problems()


def test_a_connection_without_a_dag_hides_no_other_and_shows_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halfway(dag: DAG, connection: Connection, goal: ImportGoal) -> None:
        dags.add_exposure(dag, connection)
        raise KeyError("nobody expected this")

    monkeypatch.setattr(dags, "add_import", halfway)
    found = DagBag(dag_folder=PROJECT_ROOT / "dags", bundle_name="dags")
    assert set(found.dags) == {"harbor-goods"}
    (file, told), *others = found.import_errors.items()
    assert (Path(file).name, others) == ("broken_connections.py", [])
    assert "taylor-times.yaml: its DAG cannot be made (KeyError)" in told


def test_a_connection_that_is_switched_off_is_not_scheduled(folder: Path) -> None:
    file = folder / "taylor-times.yaml"
    text = file.read_text()
    schedule = "schedule: {cron: '0 6 * * *', timezone: Europe/Amsterdam}\n"
    file.write_text(schedule + text)
    assert dags.build(registry.read_connection(file)).timetable.can_be_scheduled
    file.write_text("enabled: false\n" + schedule + text)
    assert not dags.build(registry.read_connection(file)).timetable.can_be_scheduled


def test_a_fatal_error_fails_the_task_and_a_transient_one_is_retried() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    def fails(error: Exception) -> None:
        raise error

    with pytest.raises(AirflowFailException, match="ask them"):
        told(fails)(NoLongerExposed("ask them"))
    with pytest.raises(SourceUnavailable):
        told(fails)(SourceUnavailable("busy"))


def test_parsing_dag_files_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.path.insert(0, 'dags'); import connections, broken_connections\n"
        "heavy = {'pandas', 'great_expectations', 'psycopg', 'numpy', 'fastapi'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
