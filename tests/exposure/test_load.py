"""What one partner may ask at a time, and what large answers and slow readers cost."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import text
from starlette.types import Message, Receive, Scope, Send

from profile_exchange.exposure import counting, page_query
from profile_exchange.exposure.answers import PIECE_BYTES, accepted, pieces
from profile_exchange.exposure.bearing import Bearing
from profile_exchange.exposure.load import Load
from profile_exchange.exposure.page_sizes import PageSizes
from profile_exchange.exposure.refusals import Refusal
from profile_exchange.exposure.statements import Kept
from profile_exchange.exposure.stores import POOL_SIZE, SHARE, Database, Statement, Stores
from profile_exchange.store.database import connect, engine_for
from profile_exchange.tenants.postgres.credentials import IssuedCredential, issue
from tests.exposure.conftest import HOST, START, Api, Installation
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


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;q=0.5, zstd;q=0", "gzip"),
        ("zstd;q=nonsense, gzip; q=0.1", "gzip"),
        ("identity", None),
        ("", None),
        ("br", None),
    ],
)
def test_a_reader_says_how_answers_may_be_packed(header: str, chosen: str | None) -> None:
    assert accepted(header) == chosen


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_page_is_packed_for_who_is_not_on_this_machine(
    installation: Installation, serve: Serve, issued: IssuedCredential, encoding: str
) -> None:
    installation.connect(expose={"networks": ["203.0.113.0/24", "127.0.0.1"]})
    for _ in range(50):
        installation.add(section=["Sports"])
    here, away = serve(), serve("203.0.113.5")
    away.token = here.log_in(issued)
    path, accepts = "/rest/v2/segments/everybody/profiles?count=50", {"Accept-Encoding": encoding}
    plain = here.request("GET", path, headers=accepts)
    assert "Content-Encoding" not in plain.headers
    packed, content = raw(away, path, accepts)
    assert packed["content-encoding"] == encoding
    assert packed["vary"] == "Accept-Encoding"
    assert len(content) < len(plain.content) / 3
    assert unpacked(encoding, content, len(plain.content)) == plain.content


def raw(api: Api, path: str, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
    """An answer's headers and body as they came over the wire."""

    async def ask() -> tuple[dict[str, str], bytes]:
        headers["Authorization"] = f"Bearer {api.token}"
        async with api.client.stream("GET", path, headers=headers) as answer:
            return dict(answer.headers), b"".join([part async for part in answer.aiter_raw()])

    return api._portal.call(ask)


def unpacked(encoding: str, content: bytes, size: int) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(content)
    found: bytes = pa.Codec("zstd").decompress(content, decompressed_size=size, asbytes=True)
    return found


def test_pieces_are_the_same_bytes() -> None:
    parts = [b"a" * 7, b"", b"b" * (2 * PIECE_BYTES + 1)]
    cut = list(pieces(parts))
    assert b"".join(cut) == b"".join(parts)
    assert max(map(len, cut)) == PIECE_BYTES


def test_a_page_ends_before_it_is_too_large_and_nothing_is_lost(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_query, "MAX_PAGE_BYTES", 25_000)
    page_query.page_statement.clear()
    keys = sorted(installation.add(section=["x" * 10_000]) for _ in range(10))
    found, lengths, asked = [], [], {}
    while True:
        page = api.profiles(count=100, **asked)
        found += [one["id"] for one in page["profiles"]]
        lengths.append(len(page["profiles"]))
        if "nextCursor" not in page:
            break
        asked = {"cursor": page["nextCursor"]}
    page_query.page_statement.clear()
    assert found == keys
    assert lengths == [3, 3, 3, 1]
    assert [row.profiles for row in installation.disclosures()] == lengths


def test_no_more_is_read_for_a_page_than_is_likely_to_fit(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_query, "MAX_PAGE_BYTES", 25_000)
    page_query.page_statement.clear()
    read: list[int] = []
    send = Statement._sent

    async def noting(statement: Statement, database: Database, values: Mapping[str, Any]) -> Any:
        read.extend([values["fetched"]] if "fetched" in values else [])
        return await send(statement, database, values)

    monkeypatch.setattr(Statement, "_sent", noting)
    for _ in range(40):
        installation.add(section=["x" * 1_000])
    page = api.profiles(count=5_000)
    first = len(page["profiles"])
    following = api.profiles(count=5_000, cursor=page["nextCursor"])
    page_query.page_statement.clear()
    assert read[0] == 5_001
    assert first < read[1] < 3 * first
    assert len({one["id"] for one in [*page["profiles"], *following["profiles"]]}) == 40


