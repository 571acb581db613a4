"""What large answers and slow readers cost."""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import psutil
import pyarrow as pa
import pytest
from starlette.types import Message, Receive, Scope, Send

from profile_exchange.exposure import page_query
from profile_exchange.exposure.answers import PIECE_BYTES, accepted, pieces
from profile_exchange.exposure.bearing import Bearing
from profile_exchange.exposure.page_sizes import PageSizes
from profile_exchange.exposure.stores import Database, Statement
from profile_exchange.tenants.postgres.credentials import IssuedCredential, issue
from tests.exposure.conftest import HOST, Api, Installation
from tests.exposure.test_serving import PATIENCE, Service, service, token_for  # noqa: F401

Serve = Callable[..., Api]


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


def test_a_page_ends_with_the_profile_that_makes_it_large_and_nothing_is_lost(
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


def test_a_profile_that_is_larger_than_a_page_leaves_and_ends_it(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_query, "MAX_PAGE_BYTES", 25_000)
    page_query.page_statement.clear()
    keys = [installation.add(UUID(int=number), section=["x" * 60_000]) for number in (1, 2)]
    first = api.profiles(count=100)
    second = api.profiles(count=100, cursor=first["nextCursor"])
    page_query.page_statement.clear()
    assert [[one["id"] for one in page["profiles"]] for page in (first, second)] == [
        [key] for key in keys
    ]
    assert "nextCursor" not in second


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
    installation.crowd(5_000)
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
