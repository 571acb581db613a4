"""Serving Airflow's API and our pages in this process, to callers of any role."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import delete

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.orchestration.pages.registration import PREFIX

ADDRESS = "http://airflow.test"
BUNDLE = "project"
ROLES = ("viewer", "user", "op", "admin")


@dataclass(frozen=True)
class Serving:
    """An API server that runs in this process."""

    app: Any

    def token(self, role: str) -> str:
        """What somebody of a role has after logging in."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        user = SimpleAuthManagerUser(username=role, role=role, teams=None)
        token: str = get_auth_manager().generate_jwt(user)
        return token

    def browser(
        self, role: str | None = None, path: str = PREFIX, *, raises: bool = True
    ) -> TestClient:
        """A browser that asks for our pages, logged in as somebody of a role, or not at all.

        An error that nobody expected is raised here, unless its page is wanted.
        """
        return TestClient(
            self.app,
            base_url=f"{ADDRESS}{path}",
            cookies={"_token": self.token(role)} if role else {},
            headers={"Origin": ADDRESS},
            follow_redirects=False,
            raise_server_exceptions=raises,
        )

    @contextmanager
    def listening(self) -> Iterator[str]:
        """The same on a port of this machine, for a real browser. Yields its address."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{bound.getsockname()[1]}"
            config = uvicorn.Config(self.app, log_level="warning", lifespan="off")
            running = uvicorn.Server(config)
            thread = threading.Thread(target=running.run, args=([bound],), daemon=True)
            thread.start()
            yield address
            running.should_exit = True
            thread.join()

    def learn(self) -> None:
        """Have Airflow read the DAGs of all connections, switched off as new ones are."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        DagBundlesManager().sync_bundles_to_db()
        folder = PROJECT_ROOT / "dags"
        bag = BundleDagBag(folder, bundle_path=folder, bundle_name=BUNDLE)
        assert not bag.import_errors
        sync_bag_to_db(bag, BUNDLE, None)


def settings_of(database_url: str, home: Path) -> Mapping[str, str]:
    """Airflow's configuration for this process."""
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(PROJECT_ROOT / "dags")},
    }
    return {
        "DATABASE__SQL_ALCHEMY_CONN": database_url.replace("postgresql:", "postgresql+psycopg2:"),
        "DATABASE__EXTERNAL_DB_MANAGERS": "",
        "CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in ROLES),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "API__BASE_URL": ADDRESS,
        "API_AUTH__JWT_SECRET": "0" * 64,
        "API__SECRET_KEY": "0" * 32,
    }


def _forget_the_past() -> None:
    from airflow.models.dagrun import DagRun
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    with create_session() as session:
        for table in (DagRun, Log):
            session.execute(delete(table))


@contextmanager
def serving(database_url: str, home: Path) -> Iterator[Serving]:
    """Airflow's API server over a database, for as long as the context lasts."""
    from airflow.api_fastapi.app import purge_cached_app
    from airflow.utils.db import initdb

    from airflow import plugins_manager
    from airflow import settings as airflow_settings
    from profile_exchange.orchestration.pages.acting import airflow_app

    def start_afresh() -> None:
        airflow_settings.configure_vars()
        airflow_settings.reconfigure_orm()
        plugins_manager._get_plugins.cache_clear()
        purge_cached_app()

    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings_of(database_url, home).items():
            patch.setenv(f"AIRFLOW__{name}", value)
        start_afresh()
        initdb()
        _forget_the_past()
        yield Serving(airflow_app())
    start_afresh()


def shown(server: Serving, name: str = "taylor-times", role: str = "viewer") -> str:
    """The page of a connection."""
    answer = server.browser(role).get(f"/connections/{name}")
    assert answer.status_code == 200
    return answer.text
