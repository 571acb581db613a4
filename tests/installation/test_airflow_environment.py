"""Airflow is told what to do by settings that it has, and by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from profile_exchange.installation.airflow_environment import (
    Project,
    airflow_environment,
    exchange_environment,
)
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.ports import LOOPBACK
from profile_exchange.installation.secret_files import SecretFiles

PREFIX = "AIRFLOW__"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    SecretFiles(layout.secrets).make_missing()
    return layout


def environment(layout: Layout) -> dict[str, str]:
    return airflow_environment(
        layout, Project(), port=18080, database_url="postgresql://u:p@127.0.0.1:1/airflow"
    )


def known_options() -> set[str]:
    """Every option in the file in which Airflow describes its own configuration."""
    from importlib.util import find_spec

    package = find_spec("airflow")
    assert package
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0])
    sections = yaml.load((folder / "config_templates" / "config.yml").read_text(), yaml.CSafeLoader)
    return {
        f"{section}__{option}".upper()
        for section, described in sections.items()
        for option in described["options"]
    }


def test_every_option_is_one_that_airflow_has(layout: Layout) -> None:
    told = {name.removeprefix(PREFIX) for name in environment(layout) if name.startswith(PREFIX)}
    assert told
    assert told <= known_options()


def test_every_process_finds_the_api_server_at_one_address(layout: Layout) -> None:
    told = environment(layout)
    assert told["AIRFLOW__API__BASE_URL"] == f"http://{LOOPBACK}:18080"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://{LOOPBACK}:18080/execution/"
    assert told["AIRFLOW__API__HOST"] == LOOPBACK


def test_another_airflow_of_the_same_person_does_not_leak_in(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "mail.example")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    told = environment(layout)
    assert told["AIRFLOW_HOME"] == str(layout.airflow)
    assert told["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert "AIRFLOW__SMTP__SMTP_HOST" not in told
    assert "PYTHONPATH" not in told


def test_the_exposure_api_gets_nothing_of_airflow(layout: Layout) -> None:
    told = exchange_environment(layout, Project())
    assert not [name for name in told if name.startswith("AIRFLOW")]
    assert told["EXCHANGE_SECRETS_DIR"] == str(layout.secrets)
