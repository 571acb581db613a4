"""Credentials are good from where the partner is; from elsewhere they are refused and reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from profile_exchange.config.registry import read_connection
from profile_exchange.domain.scopes import Scope
from profile_exchange.exposure.origins import Origins
from profile_exchange.tenants.postgres.credentials import IssuedCredential, used_elsewhere
from tests.exposure.conftest import START, Api, Installation

#: What Harbor Goods may write that it may not read.
ACCEPT = {"identifiers": ["number"], "properties": {"city": ["SET"]}}
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


READS_FROM, WRITES_FROM = "192.0.2.3", "192.0.2.99"
READ_HERE = {"networks": [READS_FROM]}
WRITE_HERE = {"networks": [WRITES_FROM]}
BOTH = (Scope.READ, Scope.WRITE)


def may(serve: Serve, issued: IssuedCredential, address: str, got_at: str) -> tuple[bool, bool]:
    """Whether a token is good for reading from an address, and for writing."""
    api = serve(got_at)
    api.log_in(issued)
    there = serve(address)
    there.token = api.token
    written = there.request("PUT", "/rest/v2/profiles", json=[])
    return there.get("/segments").status_code == 200, written.status_code == 200


@pytest.mark.usefixtures("_far_away")
@pytest.mark.parametrize(
    ("reading", "writing", "allowed"),
    [
        (READ_HERE, WRITE_HERE, {READS_FROM: (True, False), WRITES_FROM: (False, True)}),
        (READ_HERE, {}, {READS_FROM: (True, False), HOME: (False, True)}),
        ({}, WRITE_HERE, {HOME: (True, False), WRITES_FROM: (False, True)}),
        ({}, {}, {HOME: (True, True)}),
    ],
    ids=["both listed", "reading listed", "writing listed", "none listed"],
)
def test_reading_and_writing_are_each_judged_by_the_networks_of_their_own_goal(
    installation: Installation,
    serve: Serve,
    reading: dict[str, list[str]],
    writing: dict[str, list[str]],
    allowed: dict[str, tuple[bool, bool]],
) -> None:
    installation.open_to_writing()
    installation.connect(partner=PARTNER, expose=reading, accept={**ACCEPT, **writing})
    keys = {scopes: installation.issue(scopes=scopes) for scopes in (BOTH, *zip(BOTH))}
    for address in (READS_FROM, WRITES_FROM, HOME, ELSEWHERE):
        reads, writes = allowed.get(address, (False, False))
        assert lets_in(serve(address), keys[BOTH]) == (reads or writes), address
        assert lets_in(serve(address), keys[Scope.READ,]) == reads, address
        assert lets_in(serve(address), keys[Scope.WRITE,]) == writes, address
        assert may(serve, keys[BOTH], address, next(iter(allowed))) == (reads, writes), address


@pytest.mark.usefixtures("_far_away")
def test_who_reads_from_where_only_writing_is_allowed_is_reported(
    installation: Installation, serve: Serve
) -> None:
    installation.open_to_writing()
    installation.connect(partner=PARTNER, expose=READ_HERE, accept={**ACCEPT, **WRITE_HERE})
    issued = installation.issue(scopes=BOTH)
    assert may(serve, issued, READS_FROM, READS_FROM) == (True, False)
    assert may(serve, issued, WRITES_FROM, READS_FROM) == (False, True)
    noted = used_elsewhere(installation.store, "harbor-goods")
    assert {each.address for each in noted} == {READS_FROM, WRITES_FROM}


@pytest.mark.usefixtures("_far_away")
def test_what_both_may_see_is_what_is_allowed_from_here(
    installation: Installation, serve: Serve
) -> None:
    installation.open_to_writing()
    installation.connect(partner=PARTNER, expose=READ_HERE, accept={**ACCEPT, **WRITE_HERE})
    issued = installation.issue(scopes=BOTH)
    seen = {}
    for address in (READS_FROM, WRITES_FROM):
        (api := serve(address)).log_in(issued)
        listed = api.ok("/profileProperties")["profileProperties"]
        seen[address] = {each["id"] for each in listed}
    assert seen == {
        READS_FROM: {"email", "section", "articles", "since"},
        WRITES_FROM: {"number", "city"},
    }


@pytest.mark.usefixtures("_far_away")
def test_a_name_that_cannot_be_looked_up_stops_only_what_it_decides_about(
    installation: Installation, serve: Serve
) -> None:
    installation.addresses.clear()
    installation.open_to_writing()
    installation.connect(partner=PARTNER, expose=READ_HERE, accept=ACCEPT)
    issued = installation.issue(scopes=BOTH)
    api = serve(READS_FROM)
    api.log_in(issued)
    assert api.get("/segments").status_code == 200
    assert api.request("PUT", "/rest/v2/profiles", json=[]).status_code == 503
    assert serve(ELSEWHERE).ask_for_token(issued).status_code == 503
    assert used_elsewhere(installation.store, "harbor-goods") == []


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
    installation.clock.forward(minutes=2)
    assert lets_in(moved, issued)
    lets_in(home, issued)  # perhaps for the last time: it is looked up again meanwhile
    assert not lets_in(home, issued)


@pytest.mark.usefixtures("_far_away")
def test_a_name_that_cannot_be_looked_up_accuses_nobody(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    """Neither when nothing is known of it yet, nor when that was too long ago."""
    known = installation.addresses.pop("harbor-goods.example")
    home = serve(HOME)
    for days in (0, 2):
        installation.clock.now += timedelta(days=days)
        answer = home.ask_for_token(issued)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert used_elsewhere(installation.store, "harbor-goods") == []
        installation.addresses["harbor-goods.example"] = known
        installation.clock.forward(minutes=1)
        assert lets_in(home, issued)
        del installation.addresses["harbor-goods.example"]


@pytest.mark.usefixtures("_far_away")
def test_a_name_is_looked_up_once_a_minute_whatever_comes_of_it(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    looked_up = []
    known = installation.resolve

    async def counting(host: str) -> frozenset[str]:
        looked_up.append(host)
        return await known(host)

    installation.resolve = counting  # type: ignore[method-assign]
    home = serve(HOME)
    home.log_in(issued)
    del installation.addresses["harbor-goods.example"]
    for lookups in (1, 2, 3):
        answers = home.at_once(8, lambda: home.get("/objectives"))
        assert {answer.status_code for answer in answers} == {200}
        assert len(looked_up) == lookups
        installation.clock.forward(minutes=1)


@pytest.mark.usefixtures("_far_away")
def test_what_was_known_is_used_while_a_name_is_looked_up_again(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    known = installation.resolve
    never = asyncio.Event()

    async def slow(host: str) -> frozenset[str]:
        if installation.clock.now > START:
            await never.wait()
        return await known(host)

    installation.resolve = slow  # type: ignore[method-assign]
    home = serve(HOME)
    home.log_in(issued)
    installation.clock.forward(minutes=2)
    assert home.get("/objectives").status_code == 200


@pytest.mark.usefixtures("_far_away")
def test_a_lookup_is_shared_and_waited_for_by_who_is_not_known_yet(
    installation: Installation,
) -> None:
    connection = read_connection(installation.folder / "connections" / "harbor-goods.yaml")
    asked = []

    async def resolve(host: str) -> frozenset[str]:
        asked.append(host)
        await asyncio.sleep(0)
        return frozenset({HOME})

    async def at_once() -> list[bool]:
        origins = Origins(resolve)
        who = (HOME, HOME, ELSEWHERE)
        found = (origins.standing(connection, [Scope.READ], each, START) for each in who)
        return [bool(each.here) for each in await asyncio.gather(*found)]

    assert asyncio.run(at_once()) == [True, True, False]
    assert asked == ["harbor-goods.example"]
