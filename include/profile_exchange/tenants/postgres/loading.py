"""Many profiles into a tenant's store at once: COPY, then a few set-based statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, select, text
from sqlalchemy.schema import CreateTable

from profile_exchange.domain.errors import FatalError
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile, profile_identifier
from profile_exchange.tenants.postgres import landing
from profile_exchange.tenants.postgres.indexes import built_afterwards

#: A piece of PostgreSQL COPY text: whole lines, each a profile, with the columns of
#: `landing.landing` in their order. ``properties`` is in the form of the store, without empty
#: lists and derived properties: see `store.tables.profile`.
Block = bytes

#: Told what is being done, and which share of it, between 0 and 1, is done.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What became of the profiles that were loaded."""

    created: int = 0
    replaced: int = 0
    unchanged: int = 0


class ProfileRepeated(FatalError):
    """One id stands in two rows of what was to be loaded. ``row`` is the second one, from 1."""

    def __init__(self, profile_id: UUID, row: int) -> None:
        super().__init__(
            f"Profile {profile_id} stands a second time in row {row}: "
            "keep one row for each profile."
        )
        self.profile_id = profile_id
        self.row = row


class ProfilesUnreadable(FatalError):
    """PostgreSQL cannot read a block of profiles as the columns of the landing table."""


def unwatched(doing: str, share: float) -> None:
    """A `Progress` that nobody sees."""


def load_profiles(
    url: str,
    blocks: Iterable[Block],
    *,
    now: datetime,
    keep_existing: bool = False,
    progress: Progress = unwatched,
) -> LoadCounts:
    """Insert profiles into a tenant's store, or replace those that are there and differ.

    All in one transaction: when ``blocks`` or the database fails, nothing has happened. While
    the profiles are stored, imports into the tenant wait; readers do not. With
    ``keep_existing`` a profile that is there stays as it is, and counts as unchanged.
    ``now`` is when profiles that do not say so were created and modified.

    Raises `ProfileRepeated`, `ProfilesUnreadable`, or `StoreUnavailable`.
    """
    with store_errors(url), engine_for(url).begin() as connection:
        # A million ids to be joined or sorted fit; the server's default would go to disk.
        connection.execute(text("set local work_mem = '192MB'"))
        connection.execute(text("set local maintenance_work_mem = '256MB'"))
        connection.execute(CreateTable(landing.landing))
        connection.execute(CreateTable(landing.written))
        _copy(connection, blocks)
        landed = _landed(connection)
        counts = _store(connection, landed, now, keep_existing, progress)
    progress("storing", 1.0)
    return counts


def _copy(connection: Connection, blocks: Iterable[Block]) -> None:
    raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with raw.cursor() as cursor, cursor.copy("copy landing from stdin") as copy:
            for block in _made_ahead(iter(blocks)):
                copy.write(block)
    except psycopg.DataError as error:
        # The error's own text repeats the line, which holds somebody's data.
        raise ProfilesUnreadable(
            f"PostgreSQL cannot read the profiles to load ({error.sqlstate}): "
            "nothing was loaded; mend what writes the blocks."
        ) from None
    analyze(connection, landing.landing)


def _made_ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same blocks, each made while the server takes in the one before it."""
    with ThreadPoolExecutor(1, "blocks") as maker:
        coming = maker.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = maker.submit(next, blocks, None)
            yield block


def _landed(connection: Connection) -> int:
    landed, distinct = connection.execute(landing.count_landed()).one()
    if landed != distinct:
        raise ProfileRepeated(*connection.execute(landing.repeated_ids()).one())
    return int(landed)


def _store(
    connection: Connection, landed: int, now: datetime, keep_existing: bool, progress: Progress
) -> LoadCounts:
    progress("storing", 0.0)
    # What is compared must still be so when it is written.
    connection.execute(text("lock table tenant.profile in share row exclusive mode"))
    connection.execute(landing.choose(keep_existing=keep_existing))
    analyze(connection, landing.written)
    created, replaced = connection.execute(landing.count_written()).one()
    progress("storing", 0.1)
    if replaced:
        connection.execute(landing.replace(now))
        connection.execute(landing.forget_identifiers())
    with _fitting_indexes(connection):
        connection.execute(landing.create(now))
        progress("storing", 0.4)
        connection.execute(landing.remember_identifiers())
        progress("storing", 0.7)
    if created or replaced:
        analyze(connection, profile)
        analyze(connection, profile_identifier)
    return LoadCounts(created, replaced, landed - created - replaced)


def _fitting_indexes(connection: Connection) -> AbstractContextManager[None]:
    """Indexes are kept up to date, or built afterwards when the store is empty: half the time."""
    stored = select(
        select(profile.c.id).union_all(select(profile_identifier.c.profile_id)).exists()
    )
    if connection.execute(stored).scalar_one():
        return nullcontext()
    return built_afterwards(connection, profile, profile_identifier)
