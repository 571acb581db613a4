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
    YAML files say about properties, segments and objectives. Gives the exposure API's user, whose
    URL is in the secret named like the store's with -exposure behind it, the rights that it needs
    and no others; and, where a connection accepts what its partner writes, the user with -writing
    behind it. Safe to repeat, and to run while the installation is up.
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
    accepting = _accepting()
    for tenant in tenants:
        _bring_to_this_version(tenant)
        _open_to_exposure(tenant, administrator)
        _open_to_writing(tenant, administrator, accepts=tenant.id in accepting)
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


def _accepting() -> frozenset[str]:
    """The tenants to which partners may write, by the connections whose files are sound."""
    from profile_exchange.config import registry

    return registry.read_all().accepting_tenants


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


def _open_to_exposure(tenant: Tenant, administrator: str | None) -> None:
    """Give the exposure API's user its rights, if there is one: not every tenant exposes."""
    from profile_exchange.config.settings import find_secret, read_secret
    from profile_exchange.tenants.postgres.databases import create_role
    from profile_exchange.tenants.postgres.exposure_role import open_to_exposure

    exposure_url = find_secret(tenant.exposure_secret)
    if exposure_url is None:
        typer.echo(
            f"{tenant.name}: not served, for want of the secret {tenant.exposure_secret}.", err=True
        )
        return
    if administrator:
        create_role(read_secret(administrator), exposure_url)
    open_to_exposure(read_secret(tenant.store_secret), exposure_url, now=datetime.now(UTC))


def _open_to_writing(tenant: Tenant, administrator: str | None, *, accepts: bool) -> None:
    """Give the user that writes what partners send its rights where they may; else take them."""
    from profile_exchange.config.settings import find_secret, read_secret
    from profile_exchange.tenants.postgres.databases import create_role
    from profile_exchange.tenants.postgres.writing_role import close_to_writing, open_to_writing

    writing_url = find_secret(tenant.writing_secret)
    if writing_url is None:
        if accepts:
            want = f"for want of the secret {tenant.writing_secret}"
            typer.echo(f"{tenant.name}: partners cannot write, {want}.", err=True)
        return
    if not accepts:
        close_to_writing(read_secret(tenant.store_secret), writing_url)
        return
    if administrator:
        create_role(read_secret(administrator), writing_url)
    open_to_writing(read_secret(tenant.store_secret), writing_url)
