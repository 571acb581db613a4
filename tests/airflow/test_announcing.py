"""A finished import is an event of an asset, a lineage and metrics: names and counts, no value."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.observability import stats

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import FateCounts
from profile_exchange.orchestration import announcing, lineage
from profile_exchange.orchestration.assets import tell_written, written_by
from profile_exchange.orchestration.dags import build
from profile_exchange.pipeline.report import Report
from tests.airflow import announcing_run

CONNECTIONS = PROJECT_ROOT / "include" / "connections"
STORE = "x-profile-exchange://harbor-goods/profiles"
FIELD = {"namespace": "https://taylor-times.localhost", "name": "profiles"}


@pytest.fixture(scope="module")
def connection() -> Connection:
    return registry.connection("taylor-times", CONNECTIONS)


@dataclass
class Announced:
    """What a task in a real Airflow has told: to Airflow, to OpenLineage, to OpenTelemetry."""

    answer: dict[str, Any]
    lineage: list[dict[str, Any]]
    metrics: bytes


@pytest.fixture(scope="module")
def announced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Announced]:
    folder = tmp_path_factory.mktemp("announced")
    received: list[bytes] = []
    with _collector(received) as port:
        environment = _environment(folder, port)
        dag_file = shutil.copy(announcing_run.__file__, folder)
        for command in (["-m", "airflow", "db", "migrate"], [dag_file]):
            done = subprocess.run(
                [sys.executable, *command],
                env=environment,
                cwd=PROJECT_ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        events = [json.loads(line) for line in (folder / "lineage").read_text().splitlines()]
        [answer] = [line for line in done.stdout.splitlines() if line.startswith("{")]
        yield Announced(json.loads(answer), events, b"".join(received))


class _collector:  # noqa: N801 - reads as a function
    """A server on loopback that takes OpenTelemetry's metrics."""

    def __init__(self, received: list[bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """A test's output is no place for an access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> int:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self._server.server_port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _environment(folder: Path, port: int) -> dict[str, str]:
    transport = {"type": "file", "log_file_path": str(folder / "lineage"), "append": True}
    options = {
        "CORE__DAGS_FOLDER": str(folder),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTION_API_SERVER_URL": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "METRICS__OTEL_ON": "True",
        "METRICS__OTEL_HOST": "127.0.0.1",
        "METRICS__OTEL_PORT": str(port),
    }
    path = os.pathsep.join([str(PROJECT_ROOT / "include"), str(PROJECT_ROOT)])
    given = {f"AIRFLOW__{name}": value for name, value in options.items() if value}
    return {**os.environ, **given, "AIRFLOW_HOME": str(folder), "PYTHONPATH": path}


def test_airflow_records_an_event_of_the_store_with_run_and_counts(announced: Announced) -> None:
    assert announced.answer["state"] == "success"
    [event] = announced.answer["events"]
    assert event["uri"] == STORE
    extra = event["extra"]
    told = {name: extra[name] for name in ("connection", "counts")}
    assert told == {"connection": "taylor-times", "counts": announcing_run.COUNTS.as_dict()}
    assert extra["run_id"]


def test_openlineage_gets_the_properties_behind_each_target(announced: Announced) -> None:
    outputs = [output for event in announced.lineage for output in event.get("outputs", ())]
    [output] = [each for each in outputs if "columnLineage" in each.get("facets", {})]
    assert f"{output['namespace']}/{output['name']}" == STORE
    fields = output["facets"]["columnLineage"]["fields"]
    [section] = fields["TaylorTimes_Section"]["inputFields"]
    assert {**FIELD, "field": "favourite_section"}.items() <= section.items()


def test_opentelemetry_gets_a_counter_for_each_fate(announced: Announced) -> None:
    for name in ("profiles.modified", "profiles.received", "profiles.unmatched", "unique_received"):
        assert f"profile_exchange.{name}".encode() in announced.metrics
    assert b"taylor-times" in announced.metrics


def test_the_report_of_an_import_is_what_tells_of_the_store(connection: Connection) -> None:
    dag = build(connection)
    telling = {task.task_id: task.outlets for task in dag.tasks if task.outlets}
    assert telling == {"report": [written_by("taylor-times")]}


def test_an_import_that_wrote_nothing_is_no_event(connection: Connection) -> None:
    told = OutletEventAccessors()
    context = {"outlet_events": told, "dag_run": SimpleNamespace(run_id="the-run")}
    tell_written(context, connection, FateCounts(received=5, unchanged=4, rejected=1))
    assert len(told) == 0
    tell_written(context, connection, FateCounts(received=5, created=5))
    assert len(told[written_by("taylor-times")].asset_alias_events) == 1


def test_a_report_that_is_repeated_counts_nobody_twice(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(stats, "incr", lambda name, *_, **__: counted.append(name))
    context: Any = {
        "outlet_events": OutletEventAccessors(),
        "dag_run": SimpleNamespace(run_id="the-run"),
    }
    done = Report(FateCounts(received=1, created=1), unique_received=1)
    for finished in (False, True):
        run = cast("Any", SimpleNamespace(connection=connection, finished=finished))
        announcing.announce(context, run, done)
    assert counted.count("profile_exchange.profiles.created") == 1


def test_lineage_holds_names_and_no_fixed_text_or_table_of_values() -> None:
    from tests.pipeline.exchange import Exchange

    goal = {
        "links": [{"theirs": "email", "ours": "mail"}],
        "mappings": [
            {"from": "sports", "to": "A", "transforms": [{"values": {"secret": "other"}}]},
            {"from": "visits", "to": "B", "strategy": "SUM"},
            {"text": "fixed words", "to": "C"},
        ],
    }
    found = Exchange("", goal, [], {}).connection
    assert found.importing is not None
    output = lineage.ours(found, found.importing)
    facet: Any = (output.facets or {})["columnLineage"]
    behind = {
        target: [(each.field, each.transformations[0].subtype) for each in field.inputFields]
        for target, field in facet.fields.items()
    }
    assert behind == {"A": [("sports", "TRANSFORMATION")], "B": [("visits", "AGGREGATION")]}
    assert [(each.field, each.transformations[0].type) for each in facet.dataset] == [
        ("email", "INDIRECT")
    ]
    assert not any(word in repr(output) for word in ("secret", "other", "fixed words"))


def test_where_the_provider_is_not_installed_nothing_of_it_is_imported(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "PROVIDER", "airflow.providers.not_installed")
    monkeypatch.setattr(lineage, "theirs", lambda _: pytest.fail("somebody asked for lineage"))
    assert connection.importing is not None
    lineage.emit_lineage(connection, connection.importing)
