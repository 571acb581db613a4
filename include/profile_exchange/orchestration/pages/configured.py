"""The configuration as the pages see it: only a file that has changed is read again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from profile_exchange.config import registry
from profile_exchange.config.file_readings import FileReadings, Version, version_of
from profile_exchange.config.registry import Configuration
from profile_exchange.config.settings import find_secret, settings
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.store.database import bounded

#: How long a person waits for one statement at most.
STATEMENT_SECONDS = 5.0

#: A file, and which version of it.
Stamp = tuple[Path, Version]

_readings = FileReadings()


def configuration() -> Configuration:
    """Every connection and tenant, as their files are now."""
    told = settings()
    folders = (told.connections_dir, told.tenants_dir)
    stamps = tuple(stamp for folder in folders for stamp in _stamps(folder))
    return _read(folders, stamps)


@lru_cache(maxsize=1)
def _read(folders: tuple[Path, Path], _: tuple[Stamp, ...]) -> Configuration:
    return registry.read_all(*folders, _readings)


def _stamps(folder: Path) -> Iterator[Stamp]:
    try:
        paths = registry.files(folder)
    except ConfigurationError:
        return
    for path in paths:
        if version := version_of(path):
            yield path, version


def store_url(tenant_id: str, read: Configuration | None = None) -> str | None:
    """The store of a tenant, for statements that a person waits for; None without its secret."""
    tenant = (read or configuration()).tenants.get(tenant_id)
    url = find_secret(tenant.store_secret) if tenant else None
    return bounded(url, STATEMENT_SECONDS) if url else None
