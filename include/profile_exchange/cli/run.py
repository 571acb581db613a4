"""``exchange run``: a connection's import, now, through Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from profile_exchange.domain.errors import FatalError

if TYPE_CHECKING:
    from profile_exchange.installation.airflow_api import AirflowApi

RUN_FAILED = 1


def run(
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Id of a connection with an import goal.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and progress on stderr.")
    ] = False,
    switch_on: Annotated[
        bool, typer.Option("--switch-on", help="Switch its DAG on in Airflow first.")
    ] = False,
) -> None:
    """Run a connection's import now, through Airflow, and follow it.

    Prints what became of the profiles. With --json: connection, run_id, state, counts by fate,
    properties with the values written, unchanged and refused of each,
    and exchange with the unique profiles received and sent over the connection's life. Exit
    code 0 when the run succeeded, 1 when it failed.
    """
    from profile_exchange.cli.configured import importing, store_url_of
    from profile_exchange.cli.following import follow
    from profile_exchange.cli.outcome import outcome, tell_outcome
    from profile_exchange.cli.running_airflow import airflow_api
    from profile_exchange.config.settings import settings

    found = importing(connection)
    url = store_url_of(found)
    console = Console(stderr=as_json, highlight=False)
    with airflow_api(settings()) as api:
        run_id = _start(api, found.id, switch_on)
        console.print(f"Run {run_id} of {found.title}", markup=False)
        state = follow(api.follow(found.id, run_id), console)
    if as_json:
        typer.echo(json.dumps(outcome(url, found, state)))
    else:
        tell_outcome(url, found, state, console)
    raise typer.Exit(0 if state.succeeded else RUN_FAILED)


def _start(api: AirflowApi, connection_id: str, switch_on: bool) -> str:
    if not api.dag_is_known(connection_id):
        raise FatalError(
            f"Airflow does not know connection {connection_id} yet: it reads new files every "
            "half minute; `exchange validate` says whether the file is sound."
        )
    if switch_on:
        api.switch_on(connection_id)
    elif not api.is_switched_on(connection_id):
        raise FatalError(
            f"Connection {connection_id} is switched off in Airflow: switch it on there, "
            f"or say `exchange run {connection_id} --switch-on`."
        )
    return api.trigger(connection_id)
