"""Credentials are good from where the partner is; from elsewhere they are refused and reported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from profile_exchange.tenants.postgres.credentials import IssuedCredential, used_elsewhere
from tests.exposure.conftest import Api, Installation

PARTNER = {"name": "Harbor Goods", "host": "harbor-goods.example"}
HOME, ELSEWHERE = "203.0.113.5", "198.51.100.66"

Serve = Callable[..., Api]


@pytest.fixture
def _far_away(installation: Installation) -> None:
    """Harbor Goods is not on this machine."""
    installation.connect(partner=PARTNER)
    installation.addresses["harbor-goods.example"] = {HOME, "2001:db8::5"}


def lets_in(api: Api, issued: IssuedCredential) -> bool:
    answer = api.ask_for_token(issued)
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


@pytest.mark.usefixtures("_far_away")
def test_credentials_are_good_from_where_the_partners_host_name_leads(
    serve: Serve, issued: IssuedCredential
) -> None:
    for address in (HOME, f"::ffff:{HOME}", "2001:db8::5"):
        assert lets_in(serve(address), issued), address
    for address in (ELSEWHERE, "2001:db8::6", "127.0.0.1", "unknown"):
        assert not lets_in(serve(address), issued), address


@pytest.mark.usefixtures("_far_away")
def test_networks_that_are_listed_count_instead_of_the_host_name(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    installation.connect(partner=PARTNER, expose={"networks": ["192.0.2.0/28", ELSEWHERE]})
    for address in ("192.0.2.3", ELSEWHERE):
        assert lets_in(serve(address), issued), address
    for address in ("192.0.2.16", HOME):
        assert not lets_in(serve(address), issued), address


@pytest.mark.usefixtures("_far_away")
def test_a_token_that_is_used_from_elsewhere_is_refused(
    serve: Serve, issued: IssuedCredential
) -> None:
    home, elsewhere = serve(HOME), serve(ELSEWHERE)
    elsewhere.token = home.log_in(issued)
    refused = elsewhere.get("/segments")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert home.get("/segments").status_code == 200


@pytest.mark.usefixtures("_far_away")
def test_who_comes_from_elsewhere_learns_no_more_than_who_guesses(
    serve: Serve, issued: IssuedCredential
) -> None:
    elsewhere = serve(ELSEWHERE)
    right = elsewhere.ask_for_token(issued)
    wrong = elsewhere.ask_for_token(IssuedCredential("unknown", "wrong"))
    assert (right.status_code, right.json()) == (wrong.status_code, wrong.json())


@pytest.mark.usefixtures("_far_away")
def test_it_is_reported_where_operators_look_and_not_over_and_over(
    installation: Installation,
    serve: Serve,
    issued: IssuedCredential,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "profile_exchange")
    elsewhere = serve(ELSEWHERE)
    for _ in range(3):
        lets_in(elsewhere, issued)
    installation.clock.forward(minutes=5)
    lets_in(elsewhere, issued)
    [noted] = used_elsewhere(installation.store, "harbor-goods")
    assert (noted.address, noted.times, noted.last_at) == (ELSEWHERE, 2, installation.clock.now)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert f"used from {ELSEWHERE}" in warnings[0].getMessage()
    assert "exchange credentials list harbor-goods" in warnings[0].getMessage()
    assert issued.secret not in caplog.text


@pytest.mark.usefixtures("_far_away")
def test_wrong_secrets_fill_no_report(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    assert not lets_in(serve(ELSEWHERE), IssuedCredential(issued.key, "wrong"))
    assert used_elsewhere(installation.store, "harbor-goods") == []


@pytest.mark.usefixtures("_far_away")
def test_a_name_that_moves_is_followed_and_one_that_cannot_be_asked_for_is_remembered(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    home, moved = serve(HOME), serve(ELSEWHERE)
    assert lets_in(home, issued)
    del installation.addresses["harbor-goods.example"]
    installation.clock.forward(minutes=2)
    assert lets_in(home, issued)
    installation.addresses["harbor-goods.example"] = {ELSEWHERE}
    assert lets_in(moved, issued)
    assert not lets_in(home, issued)
    del installation.addresses["harbor-goods.example"]
    installation.clock.now += timedelta(days=2)
    assert not lets_in(moved, issued)
