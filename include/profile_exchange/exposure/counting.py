"""Counting profiles: no index knows how many there are, so every one of them is read.

One connection has one count under way at a time, and none for long: what cannot be counted in
time is not told, which is better than an answer that never comes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from psycopg.errors import QueryCanceled
from sqlalchemy import Text, bindparam, func, select

from profile_exchange.domain.connection import Connection
from profile_exchange.exposure.stores import Database, Row, Statement, compiled

log = logging.getLogger(__name__)

#: What takes longer than this is not told.
SECONDS = 10
#: The same as PostgreSQL writes it.
PATIENCE = f"{SECONDS}s"
#: How long one count waits for another of the same connection.
WAIT_SECONDS = 5.0

_UP_TO = compiled(
    select(func.set_config("statement_timeout", bindparam("patience", type_=Text), True))
)


class Counting:
    """The counts of one worker."""

    def __init__(self) -> None:
        self._turns: dict[str, asyncio.Lock] = {}

    async def row(
        self,
        database: Database,
        connection: Connection,
        what: str,
        statement: Statement,
        **values: Any,
    ) -> Row | None:
        """The row of a statement that counts ``what``; None if it does not come in time."""
        turn = self._turns.setdefault(connection.id, asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn.acquire()
        except TimeoutError:
            return None
        try:
            async with database.transaction():
                await _UP_TO.row(database, patience=PATIENCE)
                return await statement.row(database, **values)
        except QueryCanceled:
            log.warning(
                "Connection %s: counting %s took longer than %s, and was given up.",
                connection.id,
                what,
                PATIENCE,
            )
            return None
        finally:
            turn.release()
