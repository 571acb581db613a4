"""``exchange check`` before anybody is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app

KEPT_OUT = '{"authenticated": false, "missing": [], "asked": null, "error": "Something."}'


@pytest.fixture(autouse=True)
def tenants(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tenants; whoever is asked says that we are not let in."""
    monkeypatch.setattr("profile_exchange.cli.running_airflow.environment", lambda _: {})
    monkeypatch.setattr(
        "profile_exchange.cli.check._command", lambda _: ["/bin/sh", "-c", f"echo '{KEPT_OUT}'"]
    )
    return configuration / "tenants"


def check() -> Result:
    return CliRunner().invoke(app, ["check", "taylor-times"])


def test_a_mistake_in_our_tenants_file_is_told_as_that(tenants: Path) -> None:
    file = tenants / "harbor-goods.yaml"
    file.write_text(f"nmae: x\n{file.read_text()}")
    done = check()
    assert (done.exit_code, done.stdout) == (2, "")
    assert "harbor-goods.yaml:1: nmae: unknown key." in done.stderr


def test_a_store_without_a_secret_is_told_as_that() -> None:
    done = check()
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'harbor-goods-store' is not set" in done.stderr


def test_who_keeps_us_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", "postgresql://u@localhost/x")
    done = check()
    assert (done.exit_code, done.stdout) == (3, "Taylor Times: not authenticated.\nSomething.\n")
