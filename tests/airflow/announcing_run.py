"""Run by `test_announcing` in a process of its own: a task that announces a finished import.

Prints the asset events that Airflow has recorded afterwards, as JSON.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any, cast

from airflow.sdk import DAG, get_current_context, task

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.fates import FateCounts
from profile_exchange.orchestration.announcing import announce
from profile_exchange.orchestration.assets import written_by
from profile_exchange.pipeline.report import Report

COUNTS = FateCounts(received=7, unmatched=4, modified=2, unchanged=1)


@task(outlets=[written_by("taylor-times")])
def report() -> None:
    found = registry.connection("taylor-times", PROJECT_ROOT / "include" / "connections")
    run = cast("Any", SimpleNamespace(connection=found, finished=False))
    announce(get_current_context(), run, Report(COUNTS, unique_received=9))


with DAG("taylor-times") as dag:
    report()


def recorded() -> list[dict[str, Any]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        events = session.query(AssetEvent).all()
        return [{"uri": event.asset.uri, "extra": event.extra} for event in events]


if __name__ == "__main__":
    ended = dag.test()
    sys.stdout.write(f"{json.dumps({'state': ended.state, 'events': recorded()})}\n")
