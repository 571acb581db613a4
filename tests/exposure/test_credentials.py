"""Consumer keys and secrets: shown once, kept as a hash, and ended when somebody says so."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from profile_exchange.cli.credentials import app
from profile_exchange.config.settings import settings
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.scopes import Scope
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import access_token, credential
from profile_exchange.tenants.postgres.credentials import (
    IssuedCredential,
    issue,
    list_credentials,
    revoke,
    rotate,
    secret_matches,
)
from tests.exposure.conftest import START, Api, Installation


@pytest.fixture
def quick_secrets() -> None:
    """Here they cost what they cost."""


@pytest.fixture
def store(installation: Installation) -> str:
    return installation.store


@pytest.fixture
def _on_the_command_line(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on this installation."""
    for name, folder in installation.settings.model_dump(
        include={"tenants_dir", "connections_dir", "secrets_dir"}
    ).items():
        monkeypatch.setenv(f"EXCHANGE_{name.upper()}", str(folder))
    settings.cache_clear()


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_secret_has_256_bits_and_is_kept_as_an_argon2id_hash(store: str) -> None:
    issued = issue(store, "harbor-goods", now=START)
    with engine_for(store).connect() as database:
        [kept] = database.execute(select(credential)).all()
    assert (kept.client_id, kept.connection, kept.issued_at) == (
        issued.key,
        "harbor-goods",
        START,
    )
    assert len(issued.secret) >= 256 / 6
    assert kept.secret_hash.startswith("$argon2id$")
    assert issued.secret not in str(kept)
    assert issued.secret not in repr(issued)
    assert secret_matches(issued.secret, kept.secret_hash)
    assert not secret_matches(issued.secret + "x", kept.secret_hash)


def test_no_two_credentials_are_alike(store: str) -> None:
    many = [issue(store, "harbor-goods", now=START) for _ in range(3)]
    assert len({each.key for each in many} | {each.secret for each in many}) == 6


def test_an_unknown_key_takes_the_work_of_a_wrong_secret(store: str) -> None:
    issued = issue(store, "harbor-goods", now=START)
    with engine_for(store).connect() as database:
        kept = database.scalar(select(credential.c.secret_hash))
    assert not secret_matches(issued.secret, None)
    known, unknown = (processor_time(secret_hash) for secret_hash in (kept, None))
    assert 0.5 < known / unknown < 2


def processor_time(secret_hash: str | None) -> float:
    """Seconds of this thread's own work for a wrong secret: the least of several tries."""
    tries = []
    for _ in range(5):
        started = time.thread_time()
        secret_matches("wrong", secret_hash)
        tries.append(time.thread_time() - started)
    return min(tries)


def test_a_connections_credentials_are_listed_the_newest_first(store: str) -> None:
    old = issue(store, "harbor-goods", now=START)
    new = issue(store, "harbor-goods", now=START + timedelta(days=1))
    issue(store, "another", now=START)
    assert [each.key for each in list_credentials(store, "harbor-goods")] == [new.key, old.key]


def test_revoking_ends_a_credential_once_and_for_all(store: str) -> None:
    issued = issue(store, "harbor-goods", now=START)
    for days in (1, 2):
        revoke(store, "harbor-goods", issued.key, now=START + timedelta(days=days))
    [known] = list_credentials(store, "harbor-goods")
    assert known.revoked_at == START + timedelta(days=1)
    assert known.state(START + timedelta(days=3)) == "revoked"


def test_revoking_deletes_the_tokens(store: str, api: Api, issued: IssuedCredential) -> None:
    assert api.token
    revoke(store, "harbor-goods", issued.key, now=START)
    with engine_for(store).connect() as database:
        assert database.scalar(select(func.count()).select_from(access_token)) == 0


def test_a_key_of_another_connection_is_not_revoked(store: str) -> None:
    issued = issue(store, "harbor-goods", now=START)
    with pytest.raises(ConfigurationError, match="exchange credentials list another"):
        revoke(store, "another", issued.key, now=START)
    [known] = list_credentials(store, "harbor-goods")
    assert known.usable(START)


def test_rotating_shortens_the_life_of_the_others_and_lengthens_none(store: str) -> None:
    first = issue(store, "harbor-goods", now=START)
    second = rotate(store, "harbor-goods", now=START, overlap=timedelta(hours=1))
    third = rotate(store, "harbor-goods", now=START, overlap=timedelta(hours=5))
    other = issue(store, "another", now=START)
    ends = {
        each.key: each.expires_at
        for name in ("harbor-goods", "another")
        for each in list_credentials(store, name)
    }
    assert ends == {
        first.key: START + timedelta(hours=1),
        second.key: START + timedelta(hours=5),
        third.key: None,
        other.key: None,
    }


