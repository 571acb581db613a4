"""Reaching a tenant's database: engines, connections, and its migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    create_engine,
    make_url,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from profile_exchange.domain.errors import (
    ConfigurationError,
    StoreKeepsOut,
    StoreRefused,
    StoreTooSlow,
    StoreUnavailable,
)

#: PostgreSQL's codes for "somebody else was first, try again".
LOST_RACES = frozenset({"40001", "40P01"})

#: What PostgreSQL says to whom it does not let in: while connecting, psycopg knows no code of it.
#: Where the server speaks another language, it counts as one that does not answer.
_KEPT_OUT = re.compile(
    r'authentication failed|no password supplied|role ".*" does not exist|'
    r'database ".*" does not exist|no pg_hba\.conf entry|is not permitted to log in|'
    r"permission denied for database"
)

MIGRATIONS = Path(__file__).with_name("migrations")


def parse_url(url: str) -> URL:
    """The URL of a tenant's database for SQLAlchemy's psycopg dialect.

    Accepts ``postgresql://`` and ``postgres://``; an unreadable URL is never repeated in the
    error, because it holds a password.
    """
    try:
        parsed = make_url(url)
    except Exception:
        raise ConfigurationError(
            "A profile store's URL cannot be read: "
            "write postgresql://user:password@host:port/database in its secret."
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"A profile store's URL starts with {parsed.drivername}://: only PostgreSQL serves."
        )
    return parsed.set(drivername="postgresql+psycopg")


def address(url: str) -> str:
    """``host:port/database`` of a URL, for messages: no user, no password."""
    parsed = parse_url(url)
    return f"{parsed.host or 'localhost'}:{parsed.port or 5432}/{parsed.database}"


@lru_cache(maxsize=32)
def engine_for(url: str) -> Engine:
    """The SQLAlchemy engine of a database; one per URL and process."""
    return create_engine(
        parse_url(url),
        pool_pre_ping=True,
        # A database error must not repeat the values of the statement that failed.
        hide_parameters=True,
        connect_args={"application_name": "profile-exchange", "connect_timeout": 10},
    )


def bounded(url: str, seconds: float) -> str:
    """The same database, where no statement may take longer: for what a person waits for."""
    limit = f"-c statement_timeout={int(seconds * 1000)}"
    limited = parse_url(url).update_query_dict({"options": limit})
    return limited.render_as_string(hide_password=False)


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Turn database errors into ours: `StoreUnavailable` when it is away, `StoreKeepsOut` when it
    does not let us in, else `StoreRefused`.

    They name the server's address and the kind of error, never the values of a statement.
    """
    try:
        yield
    except PoolTimeout:
        raise StoreUnavailable(
            f"Every connection of this process to the profile store at {address(url)} is in use: "
            "try again later, or ask it for less at once."
        ) from None
    except (DBAPIError, psycopg.Error) as error:
        raise _told(error, url) from None


def _told(error: DBAPIError | psycopg.Error, url: str) -> Exception:
    """A database error without its detail, which quotes values.

    Lost races stay what they are: whoever retries a transaction has to see them.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None)
    if state in LOST_RACES:
        return error
    if isinstance(original, psycopg.errors.QueryCanceled):
        return StoreTooSlow(
            f"The profile store at {address(url)} broke a statement off because it took too long: "
            "try again when less is going on there."
        )
    is_too_much = isinstance(original, psycopg.errors.ProgramLimitExceeded)
    if state is None and _KEPT_OUT.search(str(original)):
        return StoreKeepsOut(
            f"The profile store at {address(url)} answers, and does not accept the user, the "
            "password or the database: correct the URL in the tenant's secret."
        )
    if isinstance(original, psycopg.OperationalError) and not is_too_much:
        return StoreUnavailable(
            f"The profile store at {address(url)} does not answer ({_kind(error)}): "
            "start it, or correct the URL in the tenant's secret."
        )
    return StoreRefused(
        f"The profile store at {address(url)} refused a statement "
        f"({_kind(error)}, SQLSTATE {state}): report this with the task's log."
    )


def _kind(error: Exception) -> str:
    original = error.orig if isinstance(error, DBAPIError) else error
    return type(original).__name__


def rows_written(database: Connection, statement: Executable) -> int:
    """Execute a statement and return how many rows it wrote, inserted ones included."""
    counted = statement.execution_options(preserve_rowcount=True)
    return cast(CursorResult[Any], database.execute(counted)).rowcount


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    """A psycopg connection, for COPY. The caller closes it."""
    plain = parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with store_errors(url):
        return psycopg.connect(plain, application_name="profile-exchange", **options)


def schema_version(url: str) -> tuple[str | None, str | None]:
    """The version of a tenant's database, None where there is no schema yet, and the newest."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with store_errors(url), engine_for(url).connect() as connection:
        table = {"version_table": "schema_version", "version_table_schema": "exchange"}
        current = MigrationContext.configure(connection, opts=table).get_current_revision()
    return current, ScriptDirectory(str(MIGRATIONS)).get_current_head()


def migrate(url: str) -> None:
    """Bring a tenant's database to the newest schema. Safe to repeat and to race."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store_errors(url), engine_for(url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
