"""``exchange connections``: the configured connections, and the schema of their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from profile_exchange.domain.connection import Connection

app = typer.Typer(help="List the connections, and print their files' schema.", no_args_is_help=True)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the configured connections. Files that are not sound are told by `exchange validate`."""
    from profile_exchange.config import registry

    configuration = registry.read_all()
    connections = sorted(configuration.connections.values(), key=lambda each: each.id)
    if as_json:
        typer.echo(json.dumps([_as_object(each) for each in connections]))
    else:
        Console(highlight=False).print(_table(connections))
    if configuration.problems:
        number = len(configuration.problems)
        typer.echo(f"{number} mistakes in the files: see `exchange validate`.", err=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a connection's file, by which editors complete and check it."""
    from profile_exchange.config.connection_schema import as_text

    typer.echo(as_text(), nl=False)


def _as_object(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "title": connection.title,
        "tenant": connection.tenant,
        "partner": connection.partner.name,
        "goals": _goals(connection),
        "labels": list(connection.labels),
        "favorite": connection.favorite,
        "enabled": connection.enabled,
        "schedule": connection.schedule.words if connection.schedule else None,
    }


def _goals(connection: Connection) -> list[str]:
    goals = {
        "expose": connection.expose,
        "import": connection.importing,
        "accept": connection.accept,
    }
    return [name for name, goal in goals.items() if goal]


def _table(connections: list[Connection]) -> Table:
    table = Table()
    table.add_column("Connection", no_wrap=True)
    for heading in ("Title", "Tenant", "Partner", "Goals", "Runs"):
        table.add_column(heading)
    for each in connections:
        runs = each.schedule.words if each.schedule else "when it is asked to"
        shown = (each.id, each.title, each.tenant, each.partner.name, ", ".join(_goals(each)))
        table.add_row(*shown, runs if each.enabled else "never: it is switched off")
    return table
