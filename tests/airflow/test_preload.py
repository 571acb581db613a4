"""What every process of Airflow's does before anything else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

import airflow  # noqa: F401 - it imports the settings of this project, and they preload
from profile_exchange.collector import THRESHOLDS
from profile_exchange.orchestration import preload


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Python's collector as it was."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_collector_looks_less_often_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.set_threshold(700, 10, 10)
    monkeypatch.setattr(sys, "argv", ["airflow", "api-server"])
    preload.preload()
    assert gc.get_threshold() == THRESHOLDS


@pytest.mark.parametrize("arguments", [["scheduler"], ["celery", "worker"], ["api-server"]])
def test_only_what_forks_the_tasks_imports_what_they_need(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    imported: list[str] = []
    monkeypatch.setattr(preload, "import_module", imported.append)
    monkeypatch.setattr(sys, "argv", ["airflow", *arguments])
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    preload.preload()
    assert imported == (list(preload.MODULES) if arguments == ["scheduler"] else [])
