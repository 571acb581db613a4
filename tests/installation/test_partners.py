"""Two hosted tenants are introduced once; what moves afterwards is only the address."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from profile_exchange.config import registry
from profile_exchange.config.registry import Configuration
from profile_exchange.installation.airflow_api import AirflowApi
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.partners import HostedPair, hosted_pairs, introduce
from profile_exchange.installation.secret_files import SecretFiles
from profile_exchange.tenants.postgres.credentials import list_credentials

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def pair() -> HostedPair:
    return next(iter(hosted_pairs(registry.read_all().check())))


def test_the_sample_connections_are_a_pair(pair: HostedPair) -> None:
    assert pair.credentials == "taylor_times"
    assert pair.exposing.id == "harbor-goods"
    assert pair.exposer.id == "taylor-times"


def test_a_connection_whose_partner_is_elsewhere_has_no_pair() -> None:
    known = registry.read_all().check()
    alone = {"harbor-goods": known.tenants["harbor-goods"]}
    assert list(hosted_pairs(Configuration(known.connections, alone))) == []


class ConnectionsOfAirflow:
    """As much of Airflow's connections as introducing needs."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        name = request.url.path.rsplit("/", 1)[-1]
        body = json.loads(request.content) if request.content else {}
        if request.method == "POST":
            self.kept[body["connection_id"]] = body
        elif name not in self.kept:
            return httpx.Response(404, json={"detail": "unknown"})
        elif request.method == "PATCH":
            masked = request.url.params.get_list("update_mask")
            self.kept[name].update({key: body[key] for key in masked})
        return httpx.Response(200, json={})


def test_key_and_secret_are_issued_once_and_the_address_is_told_every_time(
    pair: HostedPair, store_url: str, tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    layout.make()
    SecretFiles(layout.secrets).write(pair.exposer.store_secret, store_url)
    airflow = ConnectionsOfAirflow()
    api = AirflowApi("http://airflow", "u", "p", httpx.MockTransport(airflow))
    introduce(pair, api, layout, "http://127.0.0.1:1", now=NOW)
    first = dict(airflow.kept["taylor_times"])
    introduce(pair, api, layout, "http://127.0.0.1:2", now=NOW)
    second = airflow.kept["taylor_times"]
    (issued,) = list_credentials(store_url, "harbor-goods")
    assert first["login"] == second["login"] == issued.key
    assert first["password"] == second["password"]
    assert first["host"] == "taylor-times.localhost"
    assert json.loads(second["extra"]) == {"base_url": "http://127.0.0.1:2"}
