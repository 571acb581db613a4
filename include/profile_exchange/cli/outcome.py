"""What a run came to, for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from profile_exchange.cli.fates_table import fates_table
from profile_exchange.cli.properties_table import properties_table
from profile_exchange.domain.connection import Connection
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.tenants.postgres.run_history import PastRun, data_exchange, past_run


def tell_outcome(url: str, connection: Connection, state: RunState, console: Console) -> None:
    """Print the fates of a run's profiles, or why it failed."""
    found = past_run(url, connection.id, state.run_id)
    if found and found.counts:
        console.print(fates_table(connection.title, found.counts), crop=False)
        console.print(properties_table(found.properties), crop=False)
    if found and found.told and state.succeeded:
        console.print(found.told, style="yellow", markup=False)
    if not state.succeeded:
        console.print(f"The run failed: {_failure(found, state)}", style="red", markup=False)


def outcome(url: str, connection: Connection, state: RunState) -> dict[str, Any]:
    """The same as one object: connection, run, state, why it failed, counts by fate and by
    property, unique."""
    found = past_run(url, connection.id, state.run_id)
    exchanged = data_exchange(url, connection.id)
    return {
        "connection": connection.id,
        "run_id": state.run_id,
        "state": state.state,
        "outcome": found.outcome if found else state.state,
        "failure": _failure(found, state),
        "counts": found.counts.as_dict() if found and found.counts else None,
        "properties": [each.as_dict() for each in found.properties] if found else [],
        "exchange": {"received": exchanged.received, "sent": exchanged.sent},
    }


def _failure(found: PastRun | None, state: RunState) -> str | None:
    """Why a run failed, as its history tells it, or else where that can be looked up."""
    if found and found.told:
        return found.told
    if state.succeeded:
        return None
    failed = ", ".join(dict.fromkeys(t.task for t in state.tasks if t.state == "failed"))
    return f"look into the log of {failed}."
