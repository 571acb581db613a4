"""Hosted tenants get a store of their own, unless somebody keeps it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from profile_exchange.config import registry
from profile_exchange.domain.tenant import Tenant
from profile_exchange.installation import metadata_database
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.installation.secret_files import SecretFiles
from profile_exchange.installation.stores import fill_nothing, prepare_stores

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def tenant() -> Tenant:
    return registry.tenant("taylor-times")


@pytest.fixture
def dropped(postgres: EmbeddedPostgres) -> Iterator[list[str]]:
    """Databases whose names a test puts here are gone after it."""
    names: list[str] = []
    yield names
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for name in names:
            drop = sql.SQL("drop database if exists {} with (force)")
            connection.execute(drop.format(sql.Identifier(name)))


def test_a_store_is_made_migrated_described_and_filled(
    postgres: EmbeddedPostgres, tenant: Tenant, tmp_path: Path, dropped: list[str]
) -> None:
    dropped.append("taylor_times")
    secrets = SecretFiles(tmp_path)
    filled: list[tuple[str, str]] = []
    for _ in ("first start", "second start"):
        prepare_stores(postgres, secrets, [tenant], fill=lambda *told: filled.append(told), now=NOW)
    url = secrets.read(tenant.store_secret)
    assert url
    assert filled == [("taylor-times", url)] * 2
    with psycopg.connect(url) as connection:
        (segments,) = connection.execute("select count(*) from tenant.segment").fetchone() or (0,)
    assert segments == len(tenant.segments)


def test_the_exposure_api_gets_a_user_of_its_own_and_a_new_password_at_every_start(
    postgres: EmbeddedPostgres, tenant: Tenant, tmp_path: Path, dropped: list[str]
) -> None:
    dropped.append("taylor_times")
    secrets, urls = SecretFiles(tmp_path), []
    for _ in ("first start", "second start"):
        prepare_stores(postgres, secrets, [tenant], fill=fill_nothing, now=NOW)
        urls.append(secrets.read(tenant.exposure_secret) or "")
    with psycopg.connect(urls[1]) as connection:
        assert connection.info.user == "taylor_times_exposure"
        assert connection.execute("select count(*) from tenant.profile").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(urls[0])


def test_a_user_that_writes_is_there_where_a_partner_may_write(
    postgres: EmbeddedPostgres, tenant: Tenant, tmp_path: Path, dropped: list[str]
) -> None:
    dropped.append("taylor_times")
    secrets = SecretFiles(tmp_path)
    prepare_stores(postgres, secrets, [tenant], fill=fill_nothing, now=NOW)
    assert secrets.read(tenant.writing_secret) is None
    prepare_stores(
        postgres, secrets, [tenant], fill=fill_nothing, now=NOW, accepting=["taylor-times"]
    )
    url = secrets.read(tenant.writing_secret) or ""
    with psycopg.connect(url) as connection:
        assert connection.info.user == "taylor_times_writing"
        connection.execute("update tenant.profile set modified_at = now()")
    prepare_stores(postgres, secrets, [tenant], fill=fill_nothing, now=NOW)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url)


def test_a_store_that_is_kept_elsewhere_is_left_alone(
    postgres: EmbeddedPostgres, tenant: Tenant, tmp_path: Path
) -> None:
    secrets = SecretFiles(tmp_path)
    elsewhere = "postgresql://me:mine@db.example/store"
    secrets.write(tenant.store_secret, elsewhere)
    prepare_stores(postgres, secrets, [tenant], fill=fill_nothing, now=NOW)
    assert secrets.read(tenant.store_secret) == elsewhere


def test_a_store_told_by_the_environment_is_left_alone(
    postgres: EmbeddedPostgres, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_TAYLOR_TIMES_STORE", "postgresql://db.example/store")
    prepare_stores(postgres, SecretFiles(tmp_path), [tenant], fill=fill_nothing, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_database_remembers_which_airflow_migrated_it(
    postgres: EmbeddedPostgres, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped.append("metadata")
    url = postgres.create_database("metadata")
    assert not metadata_database.is_migrated(url)
    metadata_database.remember_migrated(url)
    assert metadata_database.is_migrated(url)
    monkeypatch.setattr(metadata_database, "airflow_version", lambda: "migrated by a newer one")
    assert not metadata_database.is_migrated(url)
