"""Making the role and the database that a URL names, on a server where they may not exist yet."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.store.database import connect, parse_url, store_errors


def create_database(administrator: str, url: str) -> bool:
    """Make the role and the database of a URL; return whether the database is new.

    ``administrator`` is the URL of a role that may create both, on the same server. The role
    owns its database and nobody else may connect to it; its password becomes the URL's, so a
    password is changed by changing the URL and repeating this. Safe to repeat.

    Raises `ConfigurationError` when the URL lacks a user, a password or a database.
    """
    wanted = parse_url(url)
    if not (wanted.username and wanted.password and wanted.database):
        raise ConfigurationError(
            "A database can be created only from a URL with user, password and database: "
            "write postgresql://user:password@host:port/database in its secret."
        )
    with store_errors(administrator), connect(administrator, autocommit=True) as server:
        _create_role(server, wanted.username, str(wanted.password))
        return _create_database(server, wanted.database, wanted.username)


def _create_role(server: psycopg.Connection[Any], role: str, password: str) -> None:
    """Make a role, or give it this password; the server, and its log, see a verifier only."""
    verifier = server.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    known = server.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    verb = sql.SQL("alter" if known else "create")
    statement = sql.SQL("{} role {} login password {}")
    server.execute(statement.format(verb, sql.Identifier(role), sql.Literal(verifier)))
    if not known:
        # Only a member may make a database that belongs to the role, unless it is a superuser.
        server.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))


def _create_database(server: psycopg.Connection[Any], name: str, owner: str) -> bool:
    known = server.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
    if known:
        return False
    create = sql.SQL("create database {} owner {}")
    server.execute(create.format(sql.Identifier(name), sql.Identifier(owner)))
    revoke = sql.SQL("revoke all on database {} from public")
    server.execute(revoke.format(sql.Identifier(name)))
    return True
