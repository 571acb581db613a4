"""Reaching the hosted tenants' profile stores: pools of connections, and statements on them."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor, OperationalError
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from profile_exchange.config.settings import read_secret
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.tenant import Tenant
from profile_exchange.exposure.turns import Room, Share
from profile_exchange.store.database import parse_url
from profile_exchange.tenants.postgres.role_rights import TOO_POWERFUL

#: Connections to one store from one worker: more would only queue in the database instead.
POOL_SIZE = 8
#: How many of them one tenant's connection has at most, whatever it asks: others find one.
SHARE = 4
#: How many of them are kept for tenants' connections that have nothing at work: a few that are busy
#: would have them all, for as long as a statement may take.
KEPT = 2
#: Connections for who asks to be let in. Nothing on them takes long, so that nobody who is busy
#: keeps anybody out.
FRONT_SIZE = 2
POOL_TIMEOUT = 5.0
#: As long as a request may take that writes. Whoever reads has gone by then, or will soon.
STATEMENT_SECONDS = 45
FRONT_TIMEOUT = "10s"
#: A page that is large, or late in the ids, looks to the planner as if reading what is left and
#: sorting it were cheaper than walking the ids; it is not, and it grows with the store.
OPTIONS = f"-c statement_timeout={STATEMENT_SECONDS}s -c enable_sort=off"
FRONT_OPTIONS = f"-c statement_timeout={FRONT_TIMEOUT}"

Row = tuple[Any, ...]
Database = AsyncConnection[Row]
#: Numbered parameters go to PostgreSQL as they are, and need no reading of every statement.
_dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Statement:
    """A compiled statement: its parameters in order, and the values that some have already."""

    sql: bytes
    parameters: Sequence[str]
    bound: Mapping[str, Any]

    async def rows(self, database: Database, **values: Any) -> Sequence[Row]:
        """Run it with values for what it leaves open, and return every row.

        Text and json come as Python values, ``bytea`` as bytes.
        """
        return await _fetched(await self._sent(database, values))

    async def row(self, database: Database, **values: Any) -> Row | None:
        """Run it and return its first row, if it has any."""
        rows = await self.rows(database, **values)
        return rows[0] if rows else None

    async def _sent(self, database: Database, values: Mapping[str, Any]) -> AsyncRawCursor[Row]:
        known = {**self.bound, **values}
        cursor = AsyncRawCursor(database)
        await cursor.execute(self.sql, [known[name] for name in self.parameters], binary=True)
        return cursor


async def together(
    database: Database, *calls: tuple[Statement, Mapping[str, Any]]
) -> list[Sequence[Row]]:
    """The rows of several statements that do not need each other, for one round trip."""
    async with database.pipeline():
        cursors = [await statement._sent(database, values) for statement, values in calls]
    return [await _fetched(cursor) for cursor in cursors]


async def _fetched(cursor: AsyncRawCursor[Row]) -> Sequence[Row]:
    return await cursor.fetchall() if cursor.description else []


def compiled(statement: ClauseElement) -> Statement:
    """A SQLAlchemy statement for psycopg. What it leaves open has to be bound by every call."""
    done = _dialect.statement_compiler(_dialect, statement)
    left_open = {name for bind, name in done.bind_names.items() if bind.required}
    bound = {name: value for name, value in done.params.items() if name not in left_open}
    return Statement(str(done).encode(), done.positiontup or (), bound)


@dataclass(frozen=True, slots=True)
class _PoolOf:
    """A pool of connections that is wanted: to which database, how many, and with what options."""

    url: str
    size: int
    options: str


class Stores:
    """Pools of connections for each profile store, opened when they are first needed."""

    def __init__(self, secrets_dir: Path) -> None:
        self._secrets_dir = secrets_dir
        self._pools: dict[_PoolOf, AsyncConnectionPool[Database]] = {}
        self._shares: dict[tuple[str, str], Share] = {}
        self._rooms: dict[str, Room] = {}

    def url(self, tenant: Tenant) -> str:
        """The URL of a tenant's store for the API's own role, as its secret says now."""
        return read_secret(tenant.exposure_secret, self._secrets_dir)

    def writing_url(self, tenant: Tenant) -> str:
        """The URL of a tenant's store for the role that writes, as its secret says now."""
        return read_secret(tenant.writing_secret, self._secrets_dir)

    def front(self, tenant: Tenant) -> AbstractAsyncContextManager[Database]:
        """A connection to find out on who asks, which nobody keeps. Every statement on it is a
        transaction."""
        return self._connection(_PoolOf(self.url(tenant), FRONT_SIZE, FRONT_OPTIONS))

    def connection(
        self, tenant: Tenant, connection_id: str
    ) -> AbstractAsyncContextManager[Database]:
        """A connection to a tenant's store, out of the share of the connection that asks.

        Every statement on it is a transaction.
        """
        return self._shared(self.url(tenant), connection_id)

    def reading_back(
        self, tenant: Tenant, connection_id: str
    ) -> AbstractAsyncContextManager[Database]:
        """The same for the role that writes, which sees what it has written."""
        return self._shared(self.writing_url(tenant), connection_id)

    def turn(
        self, url: str, connection_id: str, patience: float = POOL_TIMEOUT
    ) -> AbstractAsyncContextManager[None]:
        """Waits until there is room in a connection's share of a store. Refuses who waits long."""
        return self._shares.setdefault((url, connection_id), Share(SHARE)).turn(patience)

    @asynccontextmanager
    async def _shared(self, url: str, connection_id: str) -> AsyncIterator[Database]:
        room = self._rooms.setdefault(url, Room(POOL_SIZE, KEPT))
        async with (
            self.turn(url, connection_id),
            room.place(connection_id, POOL_TIMEOUT),
            self._connection(_PoolOf(url, POOL_SIZE, OPTIONS)) as database,
        ):
            yield database

    @asynccontextmanager
    async def _connection(self, wanted: _PoolOf) -> AsyncIterator[Database]:
        pool = await self._pool(wanted)
        async with pool.connection() as database:
            yield database

    async def close(self) -> None:
        """Let go of every connection."""
        for pool in self._pools.values():
            await pool.close()

    async def _pool(self, wanted: _PoolOf) -> AsyncConnectionPool[Database]:
        pool = self._pools.get(wanted)
        if pool is None:
            made = await _opened(wanted)
            pool = self._pools.setdefault(wanted, made)
            if pool is not made:
                await made.close()
        return pool


