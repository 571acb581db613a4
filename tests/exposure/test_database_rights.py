"""What PostgreSQL itself lets the exposure API do, tried with the API's own user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store import tables
from profile_exchange.store.database import connect, engine_for
from profile_exchange.store.staging import staging
from profile_exchange.tenants.postgres.credentials import IssuedCredential
from profile_exchange.tenants.postgres.exposure_role import APPEND, DELETE, READ, open_to_exposure
from tests.exposure.conftest import START, Api, Installation, exposure_url

ANY_ID = UUID(int=7)
TABLES = {table.fullname: table for table in tables.metadata.sorted_tables}


@pytest.fixture
def intruder(installation: Installation) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who has taken over the exposure API and has its database connection in hand."""
    with connect(exposure_url(installation.store), autocommit=True) as database:
        yield database


def refused(database: psycopg.Connection[Any], statement: str, *values: object) -> bool:
    """Whether PostgreSQL says no, and for want of a right rather than for a mistake of ours."""
    try:
        database.execute(statement.encode(), values)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("name", TABLES)
def test_a_table_may_be_used_as_the_api_needs_it_and_not_otherwise(
    name: str, intruder: psycopg.Connection[Any]
) -> None:
    table = TABLES[name]
    may_read, may_append = set(READ.get(table, ())), set(APPEND.get(table, ()))
    for column in (column.name for column in table.columns):
        assert refused(intruder, f"select {column} from {name} limit 0") == (column not in may_read)
        assert refused(intruder, f"update {name} set {column} = default"), column
        holds = "select has_column_privilege(current_user, %s, %s, 'insert')"
        inserts = intruder.execute(holds.encode(), [name, column]).fetchone()
        assert inserts == (column in may_append,), column
    condition = f"{table.columns.keys()[0]} is null"
    assert refused(intruder, f"delete from {name} where {condition}") == (table not in DELETE)
    assert refused(intruder, f"truncate {name}")
    assert refused(intruder, f"alter table {name} disable row level security")
    assert refused(intruder, f"drop table {name}")


def test_what_the_api_changes_is_nothing_and_what_it_deletes_are_tokens() -> None:
    assert [table.fullname for table in DELETE] == ["exchange.access_token"]
    assert {table.name for table in {*READ, *APPEND}} == {
        *("profile", "profile_property", "segment", "objective"),
        *("credential", "access_token", "signing_key", "sign_in"),
        *("exchanged_profile", "disclosure"),
    }


