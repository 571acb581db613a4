"""Connections whose quarantine a command looks into, whether or not they still have a file."""

from __future__ import annotations

from profile_exchange.cli.configured import importing
from profile_exchange.tenants.postgres.remembered import Remembered, remembered


def remembered_import(connection_id: str) -> Remembered:
    """As `remembered`. Raises `ConfigurationError` for a connection that only exposes."""
    found = remembered(connection_id)
    if not found.imports:
        importing(connection_id)
    return found
