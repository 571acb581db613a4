"""The other tenant, from an Airflow connection: host name, consumer key, consumer secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from profile_exchange.config.settings import settings
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.pipeline.runs import import_goal
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource

#: Finds an Airflow connection by its id: inside a task, or in Airflow's own processes.
Lookup = Callable[[str], Any]


@contextmanager
def partner_of(
    connection: Connection, lookup: Lookup = AirflowConnection.get
) -> Iterator[RestSource]:
    """The other tenant of an importing connection, for as long as the context lasts."""
    with RestClient(credentials_for(connection, lookup)) as client:
        yield RestSource(client, page_size=settings().page_size)


def credentials_for(connection: Connection, lookup: Lookup) -> TenantCredentials:
    """Key and secret that the import goal names. Raises `WrongHost` if they are for another."""
    name = import_goal(connection).credentials
    stored = find_connection(name, lookup)
    if stored is None:
        raise ConfigurationError(
            f"Connection {connection.id} names the Airflow connection {name}, which does not "
            "exist: add it under Admin > Connections with the other tenant's host name, key and "
            "secret."
        )
    called = f"The Airflow connection {name}"
    return credentials_in(stored, called).check_host(connection.partner.host)


def credentials_in(stored: Any, called: str) -> TenantCredentials:
    """What an Airflow connection keeps; ``called`` begins the sentence if something is missing."""
    if not (stored.host and stored.login and stored.password):
        raise ConfigurationError(
            f"{called} is not complete: it needs the other tenant's host name (Host), the "
            "consumer key (Login) and the consumer secret (Password)."
        )
    return TenantCredentials(
        host=stored.host,
        client_id=stored.login,
        client_secret=stored.password,
        base_url=stored.extra_dejson.get("base_url") or "",
    )


def find_connection(name: str, lookup: Lookup) -> Any:
    """The Airflow connection of an id, or None if there is none."""
    try:
        return lookup(name)
    except AirflowNotFoundException:
        return None
    except AirflowRuntimeError as error:
        if error.error.error is ErrorType.CONNECTION_NOT_FOUND:
            return None
        raise
