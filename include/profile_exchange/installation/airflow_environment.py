"""How Airflow is set up: environment variables only, made from the installation's own files.

Facts behind the values stand in `docs/` and in Airflow's configuration reference.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.ports import LOOPBACK
from profile_exchange.installation.secret_files import (
    AIRFLOW_PASSWORD,
    API_SECRET_KEY,
    FERNET_KEY,
    JWT_SECRET,
    SecretFiles,
)

USER = "admin"
#: Airflow's users by name, and their roles; an installation may have others beside this one.
ONLY_USER: Mapping[str, str] = {USER: "admin"}
PASSWORDS_FILE = "airflow-users.json"

#: What a process of the installation must not inherit: another Airflow's or Python's settings.
_FOREIGN = ("AIRFLOW_", "_AIRFLOW_", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Project:
    """The files that an installation runs: its DAGs, plugins, connections and tenants."""

    root: Path = PROJECT_ROOT
    connections: Path = PROJECT_ROOT / "include" / "connections"
    tenants: Path = PROJECT_ROOT / "include" / "tenants"


def exchange_environment(layout: Layout, project: Project) -> dict[str, str]:
    """The environment of a process that imports the package."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **inherited,
        "EXCHANGE_STATE_DIR": str(layout.state),
        "EXCHANGE_SECRETS_DIR": str(layout.secrets),
        "EXCHANGE_CONNECTIONS_DIR": str(project.connections),
        "EXCHANGE_TENANTS_DIR": str(project.tenants),
        "EXCHANGE_WRITE_CONNECTIONS": inherited.get("EXCHANGE_WRITE_CONNECTIONS") or "true",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


def airflow_environment(
    layout: Layout,
    project: Project,
    *,
    port: int,
    database_url: str,
    users: Mapping[str, str] = ONLY_USER,
) -> dict[str, str]:
    """The environment of an Airflow process whose API server listens on ``port``.

    ``users`` are names and Airflow's roles for them.
    """
    secrets = SecretFiles(layout.secrets)
    options = {
        **_core(layout, project),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(map(":".join, users.items())),
        **_api(port),
        **_responsiveness(),
        "DATABASE__SQL_ALCHEMY_CONN": _with_driver(database_url, "psycopg2"),
        "DATABASE__EXTERNAL_DB_MANAGERS": "",
        "CORE__FERNET_KEY": secrets.read(FERNET_KEY) or "",
        "API__SECRET_KEY": secrets.read(API_SECRET_KEY) or "",
        "API_AUTH__JWT_SECRET": secrets.read(JWT_SECRET) or "",
    }
    return {
        **exchange_environment(layout, project),
        "AIRFLOW_HOME": str(layout.airflow),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        # Forked tasks share what their parent imported; a pool of threads does not survive that.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def write_users(layout: Layout, users: Iterable[str] = ONLY_USER) -> None:
    """Write the file from which Airflow reads its users' passwords: they have the same one."""
    secrets = SecretFiles(layout.secrets)
    password = secrets.read(AIRFLOW_PASSWORD)
    secrets.write(PASSWORDS_FILE, json.dumps(dict.fromkeys(users, password)))


def _core(layout: Layout, project: Project) -> Mapping[str, str]:
    bundle = {
        "name": "project",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(project.root / "dags"), "refresh_interval": 30},
    }
    return {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__MAX_ACTIVE_RUNS_PER_DAG": "1",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(project.root / "dags"),
        "CORE__PLUGINS_FOLDER": str(project.root / "plugins"),
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.secrets / PASSWORDS_FILE),
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "LOGGING__BASE_LOG_FOLDER": str(layout.airflow / "logs"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            layout.airflow / "logs" / "dag_processor"
        ),
    }


def _api(port: int) -> Mapping[str, str]:
    address = f"http://{LOOPBACK}:{port}"
    return {
        "API__HOST": LOOPBACK,
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__BASE_URL": address,
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "API__EXPOSE_CONFIG": "False",
    }


def _responsiveness() -> Mapping[str, str]:
    """A task's overhead is 0.3 s with these, 5 s without."""
    return {
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A task whose process was killed is noticed after a minute instead of five.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
        "DAG_PROCESSOR__PARSING_PROCESSES": "2",
    }


def _with_driver(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://", 1)
