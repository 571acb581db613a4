"""The way to our own tenant behind REST API v2, as the tasks of a DAG go it; without a DAG."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
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
from profile_exchange.orchestration.check import check, main
from profile_exchange.orchestration.target import target_tenant_of
from profile_exchange.pipeline.remote.properties import TargetTenant
from profile_exchange.tenants.rest.network import Patience
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
    named = (
        r"for other\.example, but tenant harbor-goods is taylor-times\.localhost: "
        "correct the host of tenant harbor-goods, or"
    )
    with (
        pytest.raises(WrongHost, match=named),
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


@pytest.fixture
def importing(
    tenants: Path, tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """Our connection taylor-times. To be told the addresses of the other tenant and of ours."""
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

    def keep(theirs: str, ours: str) -> None:
        for name, address in (("TAYLOR_TIMES", theirs), ("HARBOR_GOODS", ours)):
            extra = json.dumps({"base_url": address})
            kept = Connection(
                None, "http", host=OURS["host"], login=KEY, password=SECRET, extra=extra
            )
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", kept.get_uri())

    return keep


def test_a_check_tells_what_our_tenant_lacks(importing: Callable[[str, str], None]) -> None:
    with (served := ScriptedTenant()).running():
        importing(served.base_url, served.base_url)
        answer = check("taylor-times")
    assert answer["missing"] == ["objective sharing at tenant harbor-goods"]
    assert "does not show segment everybody to its key" in answer["doubtful"][0]
    shown = told_on_screen(answer)
    assert answer["doubtful"][0] in shown
    assert "Missing: objective sharing at tenant harbor-goods" in shown


def told_on_screen(answer: dict[str, Any]) -> str:
    shown = io.StringIO()
    _tell("Taylor Times", answer, Console(file=shown, width=400))
    return shown.getvalue()


@pytest.mark.parametrize(
    ("away", "named"), [("theirs", "Taylor Times"), ("ours", "Harbor Goods")], ids=str
)
def test_a_check_names_the_tenant_that_is_away(
    away: str,
    named: str,
    importing: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both have one host name here, so that it alone does not tell them apart."""
    monkeypatch.setattr(
        "profile_exchange.tenants.rest.client.Patience", partial(Patience, attempts=1)
    )
    nowhere = "http://127.0.0.1:9"
    with (served := ScriptedTenant()).running():
        here = served.base_url
        importing(*{"theirs": (nowhere, here), "ours": (here, nowhere)}[away])
        assert main("taylor-times") == 3
    *asking, answer = map(json.loads, capsys.readouterr().out.splitlines())
    asked = {"name": named, "host": OURS["host"], "address": nowhere}
    assert (answer["asked"], asking[-1]) == (asked, {"asking": asked})
    shown = told_on_screen(answer)
    assert shown.startswith(f"{named} (taylor-times.localhost): not authenticated.\n")
    assert f"does not answer at {nowhere} " in shown
