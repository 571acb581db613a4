"""What one partner may ask at a time, and how little of it another one feels."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from profile_exchange.domain.refinement import ContainsAny
from profile_exchange.exposure import counting
from profile_exchange.exposure.load import Load
from profile_exchange.exposure.page_query import page_statement
from profile_exchange.exposure.profile_query import ProfileQuery
from profile_exchange.exposure.refusals import Refusal
from profile_exchange.exposure.statements import Kept
from profile_exchange.exposure.stores import (
    KEPT,
    POOL_SIZE,
    SHARE,
    STATEMENT_SECONDS,
    Statement,
    Stores,
)
from profile_exchange.exposure.turns import Room
from profile_exchange.store.database import connect
from profile_exchange.tenants.postgres.audience import Audience
from profile_exchange.tenants.postgres.credentials import IssuedCredential
from profile_exchange.tenants.rest.network import Patience
from tests.exposure.conftest import START, Api, Installation
from tests.exposure.test_serving import PATIENCE, Service, service, token_for  # noqa: F401

Serve = Callable[..., Api]


def test_a_connection_gets_so_many_requests_a_second_and_some_in_one_go(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    installation.limits = {"requests_per_second": 2}
    api = serve()
    api.log_in(issued)
    assert [api.get("/objectives").status_code for _ in range(5)] == [200] * 4 + [429]
    refused = api.get("/objectives")
    assert (refused.json()["error"], refused.headers["Retry-After"]) == ("too_many_requests", "1")
    installation.clock.forward(seconds=1)
    assert [api.get("/objectives").status_code for _ in range(3)] == [200, 200, 429]


def test_one_connection_does_not_use_up_what_another_may_ask(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    installation.limits = {"requests_per_second": 0.5}
    installation.connect("another")
    api = serve()
    api.log_in(issued)
    assert [api.get("/objectives").status_code for _ in range(2)] == [200, 429]
    api.log_in(installation.issue("another"))
    assert api.get("/objectives").status_code == 200


def test_so_many_requests_of_a_connection_are_under_way_at_once_and_no_more() -> None:
    load = Load(a_second=100, at_once=2)
    leave = [load.enter("one", START) for _ in range(2)]
    with pytest.raises(Refusal, match="At most 2 requests") as refused:
        load.enter("one", START)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    load.enter("another", START)
    leave[0]()
    load.enter("one", START)


def test_each_worker_has_its_share_of_what_a_connection_may_ask() -> None:
    workers = [Load.share(a_second=8, at_once=7, workers=4) for _ in range(4)]
    at_once = 0
    for load in workers:
        for _ in range(7):
            with contextlib.suppress(Refusal):
                load.enter("one", START)
                at_once += 1
    assert at_once == 4


def test_the_smallest_share_still_lets_somebody_in_after_a_while() -> None:
    load = Load.share(a_second=0.2, at_once=4, workers=4)
    load.enter("one", START)()
    with pytest.raises(Refusal):
        load.enter("one", START + timedelta(seconds=10))
    load.enter("one", START + timedelta(seconds=20))


def test_a_request_leaves_whatever_becomes_of_it(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    installation.limits = {"requests_at_once": 1}
    installation.add()
    api = serve()
    api.log_in(issued)
    asked = [("everybody", "*"), ("secret", "*"), ("everybody", "forged")] * 2
    answers = [api.get(f"/segments/{name}/profiles", cursor=cursor) for name, cursor in asked]
    assert [answer.status_code for answer in answers] == [200, 404, 400] * 2


def test_time_that_goes_back_gives_nothing() -> None:
    load = Load(a_second=1, at_once=9)
    for _ in range(2):
        load.enter("one", START)
    with pytest.raises(Refusal):
        load.enter("one", START - timedelta(days=1))


def test_slow_requests_of_one_connection_keep_no_other_waiting(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    installation.connect("another")
    other = installation.issue("another")
    api, another = serve(), serve()
    api.log_in(issued)
    another.client = api.client  # one worker
    another.log_in(other)
    slow = partial(api.get, "/segments/everybody/profiles", expand="ranges", count=1)
    with connect(installation.store) as somebody, ThreadPoolExecutor(POOL_SIZE + 2) as threads:
        somebody.execute("lock table tenant.profile in access exclusive mode")
        asked = [threads.submit(slow) for _ in range(POOL_SIZE + 2)]
        wait_for_waiting(somebody, SHARE)
        assert another.get("/objectives").status_code == 200
        assert another.ask_for_token(other).status_code == 200
        assert api.ask_for_token(issued).status_code == 200
        somebody.rollback()
        assert {each.result().status_code for each in asked} <= {200, 429}


def test_two_busy_connections_leave_room_for_those_that_have_nothing_at_work(
    installation: Installation, serve: Serve, issued: IssuedCredential
) -> None:
    names = ("harbor-goods", "second", "third", "fourth")
    for name in names[1:]:
        installation.connect(name)
    keys = [issued, *(installation.issue(name) for name in names[1:])]
    first, second, *idle = (serve() for _ in names)
    for api, key in zip((first, second, *idle), keys, strict=True):
        api.client = first.client  # one worker
        api.log_in(key)
    slow = [
        partial(api.get, "/segments/everybody/profiles", expand="ranges", count=1)
        for api in (first, second)
    ]
    with ThreadPoolExecutor(2 * SHARE) as threads, connect(installation.store) as somebody:
        somebody.execute("lock table tenant.profile in access exclusive mode")
        asked = [threads.submit(each) for each in slow * SHARE]
        wait_for_waiting(somebody, POOL_SIZE - KEPT)
        for api in idle:
            assert api.get("/objectives").status_code == 200
        somebody.rollback()
        assert {each.result().status_code for each in asked} == {200}


def test_the_last_places_of_a_pool_are_for_the_first_request_of_each() -> None:
    async def busy() -> None:
        room = Room(places=3, kept=1)
        async with AsyncExitStack() as at_work:
            for name in ("one", "another"):
                await at_work.enter_async_context(room.place(name, 0))
            with pytest.raises(Refusal) as refused:
                await at_work.enter_async_context(room.place("one", 0.01))
            assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "5")
            async with room.place("third", 0):
                pass
            waiting = asyncio.create_task(once(room.place("one", 60)))
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    async def once(place: AbstractAsyncContextManager[None]) -> None:
        async with place:
            pass

    asyncio.run(busy())


def test_our_own_client_waits_for_longer_than_a_page_may_take() -> None:
    assert Patience().read > STATEMENT_SECONDS + counting.SECONDS


def wait_for_waiting(database: psycopg.Connection[Any], number: int) -> None:
    """Until so many others wait for the lock that this connection has on the profiles."""
    waiting = (
        "select count(*) from pg_locks where not granted and relation = 'tenant.profile'::regclass"
    )
    ends = time.monotonic() + PATIENCE
    while database.execute(waiting).fetchone() != (number,):
        assert time.monotonic() < ends, "nobody waits"


def test_who_waits_long_for_requests_of_its_own_is_told_to_ask_fewer_at_once(
    tmp_path: Path,
) -> None:
    async def too_many() -> None:
        stores = Stores(tmp_path)
        async with AsyncExitStack() as at_work:
            for _ in range(SHARE):
                await at_work.enter_async_context(stores.turn("store", "one", 0))
            async with stores.turn("store", "another", 0), stores.turn("elsewhere", "one", 0):
                pass
            with pytest.raises(Refusal) as refused:
                await at_work.enter_async_context(stores.turn("store", "one", 0.01))
            assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "5")
        async with stores.turn("store", "one", 0):
            pass

    asyncio.run(too_many())


def test_what_is_not_counted_in_time_is_not_told(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.crowd(20_000)
    monkeypatch.setattr(counting, "PATIENCE", "1ms")
    page = api.profiles(count=1)
    assert "totalResults" not in page
    assert "totalPages" not in page
    assert len(page["profiles"]) == 1
    assert "totalResults" not in api.profiles(count=1, cursor=page["nextCursor"])
    segments = api.ok("/segments")["segments"]
    assert [each["id"] for each in segments] == ["everybody", "sports"]
    assert all("profileCount" not in each for each in segments)


def test_one_count_of_a_connection_is_under_way_at_a_time(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "WAIT_SECONDS", 0.01)
    with connect(installation.store) as somebody, ThreadPoolExecutor(1) as threads:
        somebody.execute("lock table tenant.profile in access exclusive mode")
        first = threads.submit(api.ok, "/segments")
        wait_for_waiting(somebody, 1)
        told = api.ok("/segments")["segments"]
        somebody.rollback()
        assert [each["profileCount"] for each in first.result()["segments"]] == [0, 0]
    assert all("profileCount" not in each for each in told)


def test_statements_are_made_beside_the_event_loop_and_kept_up_to_a_size() -> None:
    made: list[tuple[str, int]] = []

    def make(name: str) -> Statement:
        made.append((name, threading.get_ident()))
        return Statement(name.encode() * 10_000, (), {})

    async def ask() -> int:
        kept = Kept(make, most_bytes=25_000)
        for name in ("a", "b", "a", "c", "a", "b"):
            assert (await kept(name)).sql == name.encode() * 10_000
        return kept.kept_bytes

    assert asyncio.run(ask()) <= 25_000
    assert [name for name, _ in made] == ["a", "b", "c", "b"]
    assert threading.get_ident() not in {thread for _, thread in made}


@pytest.mark.parametrize("text", ["x", "é", "😀"])
def test_what_is_kept_of_statements_is_counted_as_it_is(text: str) -> None:
    """With the values of what was asked, which take many times as much as the SQL."""

    def asked(number: int) -> ProfileQuery:
        values = tuple(f"{number} {value} {text * 60}" for value in range(200))
        refinement = ContainsAny("section", values)
        return ProfileQuery(Audience(None, (), False), None, refinement, ("section",), (), False)

    async def ask(numbers: Iterable[int]) -> None:
        for number in numbers:
            await page_statement(asked(number))

    page_statement.clear()
    asyncio.run(ask([-1]))  # whatever is made once
    gc.collect()
    tracemalloc.start()
    try:
        before = page_statement.kept_bytes
        asyncio.run(ask(range(20)))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    counted = page_statement.kept_bytes - before
    page_statement.clear()
    assert counted == pytest.approx(taken, rel=0.25)


@pytest.mark.parametrize(("filters", "status"), [(10, 200), (11, 400)])
def test_a_refinement_reads_so_many_numbers_and_dates_and_no_more(
    api: Api, filters: int, status: int
) -> None:
    kinds: list[dict[str, Any]] = [
        {"property": "since", "operator": "IN_RANGE", "fromDate": "2025-01-01"},
        {"property": "since", "operator": "NOT_IN_LAST_DAYS", "daysCount": 3},
        {"property": "articles", "operator": "IN_RANGE", "fromValue": 3, "toValue": 9},
    ]
    texts = [{"property": "section", "operator": "CONTAINS_ANY", "values": ["Sports"]}] * 20
    reading = [kinds[number % 3] for number in range(filters)]
    refinement = json.dumps({"operator": "OR", "filters": [*reading, *texts]})
    answer = api.get("/segments/everybody/profiles", refinement=refinement)
    assert answer.status_code == status
    assert status == 200 or "more than 10 filters" in answer.json()["error_description"]
