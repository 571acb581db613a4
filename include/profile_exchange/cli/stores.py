"""From a connection to the profile store of its tenant."""

from __future__ import annotations

from profile_exchange.config import registry
from profile_exchange.config.settings import read_secret
from profile_exchange.domain.connection import Connection


def store_url_of(connection: Connection) -> str:
    """The URL of the store of the tenant that a connection belongs to."""
    return read_secret(registry.tenant(connection.tenant).store_secret)
