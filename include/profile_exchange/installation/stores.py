"""A profile store in the embedded server for each hosted tenant that has none elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy import make_url

from profile_exchange.config.settings import PREFIX
from profile_exchange.domain.tenant import Tenant
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.installation.ports import LOOPBACK
from profile_exchange.installation.secret_files import SecretFiles
from profile_exchange.store.database import engine_for, migrate
from profile_exchange.tenants.postgres.databases import create_role
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.exposure_role import open_to_exposure
from profile_exchange.tenants.postgres.writing_role import close_to_writing, open_to_writing

PASSWORD_BYTES = 32

#: Fills a hosted tenant's store before anything runs: tenant id, store URL.
Fill = Callable[[str, str], None]


def fill_nothing(tenant_id: str, url: str) -> None:
    """Leave the store as it is."""


def prepare_stores(
    server: EmbeddedPostgres,
    secrets: SecretFiles,
    tenants: Iterable[Tenant],
    *,
    fill: Fill,
    now: datetime,
    accepting: Collection[str] = (),
) -> None:
    """Make, migrate, describe and fill the stores of hosted tenants, and tell their URLs.

    A store whose secret leads to another server is somebody's own and is left alone.
    ``accepting`` are the ids of the tenants to which partners may write.
    """
    for tenant in tenants:
        if _kept_elsewhere(server, secrets, tenant):
            continue
        url = server.create_database(tenant.id.replace("-", "_"))
        secrets.write(tenant.store_secret, url)
        migrate(url)
        _open_to_exposure(server, secrets, tenant, url, now)
        _open_to_writing(server, secrets, tenant, url, accepts=tenant.id in accepting)
        describe(url, tenant, now=now)
        fill(tenant.id, url)
        engine_for(url).dispose()


def _open_to_exposure(
    server: EmbeddedPostgres, secrets: SecretFiles, tenant: Tenant, url: str, now: datetime
) -> None:
    """Make the exposure API's own user of a store, with a new password at every start."""
    exposure_url = _own_url(url, "exposure")
    create_role(server.url(), exposure_url)
    open_to_exposure(url, exposure_url, now=now)
    secrets.write(tenant.exposure_secret, exposure_url)


def _open_to_writing(
    server: EmbeddedPostgres, secrets: SecretFiles, tenant: Tenant, url: str, *, accepts: bool
) -> None:
    """Make the user that writes what partners send, where they may; elsewhere it has no rights."""
    writing_url = _own_url(url, "writing")
    if not accepts:
        close_to_writing(url, writing_url)
        return
    create_role(server.url(), writing_url)
    open_to_writing(url, writing_url)
    secrets.write(tenant.writing_secret, writing_url)


def _own_url(url: str, purpose: str) -> str:
    """A store's URL for a user of its own, with a new password."""
    store = make_url(url)
    own = store.set(username=f"{store.database}_{purpose}", password=token_urlsafe(PASSWORD_BYTES))
    return own.render_as_string(hide_password=False)


def _kept_elsewhere(server: EmbeddedPostgres, secrets: SecretFiles, tenant: Tenant) -> bool:
    variable = f"{PREFIX}SECRET_{tenant.store_secret.upper().replace('-', '_')}"
    if os.environ.get(variable):
        return True
    known = secrets.read(tenant.store_secret)
    if known is None:
        return False
    url = make_url(known)
    return not (url.host == LOOPBACK and url.password == server.password)
