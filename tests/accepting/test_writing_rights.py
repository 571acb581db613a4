"""What PostgreSQL itself lets the role do that writes what partners send; and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.scopes import Scope
from profile_exchange.store.database import connect
from profile_exchange.tenants.postgres.writing_role import (
    RIGHTS,
    close_to_writing,
    open_to_writing,
)
from tests.accepting.conftest import ACCEPT, Writer, entry, rule
from tests.exposure.conftest import Installation, exposure_url, writing_url
from tests.exposure.test_database_rights import TABLES, refused


@pytest.fixture
def intruder(writer: Writer) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who has the writing role's database connection in hand."""
    with connect(writing_url(writer.installation.store), autocommit=True) as database:
        yield database


@pytest.mark.parametrize("name", TABLES)
def test_a_table_may_be_used_as_writing_needs_it_and_not_otherwise(
    name: str, intruder: psycopg.Connection[Any]
) -> None:
    table = TABLES[name]
    may = {verb: set(columns.get(table, ())) for verb, columns in RIGHTS.by_column.items()}
    for column in (column.name for column in table.columns):
        for verb, columns in may.items():
            holds = "select has_column_privilege(current_user, %s, %s, %s)"
            found = intruder.execute(holds.encode(), [name, column, verb]).fetchone()
            assert found == (column in columns,), (verb, column)
    assert refused(intruder, f"select * from {name} limit 0") == (
        may["select"] != {column.name for column in table.columns}
    )
    assert refused(intruder, f"delete from {name} where {table.columns.keys()[0]} is null")
    assert refused(intruder, f"truncate {name}")
    assert refused(intruder, f"drop table {name}")


def test_it_changes_properties_and_neither_consent_nor_whose_a_profile_is() -> None:
    changed = {table.fullname: columns for table, columns in RIGHTS.change.items()}
    assert changed == {
        "tenant.profile": ("properties", "modified_at"),
        "exchange.claim": ("run_seq", "claimed_at"),
    }
    assert RIGHTS.delete == ()
    assert {table.name for table in RIGHTS.read} == {
        *("profile", "profile_identifier", "profile_property", "segment", "objective", "claim"),
        *("run", "exposure_check"),
    }
    assert {table.name for table in RIGHTS.append} == {
        *("profile", "profile_identifier", "profile_property", "claim", "submission"),
        "exchanged_profile",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "create table tenant.mine (id int)",
        "create temporary table mine (id int)",
        "create role mine",
        "drop policy exposure on tenant.profile",
        "copy (select 1) to '/tmp/mine'",
        "set session_replication_role = replica",
        "insert into tenant.profile_property (id, name, indexed) values ('mine', 'Mine', true)",
        "select * from exchange.credential",
        "select * from exchange.submission",
    ],
)
def test_it_makes_nothing_and_reads_no_credential(
    statement: str, intruder: psycopg.Connection[Any]
) -> None:
    assert refused(intruder, statement)


def test_the_reading_role_cannot_write_what_the_api_writes(
    writer: Writer, installation: Installation
) -> None:
    """Given the reading role's URL as its own, the API that accepts entries writes nothing."""
    jane = installation.add(email=["jane@example.org"], section=["Sports"])
    secret = installation.exposure_secret
    secret.with_name(secret.name.replace("-exposure", "-writing")).write_text(
        exposure_url(installation.store)
    )
    answer = writer.put(entry(rule("section", "Travel")))
    assert answer.status_code == 500
    assert installation.stored(jane)["section"] == ["Sports"]


def test_a_reading_credential_writes_nothing_and_a_writing_one_reads_nothing(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(email=["jane@example.org"], section=["Sports"])
    for path in ("/segments", "/segments/everybody/profiles"):
        assert writer.api.get(path).status_code == 401, path
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    answer = writer.put(entry(rule("section", "Travel")))
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
    assert installation.stored(jane)["section"] == ["Sports"]
    assert writer.api.ids() == [jane]
    assert installation.submissions() == []


def test_without_an_accept_goal_a_writing_credential_is_good_for_nothing(
    writer: Writer, installation: Installation
) -> None:
    installation.connect()
    assert writer.put(entry(rule("section", "Travel"))).status_code == 403


def test_a_connection_that_only_accepts_answers_too(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["jane@example.org"])
    installation.connect(expose=None, accept=ACCEPT)
    assert writer.states(entry(rule("section", "Travel"))) == ["MODIFIED"]


def test_a_role_with_more_rights_does_not_write(
    writer: Writer, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    secret = installation.exposure_secret
    secret.with_name(secret.name.replace("-exposure", "-writing")).write_text(installation.store)
    assert writer.put(entry(rule("section", "Travel"))).status_code == 500
    assert "give it a user of its own" in caplog.text


def test_where_nothing_is_accepted_any_more_the_role_has_no_rights(
    writer: Writer, installation: Installation, intruder: psycopg.Connection[Any]
) -> None:
    own = writing_url(installation.store)
    for _ in range(2):
        close_to_writing(installation.store, own)
    assert refused(intruder, "select * from tenant.profile limit 0")
    assert refused(intruder, "insert into tenant.profile default values")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(own)
    open_to_writing(installation.store, own)
    assert not refused(intruder, "select * from tenant.profile limit 0")


def test_closing_what_was_never_open_is_nothing(installation: Installation) -> None:
    nobody = make_url(installation.store).set(username="nobody_here")
    close_to_writing(installation.store, nobody.render_as_string(hide_password=False))


def test_the_owner_of_a_store_cannot_be_the_writing_role(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="a database user of its own"):
        open_to_writing(installation.store, installation.store)
