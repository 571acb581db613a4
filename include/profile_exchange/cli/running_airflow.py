"""Which Airflow the commands talk to: the one that the settings name, else the one up here."""

from __future__ import annotations

import os

from profile_exchange.config.settings import Settings, read_secret
from profile_exchange.installation import record
from profile_exchange.installation.airflow_api import AirflowApi
from profile_exchange.installation.airflow_environment import (
    USER,
    Project,
    airflow_environment,
)
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.metadata_database import NAME
from profile_exchange.installation.ports import LOOPBACK


def is_elsewhere(told: Settings) -> bool:
    """Whether the settings name an Airflow that this folder's installation has not started."""
    return "airflow_url" in told.model_fields_set


def airflow_api(told: Settings) -> AirflowApi:
    """A client for that Airflow. Raises `NotRunning` when there is none."""
    if is_elsewhere(told):
        url, user = told.airflow_url, told.airflow_user
    else:
        running = record.running(Layout(told.state_dir.resolve()))
        url, user = f"http://{LOOPBACK}:{running.airflow_port}", USER
    return AirflowApi(url, user, read_secret(told.airflow_password_secret, told.secrets_dir))


def environment(told: Settings) -> dict[str, str]:
    """The environment of a process that reads that Airflow's connections.

    Where Airflow runs elsewhere, as in a container, this process's own is the right one.
    """
    if is_elsewhere(told):
        return dict(os.environ)
    layout = Layout(told.state_dir.resolve())
    running = record.running(layout)
    server = EmbeddedPostgres(layout.postgres)
    server.port = running.postgres_port
    project = Project(connections=told.connections_dir, tenants=told.tenants_dir)
    return airflow_environment(
        layout, project, port=running.airflow_port, database_url=server.url(NAME)
    )
