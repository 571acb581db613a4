"""``exchange preview``: what a connection's import would do, without writing anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profile_exchange.cli import tables

if TYPE_CHECKING:
    from profile_exchange.domain.connection import Connection
    from profile_exchange.domain.forecast import Forecast
    from profile_exchange.installation.airflow_api import RunState

WOULD_NOT_RUN = 1


def preview(
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Id of a connection with an import goal.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and progress on stderr.")
    ] = False,
) -> None:
    """Say what an import would do now, and write nothing.

    Runs through Airflow like `exchange run`, up to the gate. Prints counts by fate, segment and
    target property, how far the two tenants overlap, and a few profile ids. With --json:
    connection, run_id, state, failure (why it failed), and would_be with the same. Exit code 0
    when a run would write, 1 when the preview failed or a limit would stop the run.
    """
    from profile_exchange.cli.configured import importing, store_url_of
    from profile_exchange.cli.forecast_tables import tell_forecast
    from profile_exchange.cli.running_airflow import airflow_api
    from profile_exchange.cli.triggering import run_to_the_end
    from profile_exchange.config.settings import settings
    from profile_exchange.tenants.postgres.run_history import past_run

    found = importing(connection)
    url = store_url_of(found)
    console = tables.console(stderr=as_json)
    with airflow_api(settings()) as api:
        state = run_to_the_end(api, found, {"preview": True}, console, switch_on=False)
    past = past_run(url, found.id, state.run_id)
    forecast = past.forecast if past and state.succeeded else None
    reason = past.told if past and past.told else "look into the tasks' logs."
    failure = None if forecast else reason
    if as_json:
        typer.echo(json.dumps(_as_object(found, state, failure, forecast)))
    elif forecast:
        tell_forecast(found.title, forecast, console)
    if failure:
        console.print(f"The preview failed: {failure}", style="red", markup=False)
    raise typer.Exit(0 if forecast and not forecast.stopped_by else WOULD_NOT_RUN)


def _as_object(
    connection: Connection, state: RunState, failure: str | None, forecast: Forecast | None
) -> dict[str, Any]:
    return {
        "connection": connection.id,
        "run_id": state.run_id,
        "state": state.state,
        "failure": failure,
        "would_be": forecast.as_json() if forecast else None,
    }
