"""``exchange migrate`` on a server that knows none of its databases yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.config.settings import settings
from profile_exchange.domain.errors import ConfigurationError, StoreUnavailable
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.databases import create_database

_numbers = itertools.count(1)


class Server:
    """URLs of databases that do not exist yet, and their end."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self.administrator = postgres.url()
        self._named: list[str] = []

    def url(self, password: str = "long-enough") -> str:  # noqa: S107 (a made-up one)
        name = f"made_{next(_numbers)}"
        self._named.append(name)
        return f"postgresql://{name}:{password}@127.0.0.1:{self.postgres.port}/{name}"

    def clear(self) -> None:
        with psycopg.connect(self.administrator, autocommit=True) as server:
            names = [sql.Identifier(name) for name in self._named]
            for name in names:
                server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            for name in names:
                server.execute(sql.SQL("drop role if exists {}").format(name))


@pytest.fixture
def server(postgres: EmbeddedPostgres) -> Iterator[Server]:
    made = Server(postgres)
    yield made
    engine_for.cache_clear()
    made.clear()


def test_a_database_belongs_to_its_own_role_and_lets_nobody_else_in(server: Server) -> None:
    ours, theirs = server.url(), server.url()
    assert create_database(server.administrator, ours)
    assert create_database(server.administrator, theirs)
    with psycopg.connect(ours) as database:
        database.execute("create schema exchange")
    trespass = theirs.rpartition("/")[0] + "/" + ours.rpartition("/")[2]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(trespass)


def test_creating_again_changes_nothing_but_the_password(server: Server) -> None:
    old = server.url("old-password")
    create_database(server.administrator, old)
    with psycopg.connect(old) as database:
        database.execute("create table kept (id int)")
    new = old.replace("old-password", "new%2Fpassword")
    assert not create_database(server.administrator, new)
    with psycopg.connect(new) as database:
        assert database.execute("select count(*) from kept").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(old)


def test_an_administrator_need_not_be_a_superuser(server: Server) -> None:
    administrator = server.url()
    create_database(server.administrator, administrator)
    name = sql.Identifier(administrator.rpartition("/")[2])
    with psycopg.connect(server.administrator, autocommit=True) as superuser:
        superuser.execute(sql.SQL("alter role {} createrole createdb").format(name))
    url = server.url()
    assert create_database(administrator, url)
    psycopg.connect(url).close()
    with psycopg.connect(server.administrator, autocommit=True) as superuser:
        superuser.execute(
            sql.SQL("drop database {}").format(sql.Identifier(url.rpartition("/")[2]))
        )
        superuser.execute(sql.SQL("drop owned by {}").format(name))


def test_a_password_does_not_reach_the_server(server: Server) -> None:
    url = server.url("never-in-a-log")
    create_database(server.administrator, url)
    with psycopg.connect(server.administrator) as superuser:
        stored = superuser.execute(
            "select rolpassword from pg_authid where rolname = %s", [url.rpartition("/")[2]]
        ).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$4096:")


@pytest.mark.parametrize("missing", ["postgresql://host/db", "postgresql://user:word@host"])
def test_a_url_without_user_or_database_is_refused(server: Server, missing: str) -> None:
    with pytest.raises(ConfigurationError, match="user, password and database"):
        create_database(server.administrator, missing)


def test_a_server_that_is_away_is_said_without_its_password(server: Server) -> None:
    away = server.administrator.replace(f":{server.postgres.port}/", ":1/")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/") as told:
        create_database(away, server.url())
    assert server.postgres.password not in str(told.value)


TENANT = """\
name: Corner Shop
host: corner-shop.example
store: corner-shop-store
properties:
  - {id: email, name: Email address, type: EMAIL, unique_identifier: true, sensitivity: PII}
"""


ACCEPTING = """\
title: Supplier
tenant: corner-shop
partner: {name: Supplier, host: supplier.example}
accept:
  identifiers: [email]
  properties: {loyalty: SET}
"""


