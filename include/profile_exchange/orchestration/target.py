"""Our own tenant where its profiles are BlueConic's, from an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import Connection as AirflowConnection

from profile_exchange.config import registry
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.tenant import Tenant
from profile_exchange.orchestration.partner import Lookup, credentials_in, find_connection
from profile_exchange.pipeline.remote.properties import TargetTenant
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.target import RestTarget


@contextmanager
def target_tenant_of(
    connection: Connection, lookup: Lookup = AirflowConnection.get
) -> Iterator[TargetTenant | None]:
    """The way to a connection's own tenant; None for a tenant that is hosted here."""
    tenant = registry.tenant(connection.tenant)
    if not tenant.is_remote:
        yield None
        return
    with RestClient(own_credentials(tenant, lookup)) as client:
        yield TargetTenant(RestTarget(client), tenant.visitors)


def own_credentials(tenant: Tenant, lookup: Lookup) -> TenantCredentials:
    """Key and secret that a tenant's file names. Raises `WrongHost` if they are for another."""
    stored = find_connection(tenant.credentials, lookup)
    if stored is None:
        raise ConfigurationError(
            f"Tenant {tenant.id} names the Airflow connection {tenant.credentials}, which does not "
            "exist: add it under Admin > Connections with the tenant's host name, key and secret."
        )
    called = f"The Airflow connection {tenant.credentials}"
    kept = credentials_in(stored, called)
    return kept.check_host(tenant.host, f"tenant {tenant.id}", f"the host of tenant {tenant.id}")
