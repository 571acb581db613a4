"""``exchange run``: a connection's import, now, through Airflow."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from profile_exchange.cli import tables

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

    Prints what became of the profiles. With --json: connection, run_id, state (Airflow's),
    outcome (succeeded, failed, refused or expired), failure (why it failed), counts by fate,
    properties with the values written, unchanged and refused of each, and exchange with the
    unique profiles received and sent over the connection's life. A run that waits for approval
    says where to answer. Exit code 0 when the run succeeded, 1 when it did not.
    """
    from profile_exchange.cli.configured import importing, store_url_of
    from profile_exchange.cli.outcome import outcome, tell_outcome
    from profile_exchange.cli.running_airflow import airflow_api
    from profile_exchange.cli.triggering import run_to_the_end
    from profile_exchange.config.settings import settings

    found = importing(connection)
    url = store_url_of(found)
    console = tables.console(stderr=as_json)
    with airflow_api(settings()) as api:
        state = run_to_the_end(api, found, {}, console, switch_on=switch_on)
    done = outcome(url, found, state)
    if as_json:
        typer.echo(json.dumps(done))
    else:
        tell_outcome(url, found, state, console)
    raise typer.Exit(0 if done["outcome"] == "succeeded" else RUN_FAILED)
