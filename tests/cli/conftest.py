"""What the tests of commands share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_exchange.config.settings import PROJECT_ROOT, settings


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sample configuration, and a state folder in which nothing runs."""
    for name in ("connections", "tenants"):
        shutil.copytree(PROJECT_ROOT / "include" / name, tmp_path / name)
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("EXCHANGE_STATE_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("EXCHANGE_SECRETS_DIR", str(tmp_path / "var" / "secrets"))
    monkeypatch.delenv("EXCHANGE_AIRFLOW_URL", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()
