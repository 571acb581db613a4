"""A folder that cannot be used is one clear sentence, before anything is started."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from profile_exchange.installation.layout import FolderUnusable, Layout


class Disk(NamedTuple):
    """What `shutil.disk_usage` answers."""

    total: int
    used: int
    free: int


def test_folders_are_made_and_secrets_are_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "deep" / "var")
    layout.make()
    layout.make()
    assert layout.logs.is_dir()
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file, where a folder should be")
    with pytest.raises(FolderUnusable, match=r"var cannot be written .*EXCHANGE_STATE_DIR"):
        Layout(tmp_path / "var").make()


def test_a_full_disk_is_told_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(2**40, 2**40, 5 * 2**20))
    with pytest.raises(FolderUnusable, match="is full: 5 MB are free and 400 MB are needed"):
        Layout(tmp_path).make()
