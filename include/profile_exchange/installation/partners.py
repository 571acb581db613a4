"""Hosted tenants that exchange with each other: the partner's key and secret, made and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from profile_exchange.config.registry import Configuration
from profile_exchange.config.settings import read_secret
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.tenant import Tenant
from profile_exchange.installation.airflow_api import AirflowApi, AirflowConnection
from profile_exchange.installation.layout import Layout
from profile_exchange.tenants.postgres.credentials import issue
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE


@dataclass(frozen=True, slots=True)
class HostedPair:
    """An importing connection and the exposing one that answers it, both hosted here.

    ``credentials`` is the Airflow connection in which the importing side looks.
    """

    credentials: str
    exposing: Connection
    exposer: Tenant


def hosted_pairs(configuration: Configuration) -> Iterator[HostedPair]:
    """The pairs of connections whose tenants are both hosted by this installation."""
    hosts = {tenant.host: tenant for tenant in configuration.tenants.values()}
    for importing in configuration.connections.values():
        importer = configuration.tenants.get(importing.tenant)
        exposer = hosts.get(importing.partner.host)
        goal = importing.importing
        if goal is None or importer is None or exposer is None:
            continue
        for exposing in configuration.connections.values():
            answers = exposing.tenant == exposer.id and exposing.partner.host == importer.host
            if exposing.expose and answers:
                yield HostedPair(goal.credentials, exposing, exposer)


def introduce(
    pair: HostedPair, airflow: AirflowApi, layout: Layout, exposure_url: str, *, now: datetime
) -> None:
    """Give the importing side key and secret of the exposing one, unless it has them already.

    Where the exposure API listens may change from start to start, so that is told every time.
    """
    extra = json.dumps({"base_url": exposure_url})
    if airflow.has_connection(pair.credentials):
        airflow.move_connection(pair.credentials, CONNECTION_TYPE, extra)
        return
    issued = issue(
        read_secret(pair.exposer.store_secret, layout.secrets), pair.exposing.id, now=now
    )
    airflow.add_connection(
        AirflowConnection(
            id=pair.credentials,
            kind=CONNECTION_TYPE,
            host=pair.exposer.host,
            login=issued.key,
            password=issued.secret,
            extra=extra,
            description=f"Consumer key and secret that {pair.exposer.name} issued.",
        )
    )
