"""The connection type of the other tenant: its form, and what its **Test** button says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from airflow.models.connection import Connection
from airflow.providers_manager import _create_provider_info_schema_validator

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.orchestration import tenant_hook
from profile_exchange.orchestration.provider import provider_info
from profile_exchange.orchestration.tenant_hook import TenantHook
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE
from tests.tenants.over_http import HOST, Tenant
from tests.tenants.scripted_partner import KEY, SECRET

GROUP = "apache_airflow_provider"
#: What Airflow shows where somebody makes a connection of this type.
FORM = """
import json, sys, warnings
warnings.simplefilter("error", category=DeprecationWarning)
from airflow.providers_manager import ProvidersManager
known, kind = ProvidersManager(), sys.argv[1]
form = known.field_behaviours[kind]
hook = known.hooks[kind]
told = {
    "hidden": form["hidden_fields"], "relabelled": form["relabeling"],
    "own": [name for name in known.connection_form_widgets if f"__{kind}__" in name],
    "name": hook.hook_name, "testable": hook.connection_testable,
}
print(json.dumps(told))
"""

Tested = Callable[..., tuple[bool, str]]


def entry_points() -> dict[str, str]:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    return dict(project["entry-points"][GROUP])


def test_the_project_is_a_provider_in_airflows_own_form() -> None:
    [(name, value)] = entry_points().items()
    found = EntryPoint(name, value, GROUP).load()()
    assert found == provider_info()
    _create_provider_info_schema_validator().validate(found)


def test_the_form_asks_for_host_name_key_and_secret_and_for_nothing_else(tmp_path: Path) -> None:
    installed = tmp_path / "profile_exchange_as_installed-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: profile-exchange\nVersion: 0")
    lines = [f"{name} = {value}" for name, value in entry_points().items()]
    (installed / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    path = [str(tmp_path), str(PROJECT_ROOT / "include")]
    done = subprocess.run(
        [sys.executable, "-c", FORM, CONNECTION_TYPE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "hidden": ["port", "schema", "extra"],
        "relabelled": {
            "host": "Host name",
            "login": "Consumer key",
            "password": "Consumer secret",
        },
        "own": [f"extra__{CONNECTION_TYPE}__base_url"],
        "name": "Profile Exchange: other tenant",
        "testable": True,
    }


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tested]:
    """What the button says; it hands the connection over as Airflow's API server does."""
    tenant = Tenant()

    def press(**changed: str | None) -> tuple[bool, str]:
        right = {"host": HOST, "login": KEY, "password": SECRET}
        extra = json.dumps({"base_url": changed.pop("base_url", tenant.base_url)})
        given = Connection("tried", CONNECTION_TYPE, extra=extra, **{**right, **changed})
        monkeypatch.setenv("AIRFLOW_CONN_TRIED", given.get_uri())
        return TenantHook("tried").test_connection()

    with tenant.running():
        yield press


def test_the_right_key_and_secret_are_told_with_what_is_exposed(tested: Tested) -> None:
    succeeded, sentence = tested()
    assert succeeded
    exposed = "1 segment and 2 profile properties"
    assert sentence == f"Authenticated at {HOST}, which exposes {exposed} to us."


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": "another-secret"}, "does not accept the consumer key and secret"),
        ({"base_url": "http://127.0.0.1:1"}, "does not answer at http://127.0.0.1:1"),
        ({"base_url": "http://192.0.2.1"}, "plain HTTP is for loopback only"),
        ({"login": None}, "This connection is not complete"),
        ({"host": "tenant example"}, "write the host name alone"),
    ],
    ids=["secret", "address", "plain", "incomplete", "host"],
)
def test_what_is_wrong_is_told_in_one_sentence_without_the_secret(
    tested: Tested, changed: dict[str, str | None], told: str
) -> None:
    succeeded, sentence = tested(**changed)
    assert not succeeded
    assert told in sentence
    assert not any(secret in sentence for secret in (SECRET, "another-secret", "tried"))


def test_a_defect_of_ours_shows_nothing_of_what_it_was_about(
    tested: Tested, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(tenant_hook, "RestSource", breaks)
    assert tested() == (False, "The test did not come to an answer (KeyError).")
