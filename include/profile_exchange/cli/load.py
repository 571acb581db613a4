"""``exchange load``: profiles from a file into a hosted tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from profile_exchange.cli import tables
from profile_exchange.config import registry
from profile_exchange.config.settings import read_secret
from profile_exchange.domain.plurals import plural
from profile_exchange.domain.tenant import Tenant
from profile_exchange.tenants.postgres.loading import LoadCounts
from profile_exchange.tenants.postgres.reading_files import FileRefused

#: The exit code of a file that is not loaded, as for a mistake in a YAML file.
REFUSED = 2


def load(
    tenant: Annotated[
        str, typer.Argument(metavar="TENANT", help="Id of a hosted tenant: its YAML file's name.")
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .csv, .jsonl, .ndjson (each also .gz) or .parquet file."
        ),
    ],
    separator: Annotated[
        str, typer.Option(help="In CSV, what stands between several values; empty for none.")
    ] = "|",
) -> None:
    """Load a file of profiles into a hosted tenant, all of it or nothing.

    One row for each profile, and a column for each profile property; besides these the columns
    id, creationDate, privacyLegislation, consentedObjectives and refusedObjectives, as far as
    they are known. Without a privacyLegislation the zone of a new profile is unknown: what
    needs consent in any zone needs it there. Without an id, one is derived from the first unique
    identifier. A profile that is there already gets the file's properties in place of its own.
    """
    found = registry.tenant(tenant)
    try:
        counts = _load(found, file, separator)
    except FileRefused as refused:
        typer.echo(f"exchange: {refused}", err=True)
        raise typer.Exit(REFUSED) from None
    typer.echo(
        f"{found.name}: {plural(counts.created, 'profile')} created, {counts.replaced:,} replaced, "
        f"{counts.unchanged:,} unchanged."
    )


def _load(tenant: Tenant, file: Path, separator: str) -> LoadCounts:
    from profile_exchange.store.database import migrate
    from profile_exchange.tenants.postgres.loading_files import load_file

    url = read_secret(tenant.store_secret)
    migrate(url)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=tables.console(stderr=True)) as shown:
        task = shown.add_task("reading", total=1.0)
        return load_file(
            url,
            tenant,
            file,
            now=datetime.now(UTC),
            separator=separator,
            progress=lambda doing, share: shown.update(task, description=doing, completed=share),
        )