@pytest.fixture
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of hosted tenants, and one of secrets beside it, as this process's settings."""
    folders = {name: tmp_path / name for name in ("tenants", "secrets")}
    for name, folder in folders.items():
        folder.mkdir()
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(folder))
    settings.cache_clear()
    yield folders["tenants"]
    settings.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["migrate", *arguments])


def test_migrate_makes_and_describes_every_tenant_and_is_safe_to_repeat(
    server: Server, tenants: Path
) -> None:
    (tenants / "corner-shop.yaml").write_text(TENANT)
    secrets = tenants.parent / "secrets"
    (secrets / "administrator").write_text(server.administrator)
    (secrets / "airflow-database").write_text(server.url().replace("sql://", "sql+psycopg2://"))
    (secrets / "corner-shop-store").write_text(url := server.url())
    for _ in range(2):
        done = run("--administrator", "administrator", "--create", "airflow-database")
        assert done.exit_code == 0, done.output
    assert "Corner Shop: the profile store is at this version." in done.output
    assert "was created" not in done.output
    with engine_for(url).connect() as database:
        assert database.scalar(text("select id from tenant.profile_property")) == "email"


def test_migrate_gives_the_exposure_apis_user_its_rights_and_no_others(
    server: Server, tenants: Path
) -> None:
    (tenants / "corner-shop.yaml").write_text(TENANT)
    secrets = tenants.parent / "secrets"
    (secrets / "administrator").write_text(server.administrator)
    (secrets / "corner-shop-store").write_text(url := server.url())
    assert "want of the secret corner-shop-store-exposure" in run(
        "--administrator", "administrator"
    ).output.replace("\n", " ")
    own = server.url().rpartition("/")[0] + "/" + url.rpartition("/")[2]
    (secrets / "corner-shop-store-exposure").write_text(own)
    for arguments in (("--administrator", "administrator"), ()):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
    with psycopg.connect(own, autocommit=True) as database:
        assert database.execute("select id from tenant.profile_property").fetchall() == [("email",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute("delete from tenant.profile_property")


def test_migrate_lets_partners_write_where_a_connection_accepts_it(
    server: Server, tenants: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = tenants.parent / "connections"
    connections.mkdir()
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(connections))
    settings.cache_clear()
    (tenants / "corner-shop.yaml").write_text(TENANT)
    (connections / "supplier.yaml").write_text(ACCEPTING)
    secrets = tenants.parent / "secrets"
    (secrets / "administrator").write_text(server.administrator)
    (secrets / "corner-shop-store").write_text(url := server.url())
    want = "partners cannot write, for want of the secret corner-shop-store-writing"
    assert want in run("--administrator", "administrator").output.replace("\n", " ")
    own = server.url().rpartition("/")[0] + "/" + url.rpartition("/")[2]
    (secrets / "corner-shop-store-writing").write_text(own)
    assert run("--administrator", "administrator").exit_code == 0
    with psycopg.connect(own, autocommit=True) as database:
        database.execute("update tenant.profile set modified_at = now()")
    (connections / "supplier.yaml").unlink()
    assert run().exit_code == 0
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(own)


def test_a_broken_file_does_not_keep_the_other_tenants_back(
    server: Server, tenants: Path, store_url: str
) -> None:
    (tenants / "corner-shop.yaml").write_text(TENANT)
    (tenants / "broken.yaml").write_text("name: [")
    (tenants.parent / "secrets" / "corner-shop-store").write_text(store_url)
    done = run()
    assert done.exit_code == 2
    assert "Corner Shop: the profile store is at this version." in done.output
    assert "broken.yaml:2: " in done.output.replace("\n", "")


def test_a_missing_secret_is_one_sentence(tenants: Path) -> None:
    (tenants / "corner-shop.yaml").write_text(TENANT)
    done = run()
    assert done.exit_code == 2
    assert "EXCHANGE_SECRET_CORNER_SHOP_STORE" in done.output
    assert "Traceback" not in done.output


def test_creating_another_database_takes_an_administrator(tenants: Path) -> None:
    done = run("--create", "airflow-database")
    assert done.exit_code == 2
    assert "--administrator" in done.output
