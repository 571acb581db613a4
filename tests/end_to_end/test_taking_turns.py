"""Runs of one connection take turns, whoever asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby, pairwise

import psycopg
import pytest

from profile_exchange.domain.fates import Fate, Step
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from tests.end_to_end.driving import CONNECTION, airflow, edited, read_again, recorded, seen

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]


def test_runs_triggered_at_once_and_one_that_is_cleared_meanwhile_take_turns(
    installation: Installation, imported: RunState
) -> None:
    first_row = recorded(installation, imported.run_id)
    total, more = summed(installation), read_more(installation)
    began = datetime.now(UTC)
    with ThreadPoolExecutor(2) as threads:
        triggered = list(threads.map(installation.api.trigger, [CONNECTION, CONNECTION]))
    started = "Neither run was started"
    seen(installation, lambda: bool(times(installation, triggered, began)), started, 60)
    clear = {"dag_run_id": imported.run_id, "task_ids": [Step.UPSERT], "include_downstream": True}
    options = {"dry_run": False, "only_failed": False, **clear}
    airflow(installation, "POST", f"/dags/{CONNECTION}/clearTaskInstances", json=options)
    ids = [*triggered, imported.run_id]
    ended = [list(installation.follow(CONNECTION, run_id))[-1] for run_id in ids]
    assert [state.state for state in ended] == ["success"] * 3

    stretches = sorted(times(installation, ids, began))
    assert {run_id for *_, run_id in stretches} == set(ids)
    for (_, end, one), (start, _, next_one) in pairwise(stretches):
        assert one == next_one or end <= start
    assert len([*groupby(stretches, key=lambda stretch: stretch[2])]) == len(ids)

    rows = [recorded(installation, run_id) for run_id in triggered]
    for row in rows:
        assert row["received"] == sum(row[fate.value] for fate in Fate) == first_row["received"]
    assert sorted(row["modified"] for row in rows) == [0, more]
    assert summed(installation) == total + more
    assert recorded(installation, imported.run_id) == first_row


def times(
    installation: Installation, run_ids: Sequence[str], since: datetime
) -> list[tuple[str, str, str]]:
    """When tasks of some runs were at work since a moment: start, end, run."""
    found = []
    for run_id in run_ids:
        path = f"/dags/{CONNECTION}/dagRuns/{run_id}/taskInstances"
        for task in airflow(installation, "GET", path)["task_instances"]:
            start = task["start_date"]
            if start and datetime.fromisoformat(start) >= since:
                found.append((start, task["end_date"] or "", run_id))
    return found


def summed(installation: Installation) -> int:
    """What all profiles hold in the property that is added up."""
    total = "sum((properties->'TaylorTimes_Articles'->>0)::bigint)"
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        row = store.execute(f"select {total} from tenant.profile").fetchone()
    assert row is not None
    return int(row[0])


def read_more(installation: Installation, readers: int = 5) -> int:
    """Some whose articles are added up read one more. Returns how many."""
    wins = "select source_id from exchange.contribution where amount > 0 limit %s"
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        ids = [row[0] for row in store.execute(wins, [readers])]
    one_more = """
        update tenant.profile set properties = properties || jsonb_build_object('articles_read',
            jsonb_build_array(((properties->'articles_read'->>0)::int + 1)::text))
        where id = any(%s)
    """
    with psycopg.connect(installation.store_url("taylor-times")) as store:
        assert store.execute(one_more, [ids]).rowcount == readers
    return readers


def test_a_backfill_is_refused_because_its_runs_would_go_side_by_side(
    installation: Installation, imported: RunState
) -> None:
    """Airflow counts them apart from the DAG's other runs, of which one goes at a time."""
    file = installation.project.connections / "taylor-times.yaml"
    past = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-09T00:00:00Z"}
    with edited(file, ("import:", "schedule: {cron: '0 6 1 1 *'}\nimport:")):
        read_again(installation)
        seen(installation, lambda: is_scheduled(installation), "Airflow did not read the change")
        answer = installation.api._authorised(
            "POST", "/api/v2/backfills", json={"dag_id": CONNECTION, **past}
        )
    read_again(installation)
    seen(installation, lambda: not is_scheduled(installation), "Airflow did not read it back")
    assert answer.status_code == 400, answer.text
    assert "does not allow backfill runs" in answer.text


def is_scheduled(installation: Installation) -> bool:
    summary = airflow(installation, "GET", f"/dags/{CONNECTION}")["timetable_summary"]
    return bool(summary) and "0 6 1 1" in summary
