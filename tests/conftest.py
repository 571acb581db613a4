"""What the tests share: one embedded PostgreSQL server, and a fresh database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from profile_exchange.config.settings import settings as installation_settings
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for, migrate
from tests.folders import enterable
from tests.scheduling import Together

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("exchange", deadline=None)
settings.load_profile("exchange")

TEMPLATE = "store_template"
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Airflow takes longest, and comes first."""
    items.sort(key=lambda item: item.get_closest_marker("airflow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker takes all tests of a file, or of a folder that shares what takes long to start."""
    return Together(config, log)


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """No test sees the settings that another one has made."""
    installation_settings.cache_clear()
    yield
    installation_settings.cache_clear()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the whole session; durability is off, because nothing here has to last."""
    folder = enterable(tmp_path_factory.mktemp("postgres"))
    options = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "'128MB'"}
    with EmbeddedPostgres(folder, settings=options) as server:
        yield server


@pytest.fixture(scope="session")
def store_template(postgres: EmbeddedPostgres) -> str:
    """A migrated, empty tenant database that others are copied from."""
    url = postgres.create_database(TEMPLATE)
    migrate(url)
    engine_for(url).dispose()
    return TEMPLATE


@pytest.fixture
def store_url(postgres: EmbeddedPostgres, store_template: str) -> Iterator[str]:
    """The URL of a fresh, migrated tenant database, dropped after the test."""
    name = f"store_{next(_numbers)}"
    url = postgres.create_database(name, template=store_template)
    yield url
    engine_for(url).dispose()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def other_store_url(postgres: EmbeddedPostgres, store_template: str) -> Iterator[str]:
    """A second tenant's database."""
    yield from store_url.__wrapped__(postgres, store_template)  # type: ignore[attr-defined]
