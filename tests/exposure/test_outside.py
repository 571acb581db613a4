"""What the API shows of itself: hosts, unknown paths, failures, and the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.credentials import IssuedCredential
from tests.exposure.conftest import HOST, Api, Installation

CANARY = "canary@example.org"


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8443", "Taylor-Times.LOCALHOST", f"{HOST}."])
def test_the_host_header_chooses_the_tenant_and_its_port_does_not_matter(
    api: Api, host: str
) -> None:
    assert api.request("GET", "/rest/v2/segments", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example", "", f"x.{HOST}"])
@pytest.mark.parametrize("path", ["/segments", "/oauth/token"])
def test_a_host_that_is_not_here_is_misdirected(api: Api, host: str, path: str) -> None:
    method = "POST" if path.startswith("/oauth") else "GET"
    answer = api.request(method, f"/rest/v2{path}", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]) == (421, "misdirected_request")


def test_a_tenant_whose_file_is_broken_is_not_here(installation: Installation, api: Api) -> None:
    file = installation.folder / "tenants" / "taylor-times.yaml"
    whole = file.read_text()
    file.write_text(whole + "unknown: key\n")
    assert api.get("/segments").status_code == 421
    file.write_text(whole)
    assert api.get("/segments").status_code == 200


def test_health_is_answered_for_any_host_and_without_a_token(stranger: Api) -> None:
    answer = stranger.request("GET", "/healthz", headers={"Host": "10.0.0.1"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/rest/v2/visitors", 404),
        ("GET", "/docs", 404),
        ("GET", "/rest/v2/oauth/token", 405),
        ("POST", "/rest/v2/segments", 405),
    ],
)
def test_other_paths_and_methods_are_refused_in_json(
    api: Api, method: str, path: str, status: int
) -> None:
    answer = api.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize("path", ["/rest/v2/segments/", "/rest/v2/profiles/x/", "/healthz/"])
@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_nobody_is_sent_elsewhere_for_a_slash_too_many(stranger: Api, host: str, path: str) -> None:
    answer = stranger.request("GET", path, headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "location" not in answer.headers


def test_every_worker_tells_what_it_serves(stranger: Api) -> None:
    described = stranger.request("GET", "/rest/v2/openapi.json").json()
    assert "/rest/v2/segments/{segment}/profiles" in described["paths"]


@pytest.fixture
def _failing(installation: Installation) -> Iterator[None]:
    """A store that cannot write down what leaves, and quotes the row when it says so."""
    change = "alter table exchange.exchanged_profile {} constraint quotes_the_row {}"
    with engine_for(installation.store).begin() as database:
        database.execute(text(change.format("add", "check (profile_id is null)")))
    yield
    with engine_for(installation.store).begin() as database:
        database.execute(text(change.format("drop", "")))


@pytest.mark.usefixtures("_failing")
def test_a_database_error_reaches_neither_partner_nor_log(
    installation: Installation, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    installation.add(email=[CANARY])
    answer = api.get("/segments/everybody/profiles")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "CheckViolation" in caplog.text
    for told in (answer.text, caplog.text):
        assert "Failing row" not in told
        assert "quotes_the_row" not in told


def test_a_store_that_is_away_is_worth_a_retry(
    installation: Installation, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    away = "postgresql://nobody:hidden@127.0.0.1:1/nowhere?connect_timeout=1"
    installation.exposure_secret.write_text(away)
    answer = api.get("/segments")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "hidden" not in caplog.text


def test_connections_that_the_database_ended_cost_no_request(
    installation: Installation, api: Api
) -> None:
    assert api.get("/segments").status_code == 200
    ended = text(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where application_name = 'profile-exchange-exposure' and datname = current_database()"
    )
    with engine_for(installation.store).connect() as database:
        assert all(database.scalars(ended))
    assert api.get("/segments").status_code == 200


def test_a_missing_secret_is_told_to_the_operator_not_to_the_partner(
    installation: Installation, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    installation.exposure_secret.unlink()
    answer = api.get("/segments")
    assert answer.status_code == 500
    assert "taylor-times-store-exposure" in caplog.text
    assert "taylor-times-store" not in answer.text


def test_the_log_has_one_line_a_request_and_no_value_token_or_secret_in_it(
    installation: Installation,
    stranger: Api,
    issued: IssuedCredential,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "profile_exchange")
    installation.add(email=[CANARY], section=["Sports"])
    stranger.log_in(issued)
    asked = {"property": "email", "operator": "CONTAINS_ANY", "values": [CANARY]}
    stranger.profiles(refinement=json.dumps(asked))
    stranger.get(f"/segments/{CANARY}/profiles")
    stranger.get("/segments", access_token="in-the-address")
    stranger.request("GET", f"/{CANARY}")
    lines = [record.getMessage() for record in caplog.records if "access" in record.name]
    told = [line.rpartition(" ms=")[0] for line in lines]
    route = "/rest/v2/segments/{segment}/profiles"
    assert told == [
        "POST /rest/v2/oauth/token 200 connection=harbor-goods count=-",
        f"GET {route} 200 connection=harbor-goods count=1",
        f"GET {route} 404 connection=harbor-goods count=-",
        "GET /rest/v2/segments 400 connection=- count=-",
        "GET - 404 connection=- count=-",
    ]
    for secret in (CANARY, "canary", issued.secret, issued.key, str(stranger.token), "address"):
        assert secret not in caplog.text
