"""Who connects has to say what they want within a bounded time, and only so many may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.importer import import_from_string
from uvicorn.server import ServerState

from profile_exchange.cli.serve import PROTOCOL, _configuration
from profile_exchange.exposure import patience
from profile_exchange.exposure.patience import PatientProtocol

ENOUGH = 30
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: taylor-times.localhost\r\n"
REQUEST = HALF_A_HEAD + b"\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Listening:
    """A worker with an app that answers when it may."""

    def __init__(self, port: int, state: ServerState) -> None:
        self._port = port
        self.state = state
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def connect(self, sent: bytes = b"") -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(sent)
        return reader, writer

    async def answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await made.answer(scope, receive, send)

    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_keep_alive=1)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: PatientProtocol(config, state, {}), "127.0.0.1", 0
    )
    made = Listening(server.sockets[0].getsockname()[1], state)
    async with asyncio.timeout(ENOUGH), server:
        yield made


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD], ids=["nothing", "half a head"])
def test_who_does_not_say_what_they_want_is_let_go(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.05)

    async def ask() -> bytes:
        async with listening() as worker:
            reader, _ = await worker.connect(sent)
            return await reader.read()

    assert asyncio.run(ask()) == b""


def test_who_has_said_it_is_answered_however_long_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.05)

    async def ask() -> bytes:
        async with listening() as worker:
            reader, _ = await worker.connect(REQUEST)
            await worker.asked.wait()
            late = time.monotonic() + 2 * patience.HEAD_SECONDS
            while time.monotonic() < late:
                await asyncio.sleep(0)
            worker.may_answer.set()
            return await reader.read()

    assert asyncio.run(ask()).endswith(b"ok")


def test_the_next_request_of_a_connection_has_to_come_in_time_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.05)

    async def ask() -> bytes:
        async with listening() as worker:
            worker.may_answer.set()
            reader, writer = await worker.connect(REQUEST)
            await reader.readuntil(b"ok")
            writer.write(HALF_A_HEAD)
            return await reader.read()

    assert asyncio.run(ask()) == b""


def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 1)

    async def ask() -> tuple[bytes, bytes]:
        async with listening() as worker:
            worker.may_answer.set()
            first, writer = await worker.connect()
            while not worker.state.connections:
                await asyncio.sleep(0)
            second, _ = await worker.connect(REQUEST)
            try:
                refused = await second.read()
            except ConnectionResetError:
                refused = b""
            writer.write(REQUEST)
            return refused, await first.readuntil(b"ok")

    refused, answered = asyncio.run(ask())
    assert refused == b""
    assert answered.startswith(b"HTTP/1.1 200")


def test_the_service_speaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_WORKERS", "1")  # what is set is taken back afterwards
    assert import_from_string(PROTOCOL) is PatientProtocol
    assert _configuration(1, 1, {}, behind_proxy=False).http == PROTOCOL
