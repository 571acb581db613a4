"""Building indexes once, after many rows, instead of growing them row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, MetaData, PrimaryKeyConstraint, Table, inspect
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex


@contextmanager
def built_afterwards(connection: Connection, *tables: Table) -> Iterator[None]:
    """Drop the indexes and primary keys of tables, and build them again at the end.

    Locks the tables, against readers too, until the transaction ends; if that fails, or the
    rows contradict a key, nothing of this has happened. No foreign key may point at them.
    """
    keys = [_named_key(connection, table) for table in tables]
    indexes = [index for table in tables for index in table.indexes]
    for key in keys:
        connection.execute(DropConstraint(key))
    for index in indexes:
        connection.execute(DropIndex(index))
    yield
    for key in keys:
        connection.execute(AddConstraint(key))
    for index in indexes:
        connection.execute(CreateIndex(index))


def _named_key(connection: Connection, table: Table) -> PrimaryKeyConstraint:
    """A table's primary key under the name that the database gave it."""
    key = table.to_metadata(MetaData()).primary_key
    key.name = inspect(connection).get_pk_constraint(table.name, table.schema)["name"]
    return key
