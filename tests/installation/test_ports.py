"""A port that was asked for is taken or refused; otherwise one that is free is found."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_exchange.installation import ports, record
from profile_exchange.installation.launch import Installation, Ports
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.ports import (
    LOOPBACK,
    PortInUse,
    any_free_port,
    is_free,
    keep_or_choose,
    refuse_one_for_two,
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


def test_one_port_for_two_services_is_refused_by_both_names() -> None:
    with pytest.raises(PortInUse) as refused:
        refuse_one_for_two({"ONE_PORT": 8198, "OTHER_PORT": None, "THIRD_PORT": 8198})
    assert str(refused.value) == (
        "ONE_PORT and THIRD_PORT both ask for port 8198 on 127.0.0.1: "
        "set one of them to another port."
    )


def test_services_that_ask_for_different_ports_or_none_are_not_refused() -> None:
    refuse_one_for_two({"ONE_PORT": 8198, "OTHER_PORT": None, "THIRD_PORT": None, "LAST_PORT": 1})


def test_the_last_port_is_given_up_when_another_service_has_it() -> None:
    port = any_free_port()
    assert keep_or_choose(None, port, "EXCHANGE_X_PORT", {port}) != port


def test_a_port_that_another_service_has_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([5, 5, 6])
    monkeypatch.setattr(ports.secrets, "randbelow", lambda _: next(drawn))
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    assert any_free_port({ports.LOWEST + 5}) == ports.LOWEST + 6


class Stopped(Exception):
    """An installation has its ports and begins to start something."""


def stopped(phase: str) -> None:
    raise Stopped(phase)


def test_an_installation_refuses_one_port_for_two_services(tmp_path: Path) -> None:
    installation = Installation(tmp_path, ports=Ports(airflow=8198, exposure=8198), phase=stopped)
    with pytest.raises(PortInUse, match="EXCHANGE_AIRFLOW_PORT and EXCHANGE_EXPOSURE_PORT both"):
        installation.__enter__()


@pytest.mark.parametrize("service", ["airflow", "exposure"])
def test_no_service_keeps_a_port_that_another_is_to_have(tmp_path: Path, service: str) -> None:
    port = any_free_port()
    layout = Layout(tmp_path)
    layout.make()
    record.write(layout, record.Record(launcher=0, airflow_port=port, exposure_port=port))
    installation = Installation(tmp_path, ports=Ports(**{service: port}), phase=stopped)
    with pytest.raises(Stopped):
        installation.__enter__()
    urls = {"airflow": installation.airflow_url, "exposure": installation.exposure_url}
    assert [name for name, url in urls.items() if url.endswith(f":{port}")] == [service]
