"""Starting a DAG run of a connection and following it to its end, with what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console

from profile_exchange.cli.following import follow
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.fates import APPROVE
from profile_exchange.installation.airflow_api import AirflowApi, RunState

AWAITING_INPUT = "awaiting_input"


def run_to_the_end(
    api: AirflowApi,
    connection: Connection,
    conf: Mapping[str, Any],
    console: Console,
    *,
    switch_on: bool,
) -> RunState:
    """Trigger a run with a configuration and follow it. Returns how it ended.

    Airflow runs a connection's imports one after the other; a run that has to wait for another,
    or for a person, says so.
    """
    _make_ready(api, connection.id, switch_on=switch_on, preview=bool(conf))
    before = api.going(connection.id)
    run_id = api.trigger(connection.id, conf)
    kind = "Preview" if conf else "Run"
    console.print(f"{kind} {run_id} of {connection.title}", markup=False)
    if before:
        told = f"  waits until {', '.join(before)} has ended: one run of a connection at a time"
        console.print(told, markup=False)
    states = api.follow(connection.id, run_id)
    return follow(telling_who_is_asked(states, api.url, connection, console), console)


def telling_who_is_asked(
    states: Iterable[RunState], url: str, connection: Connection, console: Console
) -> Iterator[RunState]:
    """The same states; says once where to answer when the run waits for a person."""
    told = False
    for state in states:
        if not told and any(task.state == AWAITING_INPUT for task in state.tasks):
            console.print(_question(url, connection, state.run_id), markup=False, soft_wrap=True)
            told = True
        yield state


def _question(url: str, connection: Connection, run_id: str) -> str:
    goal = connection.importing
    waits = f" for {goal.approval.timeout}" if goal and goal.approval else ""
    return (
        f"  waits{waits} for a person to approve it at "
        f"{url}/dags/{connection.id}/runs/{run_id}/tasks/{APPROVE}/required_actions"
    )


def _make_ready(
    api: AirflowApi, connection_id: str, *, switch_on: bool, preview: bool = False
) -> None:
    if not api.dag_is_known(connection_id):
        raise FatalError(
            f"Airflow does not know connection {connection_id} yet: it reads new files every "
            "half minute; `exchange validate` says whether the file is sound."
        )
    if switch_on:
        api.switch_on(connection_id)
    elif not api.is_switched_on(connection_id):
        off = f"Connection {connection_id} is switched off in Airflow"
        if preview:
            raise FatalError(
                f"{off}, where nothing of it runs, no preview either: switch it on there. If it "
                "has a schedule, its imports start by that, too, and those write."
            )
        raise FatalError(
            f"{off}: switch it on there, or say `exchange run {connection_id} --switch-on`."
        )
