"""``exchange validate``: every mistake in the YAML files, all at once."""

from __future__ import annotations

import typer

from profile_exchange.config import registry

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
        noun = "mistake" if len(configuration.problems) == 1 else "mistakes"
        typer.echo(f"{len(configuration.problems)} {noun}.", err=True)
        raise typer.Exit(PROBLEMS)
    typer.echo(
        f"{len(configuration.connections)} connections and {len(configuration.tenants)} tenants: "
        "no mistake."
    )
