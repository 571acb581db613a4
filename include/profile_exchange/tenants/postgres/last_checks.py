"""What came of asking the other tenant last, kept in the store of the tenant that asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.checks import Found, LastCheck
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import last_check as table


def note_let_in(url: str, connection_id: str, found: Found, *, now: datetime) -> None:
    """Note that the other tenant let us in, and what it exposes. Safe to repeat."""
    stored = found.as_json()
    _note(url, connection_id, {"authenticated": True, "failure": "", "found": stored, "at": now})


def note_kept_out(url: str, connection_id: str, failure: str, *, now: datetime) -> None:
    """Note that it did not, and why; what it exposed before stays. Safe to repeat."""
    _note(url, connection_id, {"authenticated": False, "failure": failure, "at": now})


def last_check(url: str, connection_id: str) -> LastCheck | None:
    """What came of the last check; None if there was none."""
    query = select(table).where(table.c.connection == connection_id)
    with store_errors(url), engine_for(url).connect() as database:
        row = database.execute(query).one_or_none()
    if row is None:
        return None
    found = Found.from_json(row.found) if row.found else None
    return LastCheck(row.at, row.authenticated, row.failure, found)


def _note(url: str, connection_id: str, said: dict[str, Any]) -> None:
    row = insert(table).values(connection=connection_id, **said)
    with store_errors(url), engine_for(url).begin() as database:
        database.execute(row.on_conflict_do_update(index_elements=["connection"], set_=said))
