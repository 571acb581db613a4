"""Fixtures of the unit tests: no database, no Airflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.configuring import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Empty folders of configuration, but for one sound tenant."""
    return Folders(tmp_path)
