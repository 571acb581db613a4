"""The role with which the exposure API reaches a tenant's store, and all that it may do there.

PostgreSQL enforces this, whatever the API asks for: it sees profiles that visited a channel, and
no run, no quarantine and no staging table; it changes nothing; what it writes, it appends.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection as Database
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.properties import VISITED_CHANNEL
from profile_exchange.store import tables
from profile_exchange.store.database import connect, engine_for, parse_url, store_errors

#: What the key is for with which the API seals its cursors.
CURSOR_KEY = "cursor"
KEY_BYTES = 32
#: The direction in ``exchange.exchanged_profile`` of what the API lets out.
SENT = "sent"
POLICY = "exposure"


def _all(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _given(table: Table) -> tuple[str, ...]:
    """The columns that a new row is given: all but the one that numbers it."""
    return tuple(column.name for column in table.columns if column.identity is None)


#: Columns that the role may read.
READ: Mapping[Table, Sequence[str]] = {
    tables.profile: _all(tables.profile),
    tables.profile_property: _all(tables.profile_property),
    tables.segment: _all(tables.segment),
    tables.objective: _all(tables.objective),
    tables.credential: _all(tables.credential),
    tables.access_token: ("digest", "client_id", "connection", "expires_at"),
    tables.exchanged_profile: ("connection", "direction", "profile_id"),
    tables.signing_key: ("purpose", "key"),
    tables.sign_in: ("client_id", "outcome", "address"),
}
#: Columns that the role may fill in new rows.
APPEND: Mapping[Table, Sequence[str]] = {
    tables.access_token: _all(tables.access_token),
    tables.exchanged_profile: _all(tables.exchanged_profile),
    tables.disclosure: _given(tables.disclosure),
    tables.sign_in: _given(tables.sign_in),
}
#: Tables whose rows the role may delete: ending a token takes nothing from anybody.
DELETE: Sequence[Table] = (tables.access_token,)
#: Rows beyond which the role neither sees nor writes; of the other tables it sees all. Whoever has
#: no such property has null here, which lets nobody in; a coalesce around it would let the planner
#: believe that half of the rows are gone, and sort what is left instead of walking along the ids.
ROWS: Mapping[Table, sql.Composable] = {
    tables.profile: sql.SQL("properties -> {} <> '[]'::jsonb").format(sql.Literal(VISITED_CHANNEL)),
    tables.exchanged_profile: sql.SQL("direction = {}").format(sql.Literal(SENT)),
}


def open_to_exposure(url: str, exposure_url: str, *, now: datetime) -> None:
    """Give the user of ``exposure_url`` exactly the rights that the exposure API needs of a store.

    ``url`` is the store's, whose user owns it. The other user has to exist
    (`databases.create_role`); rights that it had before and that are not needed are taken away.
    Safe to repeat, and while the API runs.

    Raises `ConfigurationError` when both URLs have the same user.
    """
    owner, role = parse_url(url).username, parse_url(exposure_url).username
    if not role or role == owner:
        raise ConfigurationError(
            "The exposure API needs a database user of its own, not the one that owns the "
            "profile store: write another user into its secret."
        )
    with store_errors(url), connect(url) as database:
        _grant(database, sql.Identifier(role))
        _guard_rows(database, role)
    with store_errors(url), engine_for(url).begin() as store:
        _make_signing_key(store, now)


def _grant(database: psycopg.Connection[Any], role: sql.Identifier) -> None:
    name = sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("revoke all on database {} from public").format(name))
    database.execute(sql.SQL("grant connect on database {} to {}").format(name, role))
    database.execute(sql.SQL("grant usage on schema tenant, exchange to {}").format(role))
    for table in tables.metadata.sorted_tables:
        revoke = sql.SQL("revoke all on table {} from {}")
        database.execute(revoke.format(_named(table), role))
    for verb, rights in (("select", READ), ("insert", APPEND)):
        for table, columns in rights.items():
            grant = sql.SQL("grant {} ({}) on table {} to {}")
            listed = sql.SQL(", ").join(map(sql.Identifier, columns))
            database.execute(grant.format(sql.SQL(verb), listed, _named(table), role))
    for table in DELETE:
        database.execute(sql.SQL("grant delete on table {} to {}").format(_named(table), role))


def _guard_rows(database: psycopg.Connection[Any], role: str) -> None:
    """Make the policies that are not there: making one waits for whoever uses the table."""
    for table, rows in ROWS.items():
        known = database.execute(
            "select roles from pg_policies"
            " where schemaname = %s and tablename = %s and policyname = %s",
            [table.schema, table.name, POLICY],
        ).fetchone()
        if known is not None and known[0] == [role]:
            continue
        named = {"policy": sql.Identifier(POLICY), "table": _named(table)}
        database.execute(sql.SQL("drop policy if exists {policy} on {table}").format(**named))
        create = sql.SQL(
            "create policy {policy} on {table} as restrictive to {role} using ({rows})"
        )
        database.execute(create.format(**named, role=sql.Identifier(role), rows=rows))


def _named(table: Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)


def _make_signing_key(store: Database, now: datetime) -> None:
    """Make the key that seals the cursors; one that is there stays."""
    made = insert(tables.signing_key).values(
        purpose=CURSOR_KEY, key=secrets.token_bytes(KEY_BYTES), made_at=now
    )
    store.execute(made.on_conflict_do_nothing())
