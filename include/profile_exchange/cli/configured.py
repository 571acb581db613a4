"""What the commands look up in the configuration."""

from __future__ import annotations

from profile_exchange.config import registry
from profile_exchange.config.settings import read_secret
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError


def importing(connection_id: str) -> Connection:
    """A connection with an import goal. Raises `ConfigurationError` if it only exposes."""
    found = registry.connection(connection_id)
    if found.importing is None:
        raise ConfigurationError(
            f"Connection {connection_id} only exposes, so there is nothing to import: "
            "name the other tenant's connection, or give this one an import goal."
        )
    return found


def store_url_of(connection: Connection) -> str:
    """The URL of the store of the tenant that a connection belongs to."""
    return read_secret(registry.tenant(connection.tenant).store_secret)