async def _opened(wanted: _PoolOf) -> AsyncConnectionPool[Database]:
    """A pool that has been tried out."""
    pool = _pool(wanted)
    try:
        await pool.open()
        async with pool.connection() as database:
            await _refuse_power(database)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _refuse_power(database: Database) -> None:
    """Raise `ConfigurationError` for a user whom PostgreSQL would let do more than the API may."""
    found = await (await database.execute(TOO_POWERFUL)).fetchone()
    if found is None or found[0]:
        raise ConfigurationError(
            "The exposure API's database user owns the profile store, or may do as much: give it "
            "a user of its own, and let `exchange migrate` grant what it needs."
        )


async def _check_open(database: Database) -> None:
    """Refuse a connection that the database has ended. Asking it would cost a round trip a
    request; but nobody has asked anything, so whatever there is to read is a farewell."""
    waiting = select.poll()
    waiting.register(database.fileno(), select.POLLIN)
    if waiting.poll(0):
        # The pool takes back what is not closed.
        await database.close()
        raise OperationalError("the database has ended the connection")


def _pool(wanted: _PoolOf) -> AsyncConnectionPool[Database]:
    plain = parse_url(wanted.url).set(drivername="postgresql").render_as_string(hide_password=False)
    return AsyncConnectionPool(
        plain,
        open=False,
        min_size=1,
        max_size=wanted.size,
        timeout=POOL_TIMEOUT,
        check=_check_open,
        kwargs={
            "autocommit": True,
            # A generic plan knows neither where the page starts nor how long it is.
            "prepare_threshold": None,
            "application_name": "profile-exchange-exposure",
            "options": wanted.options,
        },
    )
