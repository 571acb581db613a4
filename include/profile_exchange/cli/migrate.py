"""``exchange migrate``: the hosted tenants' databases, made and brought to this version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from profile_exchange.domain.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from profile_exchange.domain.tenant import Tenant


def migrate(
    administrator: Annotated[
        str | None,
        typer.Option(
            metavar="SECRET",
            help="Create what is missing, users and databases, as the administrator of the "
            "PostgreSQL server whose URL is in this secret.",
        ),
    ] = None,
    create: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECRET",
            help="Another database to create, such as Airflow's: the name of the secret with "
            "its URL. Can be repeated; needs --administrator.",
        ),
    ] = None,
) -> None:
    """Bring every hosted tenant's database to this version.

    Makes and changes tables as this version needs them, and writes into them what the tenants'
    YAML files say about properties, segments and objectives. Safe to repeat, and to run while
    the installation is up.
    """
    if create and not administrator:
        raise ConfigurationError(
            "--create needs --administrator: name the secret with the URL of a PostgreSQL "
            "administrator."
        )
    tenants, problems = _hosted()
    if administrator:
        for secret in [*(create or []), *(tenant.store_secret for tenant in tenants)]:
            _create(administrator, secret)
    for tenant in tenants:
        _bring_to_this_version(tenant)
    if problems:
        raise ConfigurationError(problems)


def _hosted() -> tuple[list[Tenant], list[Problem]]:
    """The hosted tenants whose files are sound, and what is wrong with the others."""
    from profile_exchange.config import registry
    from profile_exchange.config.settings import settings

    tenants: list[Tenant] = []
    problems: list[Problem] = []
    for path in registry.files(settings().tenants_dir):
        try:
            tenants.append(registry.read_tenant(path))
        except ConfigurationError as error:
            problems.extend(error.problems)
    return tenants, problems


def _create(administrator: str, secret: str) -> None:
    from profile_exchange.config.settings import read_secret
    from profile_exchange.tenants.postgres.databases import create_database

    if create_database(read_secret(administrator), read_secret(secret)):
        typer.echo(f"The database of the secret {secret} was created.")


def _bring_to_this_version(tenant: Tenant) -> None:
    from profile_exchange.config.settings import read_secret
    from profile_exchange.store.database import migrate as migrate_store
    from profile_exchange.tenants.postgres.describe import describe

    url = read_secret(tenant.store_secret)
    migrate_store(url)
    describe(url, tenant, now=datetime.now(UTC))
    typer.echo(f"{tenant.name}: the profile store is at this version.")
