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
    role, password, database = _wanted(url)
    with store_errors(administrator), connect(administrator, autocommit=True) as server:
        _create_role(server, role, password)
        return _create_database(server, database, role)


def create_role(administrator: str, url: str) -> None:
    """Make the role of a URL, or give it the URL's password; its database is another's.

    Raises `ConfigurationError` when the URL lacks a user, a password or a database.
    """
    role, password, _ = _wanted(url)
    with store_errors(administrator), connect(administrator, autocommit=True) as server:
        _create_role(server, role, password)


def _wanted(url: str) -> tuple[str, str, str]:
    """User, password and database of a URL that has all three."""
    wanted = parse_url(url)
    if not (wanted.username and wanted.password and wanted.database):
        raise ConfigurationError(
            "A database can be created only from a URL with user, password and database: "
            "write postgresql://user:password@host:port/database in its secret."
        )
    return wanted.username, str(wanted.password), wanted.database


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
