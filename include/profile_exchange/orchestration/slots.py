"""Slots for which an import does not run: they came during a run, or long ago.

Airflow makes a run for the last slot that has passed: after a run that was going, which is what
`while_running: wait` asks for, and also when a connection is switched on after a pause.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.schedule import LATE, WhileRunning
from profile_exchange.orchestration.notes import tell_note

#: The states of a run from which something may still come.
_GOING = ["queued", "running"]


def skip_if_missed(connection: Connection) -> None:
    """Skip the current run if its slot came during another run, and such are left out, or if it
    came so long ago that nobody expects it any more.

    Raises Airflow's `AirflowSkipException`: the run ends as a success that did nothing, and its
    note and the ledger say that it was left out, and why.
    """
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.pipeline.runs import record_left_out

    context = get_current_context()
    dag_run: Any = context["dag_run"]
    # Whoever clears a run that was left out wants it.
    if dag_run.run_type != "scheduled" or dag_run.clear_number:
        return
    url = store_url_of(connection)
    if why := _why_left_out(url, connection, dag_run, context["ti"]):
        record_left_out(url, connection.id, dag_run.run_id, why, datetime.now(UTC))
        tell_note(context, why)
        raise AirflowSkipException(why)


def _why_left_out(url: str, connection: Connection, dag_run: Any, ti: Any) -> str:
    from profile_exchange.tenants.postgres.run_history import was_running

    slot, name = dag_run.run_after, connection.id
    late = (dag_run.start_date or slot) - slot > LATE
    if not (late or _skips(connection)) or _close_lost_runs(url, dag_run, ti):
        return ""
    told = f"The slot of {slot:%Y-%m-%d %H:%M} UTC"
    if _skips(connection) and was_running(url, name, slot):
        return (
            f"{told} came while another run of {name} was going: left out, as while_running: skip "
            "asks."
        )
    # For Airflow a run lasts longer than on record: mails go out, the next one is in the queue.
    if late and not was_running(url, name, slot, about=LATE, previews=True):
        return (
            f"{told} had passed when {name} was switched on, or Airflow started: left out. "
            "Trigger a run if it is wanted all the same, or clear this one."
        )
    return ""


def _skips(connection: Connection) -> bool:
    schedule = connection.schedule
    return schedule is not None and schedule.while_running is WhileRunning.SKIP


def _close_lost_runs(url: str, dag_run: Any, ti: Any) -> bool:
    """Close what is on record as running, and is over for Airflow. Returns whether any was.

    Nobody knows until when such a run was at work, so no slot is left out for it, nor for its
    absence.
    """
    from profile_exchange.pipeline.runs import LOST, record_failure, runs_at_work

    dag_id, now = dag_run.dag_id, datetime.now(UTC)
    lost = [
        run_id
        for run_id in runs_at_work(url, dag_id)
        if run_id != dag_run.run_id
        and not ti.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=_GOING)
    ]
    for run_id in lost:
        record_failure(url, dag_id, run_id, LOST, now)
    return bool(lost)
