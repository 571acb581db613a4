"""Giving a database user exactly the rights that it needs of a store, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Table

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.store import tables
from profile_exchange.store.database import parse_url

#: Columns of tables.
Columns = Mapping[Table, Sequence[str]]
#: Conditions on the rows of tables.
Rows = Mapping[Table, sql.Composable]

#: Whether the user who asks could read or change more than roles with `Rights` may.
TOO_POWERFUL = """
    select r.rolsuper or r.rolbypassrls or r.rolcreaterole
        or pg_has_role(current_user, c.relowner, 'member')
    from pg_roles r, pg_class c
    where r.rolname = current_user and c.oid = to_regclass('tenant.profile')
"""


def columns_of(table: Table) -> tuple[str, ...]:
    """All columns of a table."""
    return tuple(column.name for column in table.columns)


def given_columns_of(table: Table) -> tuple[str, ...]:
    """The columns that a new row is given: all but the one that numbers it."""
    return tuple(column.name for column in table.columns if column.identity is None)


@dataclass(frozen=True)
class Rights:
    """What a role may do: read, fill in new rows, change rows, and delete them."""

    read: Columns = field(default_factory=dict)
    append: Columns = field(default_factory=dict)
    change: Columns = field(default_factory=dict)
    delete: Sequence[Table] = ()

    @property
    def by_column(self) -> Mapping[str, Columns]:
        """The rights that are given column by column, by PostgreSQL's word for each."""
        return {"select": self.read, "insert": self.append, "update": self.change}


def role_of(url: str, own_url: str, purpose: str) -> str:
    """The user of ``own_url``. Raises `ConfigurationError` when it owns the store of ``url``."""
    owner, role = parse_url(url).username, parse_url(own_url).username
    if not role or role == owner:
        raise ConfigurationError(
            f"{purpose} needs a database user of its own, not the one that owns the "
            "profile store: write another user into its secret."
        )
    return role


def grant(database: psycopg.Connection[Any], role: str, rights: Rights) -> None:
    """Give a role these rights, and take away whatever else it had. Safe to repeat."""
    user, name = sql.Identifier(role), sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("revoke all on database {} from public").format(name))
    database.execute(sql.SQL("grant connect on database {} to {}").format(name, user))
    database.execute(sql.SQL("grant usage on schema tenant, exchange to {}").format(user))
    _revoke(database, user)
    for verb, tables_of_it in rights.by_column.items():
        for table, columns in tables_of_it.items():
            statement = sql.SQL("grant {} ({}) on table {} to {}")
            listed = sql.SQL(", ").join(map(sql.Identifier, columns))
            database.execute(statement.format(sql.SQL(verb), listed, named(table), user))
    for table in rights.delete:
        database.execute(sql.SQL("grant delete on table {} to {}").format(named(table), user))


def guard_rows(database: psycopg.Connection[Any], role: str, policy: str, rows: Rows) -> None:
    """Let a role neither see nor write other rows than these, by policies of one name.

    Those that are there stay: making one waits for whoever uses the table.
    """
    for table, those in rows.items():
        known = database.execute(
            "select roles from pg_policies"
            " where schemaname = %s and tablename = %s and policyname = %s",
            [table.schema, table.name, policy],
        ).fetchone()
        if known is not None and known[0] == [role]:
            continue
        names = {"policy": sql.Identifier(policy), "table": named(table)}
        database.execute(sql.SQL("drop policy if exists {policy} on {table}").format(**names))
        create = sql.SQL(
            "create policy {policy} on {table} as restrictive to {role} using ({rows})"
        )
        database.execute(create.format(**names, role=sql.Identifier(role), rows=those))


def missing_rights(database: psycopg.Connection[Any], rights: Rights) -> list[str]:
    """What the user who asks may not do of what it needs: ``select exchange.credential``.

    Raises psycopg's errors where the schema is not what the rights are about.
    """
    wanted = [
        (verb, f"{table.schema}.{table.name}", column)
        for verb, columns_by_table in rights.by_column.items()
        for table, columns in columns_by_table.items()
        for column in columns
    ]
    verbs, tables_of_it, columns = (list(each) for each in zip(*wanted, strict=True))
    query = (
        "select distinct verb, name"
        " from unnest(%s::text[], %s::text[], %s::text[]) as wanted (verb, name, its_column)"
        " where not has_column_privilege(name, its_column, verb)"
    )
    found = database.execute(query, [verbs, tables_of_it, columns]).fetchall()
    return sorted(f"{verb} {name}" for verb, name in found)


def take_away(database: psycopg.Connection[Any], role: str) -> None:
    """Leave a role no right in this database. Safe to repeat."""
    user, name = sql.Identifier(role), sql.Identifier(database.info.dbname)
    _revoke(database, user)
    database.execute(sql.SQL("revoke usage on schema tenant, exchange from {}").format(user))
    database.execute(sql.SQL("revoke all on database {} from {}").format(name, user))


def named(table: Table) -> sql.Identifier:
    """A table's name in a statement."""
    return sql.Identifier(str(table.schema), table.name)


def _revoke(database: psycopg.Connection[Any], user: sql.Identifier) -> None:
    every_table = sql.SQL(", ").join(map(named, tables.metadata.sorted_tables))
    database.execute(sql.SQL("revoke all on table {} from {}").format(every_table, user))
