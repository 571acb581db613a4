"""``exchange history``: what a connection's runs did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.cli.fate_columns import add_fates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from profile_exchange.tenants.postgres.exposure_checks import ExposureCheck
    from profile_exchange.tenants.postgres.run_history import PastRun


def history(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Id of a connection.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Runs to show, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show what a connection's runs did, the newest first.

    Reads what is on record in the tenant's own store; Airflow need not run, and a connection
    whose file is gone keeps its history.
    """
    from profile_exchange.tenants.postgres.remembered import remembered
    from profile_exchange.tenants.postgres.run_history import data_exchange
    from profile_exchange.tenants.postgres.run_history import history as past_runs

    found = remembered(connection)
    url = found.url
    if not found.imports:
        _tell_checks(found.title, url, found.id, limit, as_json=as_json)
        return
    runs = past_runs(url, found.id, limit)
    if as_json:
        typer.echo(json.dumps([_as_object(past) for past in runs]))
        return
    exchanged = data_exchange(url, found.id)
    console = tables.console()
    _tell_runs(found.title, runs, console)
    console.print(f"Unique profiles received {exchanged.received:,}, sent {exchanged.sent:,}.")


def _tell_checks(title: str, url: str, connection_id: str, limit: int, *, as_json: bool) -> None:
    """What the runs of a connection that only exposes found, and how many profiles were sent."""
    from profile_exchange.tenants.postgres.exposure_checks import exposure_checks
    from profile_exchange.tenants.postgres.run_history import data_exchange

    checks = exposure_checks(url, connection_id, limit)
    if as_json:
        typer.echo(json.dumps([_check_as_object(check) for check in checks]))
        return
    console = tables.console()
    if not checks:
        console.print(f"{title} has not run yet.", markup=False)
    for check in checks:
        told = check.failure or check.sentence()
        console.print(f"{check.at:%Y-%m-%d %H:%M:%S}  {told}", markup=False, soft_wrap=True)
    sent = data_exchange(url, connection_id).sent
    console.print(f"Unique profiles sent {sent:,}.")


def _check_as_object(check: ExposureCheck) -> dict[str, Any]:
    return {
        "run_id": check.run_id,
        "at": check.at.isoformat(),
        "state": "failed" if check.failure else "succeeded",
        "failure": check.failure or None,
        "exposed": check.exposed,
    }


def _as_object(past: PastRun) -> dict[str, Any]:
    return {
        "run_id": past.run_id,
        "state": past.outcome,
        "import_state": past.state,
        "check_failure": past.check_failure or None,
        "preview": past.preview,
        "started_at": past.started_at.isoformat(),
        "finished_at": past.finished_at.isoformat() if past.finished_at else None,
        "failure": past.told or None,
        "counts": past.counts.as_dict() if past.counts else None,
        "properties": [each.as_dict() for each in past.properties],
        "segments": dict(past.segments),
        "matched": past.matched,
        "forecast": past.forecast.as_json() if past.forecast else None,
        "decided_by": past.decided_by or None,
        "decided_at": past.decided_at.isoformat() if past.decided_at else None,
    }


def _tell_runs(title: str, runs: Sequence[PastRun], console: Console) -> None:
    if not runs:
        console.print(f"{title} has not run yet.", markup=False)
        return
    tables.tell(console, _wide_table(title, runs), _narrow_table(title, runs))
    for past in runs:
        if past.told:
            console.print(f"{_started(past)}  {past.told}", markup=False, soft_wrap=True)


def _wide_table(title: str, runs: Sequence[PastRun]) -> Table:
    table = tables.table(title)
    tables.add_texts(table, "Started (UTC)")
    tables.add_texts(table, "State")
    numerals = add_fates(table, [past.counts for past in runs])
    rows = [(_started(past), _state(past), *numerals[i]) for i, past in enumerate(runs)]
    tables.add_rows(table, rows)
    return table


def _narrow_table(title: str, runs: Sequence[PastRun]) -> Table:
    """Two lines a run, with the state below the time, and two fates in a column."""
    table = tables.table(title, compact=True)
    tables.add_texts(table, "Started (UTC)", least=len("2026-01-02"))
    numerals = add_fates(table, [past.counts for past in runs], paired=True)
    rows = [(f"{_started(past)}\n{_state(past)}", *numerals[i]) for i, past in enumerate(runs)]
    tables.add_rows(table, rows)
    return table


def _started(past: PastRun) -> str:
    return f"{past.started_at:%Y-%m-%d %H:%M:%S}"


def _state(past: PastRun) -> str:
    if past.preview and past.counts:
        return f"{past.outcome}: would be"
    return f"preview {past.outcome}" if past.preview else past.outcome
