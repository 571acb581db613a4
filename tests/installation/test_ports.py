"""A port that was asked for is taken or refused; otherwise one that is free is found."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from profile_exchange.installation.ports import (
    LOOPBACK,
    PortInUse,
    any_free_port,
    is_free,
    keep_or_choose,
)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_asked_for_and_in_use_is_refused_by_name(taken: int) -> None:
    with pytest.raises(PortInUse, match=rf"Port {taken} .* set EXCHANGE_X_PORT to another"):
        keep_or_choose(taken, None, "EXCHANGE_X_PORT")


def test_a_port_that_is_asked_for_and_free_is_taken() -> None:
    port = any_free_port()
    assert keep_or_choose(port, None, "EXCHANGE_X_PORT") == port


def test_the_last_port_is_kept_while_it_is_free() -> None:
    port = any_free_port()
    assert keep_or_choose(None, port, "EXCHANGE_X_PORT") == port


def test_the_last_port_is_given_up_when_it_is_in_use(taken: int) -> None:
    chosen = keep_or_choose(None, taken, "EXCHANGE_X_PORT")
    assert chosen != taken
    assert is_free(chosen)


def test_a_free_port_is_none_that_an_outgoing_connection_could_be_given() -> None:
    with socket.create_server((LOOPBACK, 0)) as server, socket.socket() as outgoing:
        outgoing.connect(server.getsockname())
        given = outgoing.getsockname()[1]
    assert all(any_free_port() < min(given, 32_768) for _ in range(50))
