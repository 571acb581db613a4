"""Who guesses secrets waits; the partner whose key is guessed at does not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from profile_exchange.exposure.backoff import FREE, LONGEST_WAIT, key_of
from profile_exchange.tenants.postgres.credentials import IssuedCredential, rotate
from tests.exposure.conftest import START, Api, Installation

Serve = Callable[..., Api]


@pytest.fixture
def quick_secrets() -> None:
    """Here they cost what they cost."""


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


def test_a_partner_who_signs_in_for_the_first_time_is_let_in_beside_strangers(
    stranger: Api, issued: IssuedCredential
) -> None:
    assert guess(stranger, "any", FREE + 1)[-1] == 429
    assert stranger.ask_for_token(issued).status_code == 200


def test_a_new_key_is_let_in_where_the_old_one_was(
    installation: Installation, api: Api, issued: IssuedCredential, serve: Serve
) -> None:
    assert guess(api, "any", FREE + 1)[-1] == 429
    soon = timedelta(hours=1)
    new = rotate(installation.store, "harbor-goods", now=installation.clock.now, overlap=soon)
    assert [api.ask_for_token(each).status_code for each in (issued, new)] == [200, 200]
    # It is the connection that is known there, so that strangers do not count against its new key.
    another = serve()
    assert guess(another, "any", FREE + 1)[-1] == 429
    assert guess(another, new.key, FREE) == [401] * FREE


def test_strangers_beside_the_partner_who_know_its_key_do_not_hold_it_back(
    installation: Installation, serve: Serve, api: Api, issued: IssuedCredential
) -> None:
    """Also with a worker that has not seen the right secret before."""
    for worker in (api, serve()):
        for _ in range(3):
            assert guess(worker, issued.key, FREE + 1)[-1] == 429
            assert worker.ask_for_token(issued).status_code == 200


def test_who_is_right_is_let_in_while_others_try_the_same_key_in_numbers(
    api: Api, issued: IssuedCredential
) -> None:
    turns = count()

    def ask() -> Any:
        is_right = next(turns) % 10 == 0
        return api.ask_for_token(issued if is_right else IssuedCredential(issued.key, "wrong"))

    answers = api.at_once(60, ask)
    assert [answer.status_code for answer in answers].count(200) == 6


def test_who_was_wrong_too_often_is_checked_all_the_same_and_told_to_wait(
    installation: Installation, stranger: Api
) -> None:
    """A wrong secret makes nobody wait longer who waits already."""
    assert guess(stranger, "any", FREE + 3) == [401] * FREE + [429] * 3
    installation.clock.forward(seconds=1)
    assert guess(stranger, "any", 1) == [401]


def test_what_is_kept_of_who_was_wrong_is_small_whatever_they_call_themselves() -> None:
    kept = {key_of("x" * 8_000, "203.0.113.5"), key_of("x"), key_of("x", "203.0.113.5")}
    assert {len(each) for each in kept} == {16}
    assert len(kept) == 3


def test_one_partner_who_tries_without_end_does_not_keep_another_out(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    """Both have been here before, and this worker has seen neither's secret."""
    installation.connect("another")
    other = installation.issue("another")
    for each in (issued, other):
        serve().log_in(each)
    worker, turns = serve(), count()

    def ask() -> tuple[bool, int]:
        is_other = next(turns) % 12 == 11
        wrong = IssuedCredential(issued.key, "wrong")
        return is_other, worker.ask_for_token(other if is_other else wrong).status_code

    with ThreadPoolExecutor(60) as threads:
        answers = list(threads.map(lambda _: ask(), range(60)))
    assert {status for is_other, status in answers if is_other} == {200}
    assert 503 in {status for is_other, status in answers if not is_other}


def test_the_partners_lane_is_open_while_strangers_fill_theirs(
    api: Api, issued: IssuedCredential
) -> None:
    wrong = iter(range(1000))

    def flood() -> Any:
        return api.ask_for_token(IssuedCredential(f"any-{next(wrong)}", "wrong"))

    refused = api.at_once(60, flood)
    assert 200 not in {answer.status_code for answer in refused}
    assert api.ask_for_token(issued).status_code == 200
