"""``exchange validate``: every mistake in the YAML files, all at once."""

from __future__ import annotations

import typer

from profile_exchange.config import registry
from profile_exchange.domain.plurals import plural

PROBLEMS = 2


def validate() -> None:
    """Find every mistake in the YAML files.

    Reads all connections and tenants, and prints each mistake with its file, line and key.
    Exit code 0 when there is none, 2 otherwise.
    """
    configuration = registry.read_all()
    for problem in configuration.problems:
        typer.echo(str(problem), err=True)
    if configuration.problems:
        typer.echo(f"{plural(len(configuration.problems), 'mistake')}.", err=True)
        raise typer.Exit(PROBLEMS)
    connections = plural(len(configuration.connections), "connection")
    tenants = plural(len(configuration.tenants), "tenant")
    typer.echo(f"{connections} and {tenants}: no mistake.")
