"""What is measured on: two sample tenants on a PostgreSQL server of their own, one served."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg import sql

from profile_exchange.config import registry
from profile_exchange.installation.embedded_postgres import SUPERUSER, EmbeddedPostgres
from profile_exchange.installation.ports import LOOPBACK, any_free_port
from profile_exchange.installation.processes import Command, ManagedProcess, stop
from profile_exchange.sample import load
from profile_exchange.store.database import engine_for, migrate
from profile_exchange.tenants.postgres.credentials import issue
from profile_exchange.tenants.postgres.databases import create_role
from profile_exchange.tenants.postgres.exposure_role import open_to_exposure
from profile_exchange.tenants.postgres.loading import Progress
from profile_exchange.tenants.rest.credentials import TenantCredentials

EXPOSING, IMPORTING = "taylor-times", "harbor-goods"
#: The connection that is measured, and the one with which its partner exposes.
IMPORTS, EXPOSES = "taylor-times", "harbor-goods"
START_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class World:
    """The two tenants; ``credentials`` reach the exposing one over its API."""

    server: EmbeddedPostgres
    credentials: TenantCredentials

    def fresh_store(self, name: str) -> str:
        """The URL of a new copy of the importing tenant's database, in the place of an older one.

        The files are copied behind a checkpoint, so that every contender starts from the same.
        """
        copy, template = sql.Identifier(name), sql.Identifier(IMPORTING)
        url = self.server.url(name)
        engine_for(url).dispose()
        with psycopg.connect(self.server.url(), autocommit=True) as database:
            database.execute(sql.SQL("drop database if exists {} with (force)").format(copy))
            create = sql.SQL("create database {} template {} strategy file_copy")
            database.execute(create.format(copy, template))
        return url

    def wal_position(self) -> int:
        """How many bytes of WAL the server has written in its life."""
        with psycopg.connect(self.server.url()) as database:
            return _one_number(database, "select pg_current_wal_insert_lsn() - '0/0'")


@contextmanager
def made_world(profiles: int, progress: dict[str, Progress]) -> Iterator[World]:
    """Two tenants with ``profiles`` sample profiles each, gone without a trace afterwards.

    ``progress`` has, for each tenant, what is told how far loading it has come.
    """
    with tempfile.TemporaryDirectory(prefix="profile-exchange-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when this runs as root.
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "postgres") as server:
            for tenant in (EXPOSING, IMPORTING):
                _load(server, tenant, profiles, progress[tenant])
            with _served(server, folder) as credentials:
                yield World(server, credentials)


def _load(server: EmbeddedPostgres, tenant: str, profiles: int, progress: Progress) -> None:
    url = server.create_database(tenant)
    migrate(url)
    load(tenant, url, profiles, now=datetime.now(UTC), progress=progress)
    # A template must have no visitors, and both contenders the same statistics.
    engine_for(url).dispose()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("vacuum (freeze, analyze)")


@contextmanager
def _served(server: EmbeddedPostgres, folder: Path) -> Iterator[TenantCredentials]:
    """The exposure API of the exposing tenant, as a process of its own."""
    url = server.url(EXPOSING)
    own = url.replace(server.password, token_urlsafe()).replace(SUPERUSER, f"{EXPOSING}-exposure")
    create_role(url, own)
    open_to_exposure(url, own, now=datetime.now(UTC))
    issued = issue(url, EXPOSES, now=datetime.now(UTC))
    engine_for(url).dispose()
    port = any_free_port()
    api = ManagedProcess(_api(folder, port, own), folder)
    try:
        address = f"http://{LOOPBACK}:{port}"
        _wait_for(api, address)
        host = registry.tenant(EXPOSING).host
        yield TenantCredentials(host, issued.key, issued.secret, address)
    finally:
        stop([api], STOP_SECONDS)


def _api(folder: Path, port: int, store_url: str) -> Command:
    name = registry.tenant(EXPOSING).exposure_secret
    secret = f"EXCHANGE_SECRET_{name.upper().replace('-', '_')}"
    arguments = [
        *(sys.executable, "-m", "uvicorn", "--factory", "profile_exchange.exposure.app:create_app"),
        *("--host", LOOPBACK, "--port", str(port), "--no-access-log", "--log-level", "warning"),
    ]
    return Command("exposure-api", arguments, {**os.environ, secret: store_url}, folder)


def _wait_for(api: ManagedProcess, address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with closing(httpx.Client(base_url=address)) as client:
        while time.monotonic() < deadline:
            api.check()
            with suppress(httpx.TransportError):
                client.get("/healthz")
                return
            time.sleep(0.05)
    raise TimeoutError(f"The exposure API did not answer within {START_SECONDS} s: see {api.log}.")


#: What an import leaves behind in the importing tenant, row by row.
LASTING = (
    ("tenant", "profile"),
    ("tenant", "profile_identifier"),
    ("exchange", "contribution"),
    ("exchange", "exchanged_profile"),
)


def newest_transaction(store_url: str) -> int:
    """The id of a transaction that is newer than everything in a store."""
    with psycopg.connect(store_url) as database:
        return _one_number(database, "select pg_current_xact_id()::text")


def _one_number(database: psycopg.Connection[Any], query: LiteralString) -> int:
    (number,) = database.execute(query).fetchone() or (0,)
    return int(number)


def rows_written_since(store_url: str, transaction: int) -> dict[str, int]:
    """How many rows of each lasting table were written after a transaction."""
    written = {}
    with psycopg.connect(store_url) as database:
        for schema, table in LASTING:
            query = sql.SQL("select count(*) from {} where xmin::text::bigint > %s")
            row = database.execute(query.format(sql.Identifier(schema, table)), [transaction])
            written[table] = int(row.fetchall()[0][0])
    return written
