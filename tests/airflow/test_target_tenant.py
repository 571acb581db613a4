"""The way to our own tenant behind REST API v2, as the tasks of a DAG go it; without a DAG."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.models.connection import Connection
from rich.console import Console

from profile_exchange.cli.check import _tell
from profile_exchange.config.settings import settings
from profile_exchange.domain.errors import ConfigurationError, WrongHost
from profile_exchange.orchestration.check import check
from profile_exchange.orchestration.target import target_tenant_of
from profile_exchange.pipeline.remote.properties import TargetTenant
from tests.exposure.conftest import (  # noqa: F401
    Installation,
    exposing_store,
    installation,
)
from tests.remote.over_api import RemoteExchange
from tests.remote.scripted_tenant import ScriptedTenant
from tests.remote.served import GOAL, THEIRS, TYPES, Served, imports_twice, served_tenant
from tests.tenants.scripted_partner import KEY, SECRET

OURS = {
    "name": "Harbor Goods",
    "host": "taylor-times.localhost",
    "kind": "blueconic",
    "work": "harbor-goods-work",
    "credentials": "harbor_goods",
    "visitors": "everybody",
}


@pytest.fixture
def served(installation: Installation) -> Iterator[Served]:  # noqa: F811
    with served_tenant(installation) as made:
        yield made


@pytest.fixture
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the importing side, in which our tenant is one of BlueConic's."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "harbor-goods.yaml").write_text(yaml.safe_dump(OURS))
    monkeypatch.setenv("EXCHANGE_TENANTS_DIR", str(folder))
    settings.cache_clear()
    return folder


def stored(**changes: Any) -> SimpleNamespace:
    """An Airflow connection."""
    known = {"host": OURS["host"], "login": "key", "password": "secret", "extra_dejson": {}}
    return SimpleNamespace(**{**known, **changes})


class Ours(RemoteExchange):
    """An exchange that is given the way to its tenant."""

    found: TargetTenant

    @property
    def tenant(self) -> TargetTenant:
        return self.found


@pytest.mark.usefixtures("tenants")
def test_an_import_goes_the_way_that_the_tenant_s_file_and_airflow_s_connection_tell(
    served: Served, store_url: str
) -> None:
    exchange = Ours(store_url, GOAL, THEIRS, TYPES)
    extra = {"base_url": served.address}
    kept = stored(login=served.issued.key, password=served.issued.secret, extra_dejson=extra)
    with target_tenant_of(exchange.connection, {"harbor_goods": kept}.__getitem__) as found:
        assert found is not None
        exchange.found = found
        imports_twice(exchange, served)


@pytest.mark.usefixtures("tenants")
def test_credentials_for_another_host_are_not_used(store_url: str) -> None:
    connection = Ours(store_url, GOAL, THEIRS, TYPES).connection
    with (
        pytest.raises(WrongHost, match=r"for other\.example"),
        target_tenant_of(connection, lambda _: stored(host="other.example")),
    ):
        pass


@pytest.mark.usefixtures("tenants")
def test_a_connection_without_a_secret_is_named(store_url: str) -> None:
    connection = Ours(store_url, GOAL, THEIRS, TYPES).connection
    with (
        pytest.raises(ConfigurationError, match="harbor_goods is not complete"),
        target_tenant_of(connection, lambda _: stored(password="")),
    ):
        pass


def test_a_tenant_that_is_hosted_here_needs_no_way(tenants: Path, store_url: str) -> None:
    hosted = {key: OURS[key] for key in ("name", "host")} | {"store": "harbor-goods-store"}
    (tenants / "harbor-goods.yaml").write_text(yaml.safe_dump(hosted))
    connection = Ours(store_url, GOAL, THEIRS, TYPES).connection
    with target_tenant_of(connection, lambda _: None) as found:
        assert found is None


@pytest.mark.usefixtures("tenants")
def test_a_check_tells_what_our_tenant_lacks(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "title": "Taylor Times",
        "tenant": "harbor-goods",
        "partner": {"name": "Taylor Times", "host": OURS["host"]},
        "objectives": ["sharing"],
        "import": {
            "credentials": "taylor_times",
            "mappings": [{"from": "section", "to": "TaylorTimes_Section"}],
        },
    }
    for kind, name, text in (
        ("connections", "taylor-times.yaml", yaml.safe_dump(told)),
        ("secrets", OURS["work"], store_url),
    ):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / name).write_text(text)
        monkeypatch.setenv(f"EXCHANGE_{kind.upper()}_DIR", str(tmp_path / kind))
    with (served := ScriptedTenant()).running():
        extra = json.dumps({"base_url": served.base_url})
        kept = Connection(
            None, "http", host=OURS["host"], login=KEY, password=SECRET, extra=extra
        ).get_uri()
        for name in ("TAYLOR_TIMES", "HARBOR_GOODS"):
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", kept)
        answer = check("taylor-times")
    assert answer["missing"] == ["objective sharing at tenant harbor-goods"]
    assert "does not show segment everybody to its key" in answer["doubtful"][0]
    shown = io.StringIO()
    _tell("Taylor Times", answer, Console(file=shown, width=400))
    assert answer["doubtful"][0] in shown.getvalue()
    assert "Missing: objective sharing at tenant harbor-goods" in shown.getvalue()