@pytest.mark.parametrize(
    ("seen", "asked", "read"),
    [
        ([], 1000, 1000),
        ([(10, 100_000)], 1000, 28),
        ([(10, 100_000)], 5, 5),
        ([(10, 100_000), (0, 0)], 1000, 28),
        ([(10, 100_000), (1000, 100_000)], 1000, 1000),
        ([(1, 10**9)], 1000, 16),
    ],
)
def test_how_many_are_worth_reading_follows_the_last_page(
    seen: list[tuple[int, int]], asked: int, read: int
) -> None:
    sizes = PageSizes()
    for profiles, size in seen:
        sizes.saw("list", profiles, size)
    assert sizes.worth_reading("list", asked, most_bytes=100_000) == read
    assert sizes.worth_reading("another", asked, most_bytes=100_000) == asked


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
    _many(installation, 20_000)
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
        return Statement(name.encode() * 100, (), {})

    async def ask() -> int:
        kept = Kept(make, most_bytes=500)
        for name in ("a", "b", "a", "c", "a", "b"):
            assert (await kept(name)).sql == name.encode() * 100
        return kept.kept_bytes

    assert asyncio.run(ask()) <= 500
    assert [name for name, _ in made] == ["a", "b", "c", "b"]
    assert threading.get_ident() not in {thread for _, thread in made}


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


async def _nobody() -> Message:
    raise AssertionError("nobody asks")


def test_an_answer_that_is_not_read_is_ended_and_the_request_leaves() -> None:
    left: list[bool] = []

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["leave"] = lambda: left.append(True)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def reads_only_the_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    scope: dict[str, Any] = {"type": "http"}
    with pytest.raises(TimeoutError):
        asyncio.run(Bearing(answer, seconds=0.01)(scope, _nobody, reads_only_the_head))
    assert left == [True]


def test_memory_stays_flat_while_readers_dribble_and_hang_up(
    installation: Installation,
    service: Service,  # noqa: F811
) -> None:
    """Twenty readers ask for 15 MB each and take nothing, ten of them hang up: what is held for
    them is a piece of it, and the API answers others meanwhile."""
    _many(installation, 5_000)
    address, process = service()
    port = int(address.rpartition(":")[2])
    issued = issue(installation.store, "harbor-goods", now=datetime.now(UTC))
    with httpx.Client(base_url=address, headers={"Host": HOST}, timeout=PATIENCE) as client:
        token = token_for(client, issued)
        client.headers["Authorization"] = f"Bearer {token}"
        page = client.get("/rest/v2/segments/everybody/profiles", params={"count": 5000})
        assert "nextCursor" in page.json()
        before = memory(process)
        readers = [_dribble(port, token) for _ in range(20)]
        for reader in readers[::2]:
            reader.close()
        assert client.get("/rest/v2/objectives").status_code == 200
        assert memory(process) - before < 150 * 1024 * 1024
        for reader in readers[1::2]:
            reader.close()


def _many(installation: Installation, profiles: int) -> None:
    statement = text(
        "insert into tenant.profile (id, created_at, modified_at, properties)"
        " select gen_random_uuid(), now(), now(), jsonb_build_object("
        "'visitedchannel', '[\"web\"]'::jsonb, 'section', jsonb_build_array(repeat('x', 3000)))"
        " from generate_series(1, :number)"
    )
    with engine_for(installation.store).begin() as database:
        database.execute(statement, {"number": profiles})


def _dribble(port: int, token: str) -> socket.socket:
    """A reader that asks for a large page and reads no more than the start of the answer."""
    reader = socket.create_connection(("127.0.0.1", port))
    path = "/rest/v2/segments/everybody/profiles?count=5000"
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    reader.sendall(head.encode())
    assert reader.recv(12).startswith(b"HTTP/1.1 200")
    return reader


def memory(process: subprocess.Popen[str]) -> int:
    return int(psutil.Process(process.pid).memory_info().rss)
