"""Who guesses secrets waits; the partner whose key is guessed at does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from profile_exchange.exposure.backoff import FREE, LONGEST_WAIT
from profile_exchange.tenants.postgres.credentials import IssuedCredential
from tests.exposure.conftest import START, Api, Installation

Serve = Callable[..., Api]


def guess(api: Api, key: str, times: int) -> list[int]:
    wrong = IssuedCredential(key, "wrong")
    return [api.ask_for_token(wrong).status_code for _ in range(times)]


def test_after_some_wrong_secrets_an_address_waits_longer_and_longer(
    installation: Installation, stranger: Api
) -> None:
    assert guess(stranger, "any", FREE) == [401] * FREE
    waits = []
    for _ in range(9):
        refused = stranger.ask_for_token(IssuedCredential("any", "wrong"))
        assert (refused.status_code, refused.json()["error"]) == (429, "too_many_requests")
        waits.append(int(refused.headers["Retry-After"]))
        installation.clock.forward(seconds=waits[-1])
        assert guess(stranger, "any", 1) == [401]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waits) == LONGEST_WAIT.total_seconds()


def test_another_key_from_the_same_address_waits_too_and_another_address_does_not(
    serve: Serve, stranger: Api
) -> None:
    guess(stranger, "any", FREE)
    assert guess(stranger, "another", 1) == [429]
    assert guess(serve(), "any", 1) == [401]


@pytest.mark.usefixtures("installation")
def test_whether_a_key_exists_makes_no_difference(serve: Serve, issued: IssuedCredential) -> None:
    known, unknown = serve(), serve()
    tries = FREE + 2
    assert guess(known, issued.key, tries) == guess(unknown, "unknown", tries)


def test_strangers_beside_the_partner_do_not_hold_it_back(
    api: Api, issued: IssuedCredential
) -> None:
    """They share an address, as behind one proxy, and the partner was here before."""
    assert guess(api, "any", FREE + 1)[-1] == 429
    assert api.ask_for_token(issued).status_code == 200
    assert guess(api, "any", 1) == [429]


def test_strangers_elsewhere_who_know_the_key_do_not_hold_the_partner_back(
    installation: Installation, issued: IssuedCredential, serve: Serve
) -> None:
    installation.connect(expose={"networks": ["203.0.113.0/24"]})
    for number in range(3):
        assert guess(serve(f"198.51.100.{number}"), issued.key, FREE + 1)[-1] == 429
    assert serve("203.0.113.9").ask_for_token(issued).status_code == 200


def test_a_partner_that_was_wrong_waits_and_is_forgiven_when_it_is_right(
    installation: Installation, api: Api, issued: IssuedCredential
) -> None:
    assert guess(api, issued.key, FREE + 1)[-1] == 429
    installation.clock.forward(seconds=1)
    assert api.ask_for_token(issued).status_code == 200
    assert guess(api, issued.key, FREE) == [401] * FREE


def test_what_went_wrong_long_ago_is_forgotten(installation: Installation, stranger: Api) -> None:
    assert guess(stranger, "any", FREE + 1)[-1] == 429
    installation.clock.forward(minutes=11)
    assert guess(stranger, "any", FREE) == [401] * FREE
    assert installation.clock.now > START


def test_the_partners_lane_is_open_while_strangers_fill_theirs(
    api: Api, issued: IssuedCredential
) -> None:
    wrong = iter(range(1000))

    def flood() -> Any:
        return api.ask_for_token(IssuedCredential(f"any-{next(wrong)}", "wrong"))

    refused = api.at_once(60, flood)
    assert 200 not in {answer.status_code for answer in refused}
    assert api.ask_for_token(issued).status_code == 200