@pytest.mark.usefixtures("_on_the_command_line")
def test_issue_prints_the_secret_once_and_the_api_takes_it(stranger: Api) -> None:
    shown = command("issue", "harbor-goods")
    assert shown.exit_code == 0
    key, secret = re.findall(r"Consumer (?:key|secret): +(\S+)", shown.stdout)
    assert shown.stdout.count(secret) == 1
    assert secret not in shown.stderr
    assert secret not in command("list", "harbor-goods").output
    assert stranger.ask_for_token(IssuedCredential(key, secret)).status_code == 200


@pytest.mark.usefixtures("_on_the_command_line")
def test_issue_prints_one_json_object_when_asked_to(stranger: Api) -> None:
    shown = json.loads(command("issue", "harbor-goods", "--json").stdout)
    assert shown["host"] == "taylor-times.localhost"
    issued = IssuedCredential(shown["consumer_key"], shown["consumer_secret"])
    assert stranger.ask_for_token(issued).status_code == 200


@pytest.mark.usefixtures("_on_the_command_line")
def test_list_tells_how_each_key_stands() -> None:
    assert "exchange credentials issue harbor-goods" in command("list", "harbor-goods").stderr
    keys = [
        json.loads(command("issue", "harbor-goods", "--json").stdout)["consumer_key"]
        for _ in range(2)
    ]
    assert command("revoke", "harbor-goods", keys[0]).exit_code == 0
    rotated = command("rotate", "harbor-goods", "--overlap-hours", "0", "--json")
    keys.append(json.loads(rotated.stdout)["consumer_key"])
    lines = command("list", "harbor-goods").stdout.splitlines()
    states = dict(line.split()[:2] for line in lines)
    assert states == dict(zip(keys, ["revoked", "expired", "active"], strict=True))


@pytest.mark.usefixtures("_on_the_command_line")
def test_rotate_tells_which_keys_end_and_which_do_not(
    installation: Installation, store: str
) -> None:
    installation.connect(accept={"identifiers": ["email"], "properties": {"city": ["SET"]}})
    reading = issue(store, "harbor-goods", now=START)
    both = issue(store, "harbor-goods", now=START, scopes=[Scope.READ, Scope.WRITE])
    writing = issue(store, "harbor-goods", now=START, scopes=[Scope.WRITE])
    told = command("rotate", "harbor-goods", "--overlap-hours", "0").stderr
    assert re.search(f"Ends 20.* UTC: {reading.key}", told)
    assert f"Stays as it is, because it is for read and write: {both.key}" in told
    assert f"exchange credentials revoke harbor-goods {both.key}" in told
    assert writing.key not in told
    scopes = ("--scope", "read", "--scope", "write")
    told = command("rotate", "harbor-goods", *scopes).stderr
    assert re.search(f"Ends 20.* UTC: {both.key}", told)
    assert f"it is for write: {writing.key}" in told


@pytest.mark.usefixtures("_on_the_command_line", "store")
def test_rotate_says_when_no_other_key_ends() -> None:
    assert "No other key ends" in command("rotate", "harbor-goods").stderr


@pytest.mark.usefixtures("_on_the_command_line")
def test_list_tells_from_where_credentials_were_refused(
    installation: Installation, serve: Callable[..., Api], issued: IssuedCredential
) -> None:
    assert "Refused" not in command("list", "harbor-goods").stderr
    assert serve("198.51.100.66").ask_for_token(issued).status_code == 401
    told = command("list", "harbor-goods").stderr
    assert "Refused from 198.51.100.66, where harbor-goods.localhost is not: 1 time, " in told


@pytest.mark.usefixtures("_on_the_command_line")
@pytest.mark.parametrize("arguments", [("issue",), ("list",), ("rotate",), ("revoke", "a-key")])
def test_a_connection_that_only_imports_has_no_credentials(
    installation: Installation, arguments: tuple[str, ...]
) -> None:
    installation.connect_to_import("importer")
    name, *rest = arguments
    refused = command(name, "importer", *rest)
    assert isinstance(refused.exception, ConfigurationError)
    assert "only imports" in str(refused.exception)
