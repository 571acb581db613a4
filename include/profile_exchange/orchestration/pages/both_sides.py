"""What the form of a connection offers: what the other tenant exposes now, and what is ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.models.connection import Connection as StoredConnection
from sqlalchemy import select
from sqlalchemy.orm import Session

from profile_exchange.config.drafts import Data, value_at
from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.errors import ConfigurationError, ExchangeError
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.domain.tenant import Tenant
from profile_exchange.orchestration.pages.configured import configuration, store_url
from profile_exchange.orchestration.partner import credentials_in, find_connection
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.pipeline.targets import colliding
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.definitions import property_in
from profile_exchange.store.tables import profile_property
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE
from profile_exchange.tenants.rest.network import Patience
from profile_exchange.tenants.rest.source import RestSource

#: A person waits for the answer.
PATIENCE = Patience(connect=5.0, read=10.0, total=15.0, attempts=2, backoff=0.2, give_up=20.0)


@dataclass(frozen=True, slots=True)
class Theirs:
    """What the other tenant exposes, or why that is not known."""

    segments: Sequence[ExposedSegment] = ()
    properties: Sequence[ProfileProperty] = ()
    refused: str = ""

    @property
    def identifiers(self) -> list[ProfileProperty]:
        """The exposed unique identifiers."""
        return [known for known in self.properties if known.indexed]


@dataclass(frozen=True, slots=True)
class Ours:
    """The tenant whose connection it is, with its properties as its store has them now.

    ``colliding`` are targets of the draft that hold values that are not this connection's;
    ``untold`` is why that is not known.
    """

    tenant: Tenant | None
    properties: Sequence[ProfileProperty] = ()
    colliding: frozenset[str] = frozenset()
    untold: str = ""

    @property
    def identifiers(self) -> list[ProfileProperty]:
        """Our unique identifiers."""
        return [known for known in self.properties if known.indexed]


def theirs(data: Data) -> Theirs:
    """Ask the other tenant, with the credentials that the draft names."""
    host, name = value_at(data, "partner.host"), value_at(data, "import.credentials")
    if not (isinstance(host, str) and isinstance(name, str) and host and name):
        return Theirs(refused="The host name and the name of the credentials come first.")
    try:
        stored = find_connection(name, StoredConnection.get_connection_from_secrets)
        if stored is None:
            raise ConfigurationError(
                f"There is no Airflow connection {name}: add it under Admin > Connections with the "
                "other tenant's host name, key and secret."
            )
        credentials = credentials_in(stored, f"The Airflow connection {name}").check_host(host)
        with RestClient(credentials, PATIENCE) as client:
            source = RestSource(client)
            source.authenticate()
            return Theirs(tuple(source.segments()), tuple(source.properties()))
    except ExchangeError as error:
        return Theirs(refused=str(error))


def ours(data: Data) -> Ours:
    """Our tenant. Of one that nothing was loaded into yet, what its file says."""
    wanted = value_at(data, "tenant")
    tenant = configuration().tenants.get(wanted) if isinstance(wanted, str) else None
    if tenant is None:
        return Ours(None)
    try:
        return Ours(tenant, _properties(tenant))
    except ExchangeError:
        return Ours(tenant, tenant.properties)


def with_collisions(found: Ours, connection_id: str, data: Data) -> Ours:
    """The same with the draft's targets that hold values: that takes a look at every profile."""
    if found.tenant is None or not _mappings(data):
        return found
    try:
        return replace(found, colliding=_colliding(found.tenant, connection_id, data))
    except ExchangeError as error:
        return replace(found, untold=str(error))


def _properties(tenant: Tenant) -> tuple[ProfileProperty, ...]:
    url = store_url(tenant.id)
    if url is None:
        return tenant.properties
    with store_errors(url), engine_for(url).connect() as database:
        rows = database.execute(select(profile_property))
        stored = {row.id: property_in(row) for row in rows}
    described = {known.id: known for known in tenant.properties}
    return tuple((described | stored).values())


def _colliding(tenant: Tenant, connection_id: str, data: Data) -> frozenset[str]:
    url = store_url(tenant.id)
    if url is None:
        return frozenset()
    with store_errors(url), engine_for(url).connect() as database:
        found = colliding(database, connection_id, _mappings(data))
        return frozenset(each.target for each in found)


def credentials_to_choose(user: BaseUser, session: Session) -> list[str]:
    """The Airflow connections to other tenants that a user may see, by their ids."""
    allowed = get_auth_manager().get_authorized_connections(user=user, session=session)
    query = select(StoredConnection.conn_id).where(StoredConnection.conn_type == CONNECTION_TYPE)
    return sorted(known for known in session.scalars(query) if known in allowed)


def _mappings(data: Data) -> list[PropertyMapping]:
    """The mappings of a draft, as far as they say where they go."""
    rows = value_at(data, "import.mappings")
    return [
        PropertyMapping(None, row["to"], overwrite=row.get("overwrite") is True)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("to"), str)
    ]
