"""What a connection left in the stores, whether or not it still has a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from profile_exchange.config import registry
from profile_exchange.config.settings import find_secret, read_secret
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, ExchangeError
from profile_exchange.tenants.postgres.run_history import Trace, trace_of


@dataclass(frozen=True, slots=True)
class Remembered:
    """A connection as far as its history goes: its title, the store, and whether it imports."""

    id: str
    title: str
    url: str
    imports: bool


def remembered(connection_id: str) -> Remembered:
    """A connection by its file; one whose file is gone, or broken, by its history.

    Raises the `ConfigurationError` about its file when no store knows it either.
    """
    try:
        found = registry.connection(connection_id)
    except ConfigurationError:
        gone = _in_stores(connection_id)
        if gone is None:
            raise
        return gone
    return Remembered(found.id, found.title, _store_url_of(found), found.importing is not None)


def _store_url_of(connection: Connection) -> str:
    return read_secret(registry.tenant(connection.tenant).store_secret)


def _in_stores(connection_id: str) -> Remembered | None:
    """Where the connection did something last, of the stores that can be asked."""
    traces = list(_traces(connection_id))
    if not traces:
        return None
    url, trace = max(traces, key=lambda each: each[1].last)
    why = "its file has mistakes" if _has_file(connection_id) else "not configured"
    return Remembered(connection_id, f"{connection_id} ({why})", url, trace.imported)


def _has_file(connection_id: str) -> bool:
    return connection_id in registry.read_all().files


def _traces(connection_id: str) -> Iterator[tuple[str, Trace]]:
    for tenant in registry.read_all().tenants.values():
        url = find_secret(tenant.store_secret)
        try:
            trace = trace_of(url, connection_id) if url else None
        except ExchangeError:
            # A store that is away says nothing of a connection that may be another's.
            continue
        if url and trace:
            yield url, trace
