"""Settings from the environment, and secrets from the environment or from files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_exchange.config.settings import read_secret, settings
from profile_exchange.domain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_PAGE_SIZE", "500")
    monkeypatch.setenv("EXCHANGE_AIRFLOW_URL", "https://airflow.example.com/team")
    assert settings().page_size == 500
    assert settings().airflow_url == "https://airflow.example.com/team"
    assert settings() is settings()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    default = settings().connections_dir
    settings.cache_clear()
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", "")
    monkeypatch.setenv("EXCHANGE_PAGE_SIZE", "")
    assert settings().connections_dir == default
    assert settings().page_size == 1000


def test_every_wrong_variable_is_told_in_a_sentence_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXCHANGE_PAGE_SIZE", "many")
    monkeypatch.setenv("EXCHANGE_MAX_PARTS", "1000")
    monkeypatch.setenv("EXCHANGE_PULL_DEADLINE", "0")
    monkeypatch.setenv("EXCHANGE_AIRFLOW_URL", "localhost:8080")
    with pytest.raises(ConfigurationError) as raised:
        settings()
    airflow_url, *others = str(raised.value).splitlines()
    assert airflow_url.startswith("EXCHANGE_AIRFLOW_URL: write an address such as http://")
    assert others == [
        "EXCHANGE_PAGE_SIZE: this must be a whole number.",
        "EXCHANGE_MAX_PARTS: this must be 256 or less.",
        "EXCHANGE_PULL_DEADLINE: this must be more than 0.",
    ]


def test_a_secret_comes_from_the_environment_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harbor-goods-store").write_text("from the file\n")
    assert read_secret("harbor-goods-store", tmp_path) == "from the file"
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", "from the environment")
    assert read_secret("harbor-goods-store", tmp_path) == "from the environment"


def test_the_secrets_folder_of_the_settings_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_SECRETS_DIR", str(tmp_path))
    (tmp_path / "key").write_text("value")
    assert read_secret("key") == "value"


def test_an_installation_elsewhere_has_its_secrets_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXCHANGE_SECRETS_DIR", raising=False)
    monkeypatch.setenv("EXCHANGE_STATE_DIR", str(tmp_path))
    assert settings().secrets_dir == tmp_path / "secrets"
    settings.cache_clear()
    monkeypatch.setenv("EXCHANGE_SECRETS_DIR", str(tmp_path / "others"))
    assert settings().secrets_dir == tmp_path / "others"


def test_a_secret_that_is_nowhere_is_told_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    for name in ("missing", "empty"):
        with pytest.raises(ConfigurationError) as raised:
            read_secret(name, tmp_path)
        told = str(raised.value)
        assert f"EXCHANGE_SECRET_{name.upper()}" in told
        assert str(tmp_path / name) in told


def test_a_secret_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is a directory"):
        read_secret("folder", tmp_path)
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read_secret("binary", tmp_path)


@pytest.mark.parametrize("name", ["../passwd", "", ".", "postgresql://u:S3cret@h/d", "a\n"])
def test_what_is_no_name_of_a_secret_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_secret(name, tmp_path)
    assert str(raised.value).startswith("The name of a secret has only letters")
    assert "S3cret" not in str(raised.value)
