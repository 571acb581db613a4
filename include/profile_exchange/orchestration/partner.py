"""The other tenant, from an Airflow connection: host name, consumer key, consumer secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowRuntimeError

from profile_exchange.config.settings import settings
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.pipeline.runs import import_goal
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource


@contextmanager
def partner_of(connection: Connection) -> Iterator[RestSource]:
    """The other tenant of an importing connection, for as long as the context lasts."""
    credentials = credentials_for(connection)
    with RestClient(credentials) as client:
        yield RestSource(client, page_size=settings().page_size)


def credentials_for(connection: Connection) -> TenantCredentials:
    """Key and secret that the import goal names. Raises `WrongHost` if they are for another."""
    name = import_goal(connection).credentials
    stored = _airflow_connection(connection, name)
    if not (stored.host and stored.login and stored.password):
        raise ConfigurationError(
            f"The Airflow connection {name} is not complete: it needs the other tenant's host "
            "name as Host, the consumer key as Login and the consumer secret as Password."
        )
    return TenantCredentials(
        host=stored.host,
        client_id=stored.login,
        client_secret=stored.password,
        base_url=stored.extra_dejson.get("base_url", ""),
    ).check_host(connection.partner.host)


def _airflow_connection(connection: Connection, name: str) -> AirflowConnection:
    try:
        return AirflowConnection.get(name)
    except (AirflowRuntimeError, LookupError):
        raise _unknown(connection, name) from None
    except Exception as error:
        if type(error).__name__ == "AirflowNotFoundException":
            raise _unknown(connection, name) from None
        raise


def _unknown(connection: Connection, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"Connection {connection.id} names the Airflow connection {name}, which does not exist: "
        "add it under Admin > Connections with the other tenant's host name, key and secret."
    )
