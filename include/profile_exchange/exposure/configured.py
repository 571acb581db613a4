"""The hosted tenants and their connections as their files say now.

A file is read again when it changes, so that what is taken out of a grant is out from the next
request on. What a broken file meant to say is unknown, so it grants nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from profile_exchange.config.registry import files, read_connection, read_tenant
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.tenant import Tenant

log = logging.getLogger(__name__)

Found = TypeVar("Found")
#: Tells two versions of a file apart: time and size, and its inode for one moved into place.
Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Found]):
    version: Version
    found: Found | None


class _Folder(Generic[Found]):
    """A folder of YAML files, each read once for every version of it."""

    def __init__(self, folder: Path, read: Callable[[Path], Found]) -> None:
        self._folder = folder
        self._read = read
        self._readings: dict[Path, _Reading[Found]] = {}

    def all(self) -> list[Found]:
        found = (self._at(path) for path in files(self._folder))
        return [one for one in found if one is not None]

    def one(self, name: str) -> Found | None:
        paths = (self._folder / f"{name}{suffix}" for suffix in (".yaml", ".yml"))
        return next((found for found in map(self._at, paths) if found is not None), None)

    def _at(self, path: Path) -> Found | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            self._readings.pop(path, None)
            return None
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._readings.get(path)
        if known is None or known.version != version:
            known = self._readings[path] = _Reading(version, self._sound(path))
        return known.found

    def _sound(self, path: Path) -> Found | None:
        try:
            return self._read(path)
        except ConfigurationError as error:
            log.warning("%s", error)
            return None


class Configured:
    """What is configured, as of each call."""

    def __init__(self, tenants_dir: Path, connections_dir: Path) -> None:
        self._tenants = _Folder(tenants_dir, read_tenant)
        self._connections = _Folder(connections_dir, read_connection)

    def tenant(self, host: str) -> Tenant | None:
        """The tenant of a host name."""
        wanted = host.lower().rstrip(".")
        return next((tenant for tenant in self._tenants.all() if tenant.host == wanted), None)

    def answering(self, connection_id: str, tenant: Tenant) -> Connection | None:
        """The connection of a tenant that answers its partner, if it is switched on."""
        found = self._connections.one(connection_id)
        if found is None or found.tenant != tenant.id:
            return None
        return found if found.enabled and found.answers else None
