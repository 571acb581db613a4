"""One installation for all tests of this folder. Each test leaves it as it found it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.airflow_environment import Project
from profile_exchange.installation.launch import Installation
from profile_exchange.sample import loading
from tests.end_to_end.driving import CONNECTION, finished
from tests.folders import enterable

PROFILES = 3000
#: Small pages, so that there is a middle of a pull to break.
PAGE_SIZE = 20
#: A DAG of somebody else's, who wants to know of new profiles.
AFTER_AN_IMPORT = """
from airflow.sdk import DAG, Asset, task

with DAG("after_an_import", schedule=Asset("x-profile-exchange://harbor-goods/profiles")):
    task(task_id="look")(lambda: None)()
"""


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project's DAGs and plugins, one DAG more, and a configuration to break."""
    folder = tmp_path_factory.mktemp("configuration")
    for name in ("include/connections", "include/tenants", "dags", "plugins"):
        shutil.copytree(PROJECT_ROOT / name, folder / Path(name).name)
    (folder / "dags" / "after_an_import.py").write_text(AFTER_AN_IMPORT)
    return Project(folder, connections=folder / "connections", tenants=folder / "tenants")


@pytest.fixture(scope="package")
def installation(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A running installation with the sample tenants."""

    def fill(tenant_id: str, url: str) -> None:
        loading.load(tenant_id, url, PROFILES, now=datetime.now(UTC))

    state = enterable(tmp_path_factory.mktemp("installation"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXCHANGE_PAGE_SIZE", str(PAGE_SIZE))
        # What retrying waits for is shortened here, and tried at full length nowhere.
        patch.setenv("EXCHANGE_RETRY_SECONDS", "1")
        with Installation(state, project, fill=fill) as running:
            running.wait_for_dag(CONNECTION)
            for dag_id in (CONNECTION, "harbor-goods", "after_an_import"):
                running.switch_on(dag_id)
            yield running


@pytest.fixture(scope="package")
def imported(installation: Installation) -> RunState:
    """The first import, which most tests look back at."""
    return finished(installation)
