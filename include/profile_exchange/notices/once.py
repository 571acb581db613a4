"""Telling once: what was told of a run is on record beside what the run did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.notifications import Notice
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import notification


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that is told of one run. ``way`` is how: by mail, or by which notifier."""

    connection: str
    run_id: str
    notice: Notice
    way: str


@contextmanager
def once(url: str, telling: Telling, now: datetime) -> Iterator[bool]:
    """Whether this is still to be told; on record as told when the context ends well.

    Whoever is about to tell the same meanwhile waits for this context to end, and tells it if
    this one came to nothing.
    """
    row = insert(notification).values(
        connection=telling.connection,
        run_id=telling.run_id,
        notice=telling.notice.value,
        way=telling.way,
        sent_at=now,
    )
    first = row.on_conflict_do_nothing().returning(notification.c.way)
    with store_errors(url), engine_for(url).begin() as database:
        yield database.execute(first).first() is not None
