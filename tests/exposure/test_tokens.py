"""Tokens: given for key and secret only, short-lived, and dead as soon as they should be."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import func, select, update

from profile_exchange.exposure import presented, secret_checks
from profile_exchange.exposure.secret_checks import MAX_WAITING
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import access_token, credential
from profile_exchange.tenants.postgres.credentials import (
    IssuedCredential,
    revoke,
    rotate,
    secret_matches,
)
from tests.exposure.conftest import TENANT, Api, Installation

REFUSED = {"error": "invalid_client", "error_description": "Client authentication failed."}


def basic(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{key}:{secret}".encode()).decode()}


def works(api: Api, token: str | None = None) -> bool:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return api.request("GET", "/rest/v2/segments", headers=headers).status_code == 200


def test_key_and_secret_in_the_body_give_a_token(stranger: Api, issued: IssuedCredential) -> None:
    answer = stranger.ask_for_token(issued)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert body["token_type"] == "Bearer"
    assert 0 < body["expires_in"] <= 3600
    assert works(stranger, body["access_token"])


def test_key_and_secret_by_http_basic_give_a_token(stranger: Api, issued: IssuedCredential) -> None:
    form = {"grant_type": "client_credentials"}
    answer = stranger.post("/oauth/token", form, headers=basic(issued.key, issued.secret))
    assert works(stranger, answer.json()["access_token"])
    form["client_id"] = issued.key
    answer = stranger.post(
        "/oauth/token", form, headers=basic(quote(issued.key), quote(issued.secret))
    )
    assert answer.status_code == 200


def test_a_token_is_stored_as_its_digest_only(
    installation: Installation, stranger: Api, issued: IssuedCredential
) -> None:
    token = stranger.log_in(issued)
    with engine_for(installation.store).connect() as database:
        [stored] = database.scalars(select(access_token.c.digest))
    assert bytes(stored) == hashlib.sha256(token.encode()).digest()


def test_every_wrong_credential_is_answered_alike(
    installation: Installation, stranger: Api, issued: IssuedCredential
) -> None:
    revoked, expired, foreign = (installation.issue() for _ in range(3))
    revoke(installation.store, "harbor-goods", revoked.key, now=installation.clock.now)
    with engine_for(installation.store).begin() as database:
        row = update(credential)
        database.execute(
            row.where(credential.c.client_id == expired.key).values(
                expires_at=installation.clock.now
            )
        )
        database.execute(
            row.where(credential.c.client_id == foreign.key).values(connection="elsewhere")
        )
    wrong = [
        replace(issued, secret="wrong"),
        replace(issued, secret=issued.secret[:-1]),
        replace(issued, key="unknown"),
        replace(issued, key="ключ"),
        revoked,
        expired,
        foreign,
    ]
    answers = [stranger.ask_for_token(each) for each in wrong]
    assert [answer.status_code for answer in answers] == [401] * len(wrong)
    assert all(answer.json() == REFUSED for answer in answers)
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in answers)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x", "Basic AGE6Yg=="]
)
def test_a_header_that_is_no_basic_is_refused(stranger: Api, header: str) -> None:
    answer = stranger.post(
        "/oauth/token",
        {"grant_type": "client_credentials"},
        headers={"Authorization": header},
    )
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
def test_credentials_in_the_address_are_refused_even_when_right(
    stranger: Api, issued: IssuedCredential, path: str
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": issued.key,
        "client_secret": issued.secret,
        "token": "x",
    }
    answer = stranger.post(path, form, params={"client_secret": issued.secret})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_token_in_the_address_is_refused_even_when_right(api: Api) -> None:
    assert api.get("/segments", access_token=api.token).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_secret": ""}, "invalid_request"),
        ({"client_secret": "a\x00b"}, "invalid_request"),
        ({"client_secret": "x" * 10_000}, "invalid_request"),
        ({f"field{number}": "x" for number in range(20)}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_form_is_refused(
    stranger: Api, issued: IssuedCredential, changes: dict[str, str], error: str
) -> None:
    answer = stranger.ask_for_token(issued, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"grant_type=client_credentials&client_id=a&client_id=b&client_secret=c", "form"),
        (b"grant_type=client_credentials&client_id=\xff&client_secret=c", "form"),
        (b'{"grant_type": "client_credentials"}', "json"),
    ],
)
def test_a_body_that_is_no_plain_form_is_refused(stranger: Api, content: bytes, kind: str) -> None:
    types = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
    answer = stranger.request(
        "POST", "/rest/v2/oauth/token", content=content, headers={"Content-Type": types[kind]}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_body_and_basic_together_are_refused(stranger: Api, issued: IssuedCredential) -> None:
    header = basic(issued.key, issued.secret)
    both = {"grant_type": "client_credentials", "client_secret": issued.secret}
    assert stranger.post("/oauth/token", both, headers=header).status_code == 400
    other = {"grant_type": "client_credentials", "client_id": "another"}
    assert stranger.post("/oauth/token", other, headers=header).status_code == 400


def test_a_token_expires(installation: Installation, api: Api) -> None:
    installation.clock.forward(minutes=59)
    assert works(api)
    installation.clock.forward(minutes=1)
    answer = api.get("/segments")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_expired_tokens_are_forgotten_when_the_next_is_given(
    installation: Installation, stranger: Api, issued: IssuedCredential
) -> None:
    stranger.log_in(issued)
    installation.clock.forward(hours=2)
    stranger.log_in(issued)
    with engine_for(installation.store).connect() as database:
        assert database.scalar(select(func.count()).select_from(access_token)) == 1


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer " + "x" * 999]
)
def test_without_a_good_token_nothing_is_told(
    installation: Installation, stranger: Api, header: str
) -> None:
    installation.add(section=["Sports"])
    for path in ("/segments", "/profileProperties", "/objectives", "/segments/sports/profiles"):
        answer = stranger.request(
            "GET", f"/rest/v2{path}", headers={"Authorization": header} if header else {}
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_switching_the_connection_off_ends_its_tokens_at_once(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    assert works(api)
    installation.connect(enabled=False)
    assert not works(api)
    assert api.ask_for_token(issued).json() == REFUSED
    installation.connect(enabled=True)
    assert works(api)


def test_a_connection_that_is_gone_broken_or_another_tenants_gives_nothing(
    installation: Installation, api: Api
) -> None:
    installation.disconnect()
    assert not works(api)
    installation.connect(unknown_key=1)
    assert not works(api)
    installation.connect(tenant="another-tenant")
    assert not works(api)
    installation.connect()
    assert works(api)


def test_revoking_a_credential_ends_its_tokens_at_once(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    revoke(installation.store, "harbor-goods", issued.key, now=installation.clock.now)
    assert not works(api)


def test_a_rotated_credential_lasts_as_long_as_the_overlap_and_so_do_its_tokens(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    overlap = timedelta(minutes=10)
    new = rotate(installation.store, "harbor-goods", now=installation.clock.now, overlap=overlap)
    assert works(api)
    assert api.ask_for_token(issued).json()["expires_in"] == overlap.total_seconds()
    installation.clock.forward(minutes=10)
    assert not works(api)
    assert api.ask_for_token(issued).json() == REFUSED
    api.log_in(new)
    assert works(api)


def test_a_revoked_token_is_dead_and_revoking_it_again_changes_nothing(
    api: Api, issued: IssuedCredential
) -> None:
    form = {"client_id": issued.key, "client_secret": issued.secret, "token": str(api.token)}
    for _ in range(2):
        answer = api.post("/oauth/revoke", form)
        assert (answer.status_code, answer.content) == (200, b"")
    assert not works(api)


def test_nobody_revokes_the_token_of_another(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    other = installation.issue()
    form = {"client_id": other.key, "client_secret": other.secret, "token": str(api.token)}
    assert api.post("/oauth/revoke", form).status_code == 200
    assert works(api)
    assert api.post("/oauth/revoke", {**form, "client_secret": "wrong"}).json() == REFUSED


def test_a_token_is_for_the_tenant_that_gave_it(
    installation: Installation, other_store_url: str, api: Api
) -> None:
    other = {**TENANT, "host": "other-times.localhost", "store": "other-times-store"}
    installation.host("other-times", other, store=other_store_url)
    elsewhere = {"Host": "other-times.localhost"}
    assert api.request("GET", "/rest/v2/segments", headers=elsewhere).status_code == 401


def test_a_token_is_good_with_every_worker(serve: Callable[[], Api], api: Api) -> None:
    assert works(serve(), api.token)


def test_a_flood_of_secrets_is_told_to_come_later(
    stranger: Api, issued: IssuedCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(issued, secret="wrong")
    sent_away = Event()

    def slowly(secret: str, secret_hash: str | None) -> bool:
        # No secret is checked before the lane was full: how quick this machine is decides nothing.
        sent_away.wait(timeout=60)
        return secret_matches(secret, secret_hash)

    def ask() -> httpx.Response:
        answer = stranger.ask_for_token(wrong)
        if answer.status_code == 503:
            sent_away.set()
        return answer

    monkeypatch.setattr(secret_checks, "secret_matches", slowly)
    answers = stranger.at_once(2 * MAX_WAITING + 8, ask)
    later = [answer for answer in answers if answer.status_code != 401]
    assert 503 in {answer.status_code for answer in later} <= {429, 503}
    assert all(answer.headers["Retry-After"] for answer in later)


def test_tokens_have_an_allowance_of_their_own(
    installation: Installation, serve: Callable[[], Api], issued: IssuedCredential
) -> None:
    installation.limits = {"requests_per_second": 1}
    api = serve()
    api.log_in(issued)
    assert [api.get("/objectives").status_code for _ in range(3)] == [200, 200, 429]
    answers = [api.ask_for_token(issued) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] + [429] * 4
    assert answers[-1].headers["Retry-After"] == "1"
    with engine_for(installation.store).connect() as database:
        assert database.scalar(select(func.count()).select_from(access_token)) == 2
    installation.clock.forward(seconds=1)
    assert api.ask_for_token(issued).status_code == 200


def test_who_is_wrong_uses_up_nobodys_tokens(
    installation: Installation, serve: Callable[[], Api], issued: IssuedCredential
) -> None:
    installation.limits = {"requests_per_second": 0.5}
    api = serve()
    for _ in range(3):
        assert api.ask_for_token(replace(issued, secret="wrong")).status_code == 401
    assert api.ask_for_token(issued).status_code == 200


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
def test_a_form_that_does_not_come_to_its_end_is_refused(
    stranger: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(presented, "FORM_SECONDS", 0.05)

    async def dribbling() -> AsyncIterator[bytes]:
        yield b"grant_type="
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stranger.request("POST", f"/rest/v2{path}", content=dribbling(), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "did not come to its end" in answer.json()["error_description"]
