"""``exchange connections``: the configured connections, and the schema of their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profile_exchange.cli import tables
from profile_exchange.domain.plurals import plural

if TYPE_CHECKING:
    from rich.table import Table

    from profile_exchange.domain.connection import Connection

app = typer.Typer(
    help="List the connections, and print their files' schema.",
    no_args_is_help=True,
    add_completion=False,
)


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
        tables.tell(tables.console(), _wide_table(connections), _narrow_table(connections))
    if configuration.problems:
        mistakes = plural(len(configuration.problems), "mistake")
        typer.echo(f"{mistakes} in the files: see `exchange validate`.", err=True)


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
        "timezone": connection.schedule.timezone if connection.schedule else None,
    }


def _goals(connection: Connection) -> list[str]:
    goals = {
        "expose": connection.expose,
        "import": connection.importing,
        "accept": connection.accept,
    }
    return [name for name, goal in goals.items() if goal]


def _wide_table(connections: list[Connection]) -> Table:
    table = tables.table()
    for heading in ("Connection", "Title", "Tenant", "Partner", "Goals", "Runs"):
        tables.add_texts(table, heading)
    tables.add_rows(table, map(_texts, connections))
    return table


def _narrow_table(connections: list[Connection]) -> Table:
    """Two lines a connection, so that eighty columns take ids and names without folding most."""
    table = tables.table(compact=True)
    for heading in ("Connection, title", "Tenant, partner", "Goals, runs"):
        tables.add_texts(table, heading)
    for name, title, tenant, partner, goals, runs in map(_texts, connections):
        pairs = (name, title), (tenant, partner), (goals, runs)
        tables.add_rows(table, [["\n".join(pair) for pair in pairs]])
    return table


def _texts(connection: Connection) -> tuple[str, ...]:
    goals = ", ".join(_goals(connection))
    runs = str(connection.schedule or "when it is asked to")
    told = runs if connection.enabled else "never: it is switched off"
    return connection.id, connection.title, connection.tenant, connection.partner.name, goals, told