def test_a_profile_that_visited_no_channel_is_not_there_for_it(
    installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    visitor = installation.add(section=["Sports"])
    installation.add(visitedchannel=[])
    installation.change(installation.add(), properties={"section": ["Sports"]})
    seen = intruder.execute("select id from tenant.profile").fetchall()
    assert [str(row[0]) for row in seen] == [visitor]


def test_what_an_import_received_is_neither_seen_nor_made_up(
    installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    insert = (
        "insert into exchange.exchanged_profile (connection, direction, profile_id, first_at)"
        " values ('harbor-goods', %s, %s, now())"
    )
    with connect(installation.store) as owner:
        owner.execute(insert, ["received", ANY_ID])
    query = "select count(*) from exchange.exchanged_profile"
    assert intruder.execute(query).fetchone() == (0,)
    assert refused(intruder, insert, "received", UUID(int=8))
    assert not refused(intruder, insert, "sent", ANY_ID)
    assert intruder.execute(query).fetchone() == (1,)


def test_the_audit_can_be_added_to_and_not_even_read(
    installation: Installation, api: Api, intruder: psycopg.Connection[Any]
) -> None:
    installation.add()
    api.profiles()
    assert len(installation.disclosures()) == 1
    for statement in (
        "select * from exchange.disclosure",
        "update exchange.disclosure set profiles = 0",
        "delete from exchange.disclosure",
        "select * from exchange.sign_in",
        "delete from exchange.sign_in",
    ):
        assert refused(intruder, statement), statement
    assert len(installation.disclosures()) == 1


@pytest.mark.parametrize("table", ["disclosure", "sign_in"])
@pytest.mark.parametrize(
    "change", ["delete from {}", "truncate {}", "update {} set connection = 'another'"]
)
def test_the_audit_is_append_only_for_its_owner_too(
    installation: Installation, table: str, change: str
) -> None:
    statement = sql.SQL(change).format(sql.Identifier("exchange", table))  # type: ignore[arg-type]
    with (
        connect(installation.store) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        owner.execute(statement)


def test_staging_that_comes_later_is_closed_to_it(
    installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    made = staging(7)
    with engine_for(installation.store).begin() as database:
        made.create(database)
    try:
        for table in made.tables:
            assert refused(intruder, f"select * from {table.fullname}"), table.name
    finally:
        with engine_for(installation.store).begin() as database:
            made.drop(database)


@pytest.mark.parametrize(
    "statement",
    [
        "create table tenant.mine (id int)",
        "create table exchange.mine (id int)",
        "create table public.mine (id int)",
        "create temporary table mine (id int)",
        "create schema mine",
        "create role mine",
        "create database mine",
        "create policy mine on tenant.profile using (true)",
        "drop policy exposure on tenant.profile",
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/tmp/mine'",
        "select pg_read_file('postgresql.conf')",
        "select * from pg_authid",
        "alter system set log_statement = 'all'",
        "set session_replication_role = replica",
        "set role profile_exchange",
        "grant select on tenant.profile to public with grant option",
    ],
)
def test_it_makes_nothing_and_becomes_nobody_else(
    statement: str, intruder: psycopg.Connection[Any]
) -> None:
    assert refused(intruder, statement)


def test_what_the_planner_knows_of_values_is_not_told(
    installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    for _ in range(50):
        installation.add(email=["planted@example.org"])
    with connect(installation.store, autocommit=True) as owner:
        owner.execute("analyze tenant.profile")
    query = "select count(*) from pg_stats where tablename = 'profile' and schemaname = 'tenant'"
    assert intruder.execute(query).fetchone() == (0,)


def test_another_tenants_database_does_not_let_it_in(
    installation: Installation, other_store_url: str
) -> None:
    open_other = exposure_url(other_store_url)
    with connect(installation.store, autocommit=True) as server:
        server.execute(
            sql.SQL("create role {} login password 'its-own'").format(
                sql.Identifier(str(make_url(open_other).username))
            )
        )
    open_to_exposure(other_store_url, open_other, now=START)
    trespass = make_url(exposure_url(installation.store)).set(
        database=make_url(other_store_url).database
    )
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(trespass.render_as_string(hide_password=False))


def test_rights_that_are_not_needed_any_more_are_taken_away(
    installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    own = exposure_url(installation.store)
    with connect(installation.store, autocommit=True) as owner:
        role = sql.Identifier(str(make_url(own).username))
        owner.execute(sql.SQL("grant all on exchange.quarantine to {}").format(role))
        owner.execute(sql.SQL("grant update on tenant.profile to {}").format(role))
    assert not refused(intruder, "select * from exchange.quarantine")
    open_to_exposure(installation.store, own, now=START)
    assert refused(intruder, "select * from exchange.quarantine")
    assert refused(intruder, "update tenant.profile set modified_at = now()")


def test_the_owner_of_a_store_cannot_be_the_apis_user(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="a database user of its own"):
        open_to_exposure(installation.store, installation.store, now=START)


def test_the_api_does_not_serve_with_a_user_that_could_do_more(
    installation: Installation,
    stranger: Api,
    issued: IssuedCredential,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = installation.exposure_secret.read_text()
    installation.exposure_secret.write_text(installation.store)
    assert stranger.ask_for_token(issued).status_code == 500
    assert "give it a user of its own" in caplog.text
    installation.exposure_secret.write_text(own)
    assert stranger.ask_for_token(issued).status_code == 200


def test_the_server_of_the_tests_has_more_than_one_user(postgres: EmbeddedPostgres) -> None:
    """Everything above would hold for nobody if the API's user were the superuser."""
    assert make_url(postgres.url()).username != make_url(exposure_url(postgres.url())).username
