"""What is taken away while a request comes in, or waits for others, is not written any more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from profile_exchange.domain.scopes import Scope
from profile_exchange.exposure.stores import Stores
from profile_exchange.tenants.postgres.credentials import IssuedCredential, revoke
from tests.accepting.conftest import ACCEPT, Writer, entry, rule
from tests.exposure.conftest import Installation

Meanwhile = Callable[[], None]
Slowly = Callable[[Meanwhile], httpx.Response]
TRAVEL = entry(rule("section", "Travel"))


@pytest.fixture
def issued(writer: Writer, installation: Installation) -> IssuedCredential:
    """The key that the writer comes with."""
    made = installation.issue(scopes=[Scope.WRITE])
    writer.api.log_in(made)
    return made


@pytest.fixture(params=["while the body comes", "while others are written"])
def slowly(
    request: pytest.FixtureRequest, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> Slowly:
    """Sends an entry, and lets something happen after the request was let in."""
    return _in_the_body(writer) if "body" in request.param else _in_its_turn(writer, monkeypatch)


def _in_the_body(writer: Writer) -> Slowly:
    def send(meanwhile: Meanwhile) -> httpx.Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"["
            meanwhile()
            yield json.dumps(TRAVEL).encode() + b"]"

        headers = {"Content-Type": "application/json"}
        return writer.api.request("PUT", "/rest/v2/profiles", content=body(), headers=headers)

    return send


def _in_its_turn(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Slowly:
    wait = Stores.turn

    def send(meanwhile: Meanwhile) -> httpx.Response:
        @asynccontextmanager
        async def waiting(stores: Stores, *args: Any) -> AsyncIterator[None]:
            async with wait(stores, *args):
                meanwhile()
                yield

        monkeypatch.setattr(Stores, "turn", waiting)
        return writer.put(TRAVEL)

    return send


def test_what_nobody_takes_away_is_written(
    slowly: Slowly, installation: Installation, issued: IssuedCredential
) -> None:
    jane = installation.add(email=["jane@example.org"])
    assert slowly(lambda: None).status_code == 200
    assert installation.stored(jane)["section"] == ["Travel"]


@pytest.mark.parametrize(
    ("taken_away", "status"),
    [
        ("the key", 401),
        ("the connection", 401),
        ("the networks", 401),
        ("the accept goal", 403),
        ("the objective", 400),
    ],
)
def test_who_may_not_write_any_more_is_refused(
    slowly: Slowly, writer: Writer, issued: IssuedCredential, taken_away: str, status: int
) -> None:
    installation = writer.installation
    jane = installation.add(email=["jane@example.org"], consented=("mailing",))
    away: dict[str, Meanwhile] = {
        "the key": lambda: revoke(
            installation.store, "harbor-goods", issued.key, now=installation.clock.now
        ),
        "the connection": lambda: writer.accept(connection={"enabled": False}),
        "the networks": lambda: writer.accept(networks=["192.0.2.0/24"]),
        "the accept goal": installation.connect,
        "the objective": lambda: writer.accept(connection={"objectives": []}),
    }
    if taken_away == "the objective":
        writer.accept(connection={"objectives": ["mailing"]})
        writer.api.client.params = httpx.QueryParams(objectiveIds="mailing")
    assert slowly(away[taken_away]).status_code == status
    assert "section" not in installation.stored(jane)
    assert installation.submissions() == []


def test_a_property_that_is_taken_out_of_the_goal_is_not_written_any_more(
    slowly: Slowly, writer: Writer, installation: Installation, issued: IssuedCredential
) -> None:
    jane = installation.add(email=["jane@example.org"])
    others = {name: how for name, how in ACCEPT["properties"].items() if name != "section"}
    answer = slowly(lambda: writer.accept(properties=others))
    assert answer.json() == [{"state": "UNAUTHORIZED"}]
    assert "section" not in installation.stored(jane)
