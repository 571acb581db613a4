"""Secrets are made once, and only their owner can read them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from profile_exchange.installation.airflow_environment import USER, write_users
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.secret_files import (
    AIRFLOW_PASSWORD,
    FERNET_KEY,
    JWT_SECRET,
    SecretFiles,
)


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    return SecretFiles(tmp_path)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_only_the_owner_can_read_a_secret_whatever_the_umask_is(
    files: SecretFiles, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        files.make_missing()
        files.write("store", "postgresql://")
    finally:
        os.umask(before)
    assert modes(tmp_path) == {0o600}


def test_secrets_are_made_once(files: SecretFiles) -> None:
    files.make_missing()
    first = files.read(JWT_SECRET)
    files.make_missing()
    assert files.read(JWT_SECRET) == first


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        files = SecretFiles(tmp_path / name)
        files.make_missing()
        made.append({file.read_text() for file in files.folder.iterdir()})
    assert not made[0] & made[1]


def test_keys_are_of_the_kind_that_airflow_asks_for(files: SecretFiles) -> None:
    files.make_missing()
    assert len(files.read(JWT_SECRET) or "") == 64
    Fernet(files.read(FERNET_KEY) or "")


def test_writing_again_replaces_a_secret_and_leaves_nothing_else(
    files: SecretFiles, tmp_path: Path
) -> None:
    files.write("store", "first")
    files.write("store", "second")
    assert files.read("store") == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_airflow_finds_its_user_in_the_file_it_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    files = SecretFiles(layout.secrets)
    files.make_missing()
    write_users(layout)
    users = json.loads((layout.secrets / "airflow-users.json").read_text())
    assert users == {USER: files.read(AIRFLOW_PASSWORD)}
