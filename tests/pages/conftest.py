"""Airflow's API server in the tests' own process, with the pages mounted, on a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import tests.airflow.conftest  # noqa: F401  (gives Airflow a home before anything imports it)
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from tests.pages.browsing import browsing
from tests.pages.past import checked, full_past
from tests.pages.serving import Serving, serving


@pytest.fixture(scope="session")
def airflow_database(postgres: EmbeddedPostgres) -> str:
    """The URL of a database for Airflow's own tables."""
    return postgres.create_database("airflow_of_pages")


@pytest.fixture(scope="module")
def server(airflow_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Airflow's API server, whose users are `viewer`, `user`, `op` and `admin`."""
    with serving(airflow_database, tmp_path_factory.mktemp("airflow")) as running:
        yield running


@pytest.fixture(scope="module")
def knowing(server: Serving) -> Serving:
    """The same, when it has read the sample's DAGs."""
    server.learn()
    return server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sample's configuration, for a test to change."""
    for name in ("connections", "tenants"):
        shutil.copytree(PROJECT_ROOT / "include" / name, tmp_path / name)
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("EXCHANGE_SECRETS_DIR", str(tmp_path / "secrets"))
    settings.cache_clear()
    return tmp_path


@pytest.fixture
def stores(
    folder: Path, monkeypatch: pytest.MonkeyPatch, store_url: str, other_store_url: str
) -> dict[str, str]:
    """The sample tenants' stores, empty: their URLs by tenant."""
    urls = {"harbor-goods": store_url, "taylor-times": other_store_url}
    for tenant, url in urls.items():
        monkeypatch.setenv(f"EXCHANGE_SECRET_{tenant.upper().replace('-', '_')}_STORE", url)
    return urls


@pytest.fixture
def past(stores: dict[str, str]) -> dict[str, str]:
    """The same stores, when a lot has happened."""
    full_past(stores["harbor-goods"])
    checked(stores["taylor-times"])
    return stores


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a window; it takes its share of a processor as long as it is open."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def window(server: Serving, chromium: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens a browser's window in which somebody of a role is logged in; paths are Airflow's."""
    with server.listening() as address, ExitStack() as opened:

        def open_window(role: str, **options: Any) -> Page:
            context = chromium.new_context(base_url=address, **options)
            opened.callback(context.close)
            context.add_cookies([{"name": "_token", "value": server.token(role), "url": address}])
            return context.new_page()

        yield open_window
