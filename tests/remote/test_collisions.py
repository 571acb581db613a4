"""What a tenant holds already is not written over: its properties are asked who holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from profile_exchange.domain.errors import TargetRefused
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from tests.accepting.conftest import Writer
from tests.exposure.conftest import Installation
from tests.remote.over_api import ApiClient, RemoteExchange
from tests.remote.scripted_tenant import ScriptedTenant
from tests.tenants.over_http import HOST, PATIENCE
from tests.tenants.scripted_partner import KEY, SECRET

TYPES = {"email": "EMAIL!", "sports": "SELECT"}
THEIRS = [{"id": 1, "email": "a@example.org", "sports": "Rowing"}]


def goal(**mapping: Any) -> dict[str, Any]:
    mapped = {"from": "sports", "to": "section", **mapping}
    return {"links": [{"theirs": "email", "ours": "email"}], "mappings": [mapped]}


@pytest.fixture
def exchange(writer: Writer, store_url: str) -> RemoteExchange:
    """Into our own API, which counts."""
    made = RemoteExchange(store_url, goal(), THEIRS, TYPES)
    made.client = ApiClient(writer)
    return made


def test_our_own_api_tells_who_holds_values_and_the_connection_is_refused(
    exchange: RemoteExchange, installation: Installation
) -> None:
    jane = installation.add(email=["a@example.org"])
    kept = installation.add(section=["Chess"])
    with pytest.raises(TargetRefused, match="already holds values that it did not write"):
        exchange.run()
    assert exchange.client.sent == []
    exchange.goal = goal(overwrite=True)
    assert exchange.counts().modified == 1
    assert installation.stored(jane)["section"] == ["Rowing"]
    assert installation.stored(kept)["section"] == ["Chess"]


def test_what_it_wrote_itself_is_no_collision(
    exchange: RemoteExchange, installation: Installation
) -> None:
    installation.add(email=["a@example.org"])
    assert exchange.counts().modified == 1
    assert exchange.counts().unchanged == 1


def test_the_tenant_counts_before_the_first_write_and_not_after(
    exchange: RemoteExchange, installation: Installation
) -> None:
    installation.add(email=["a@example.org"])
    counted = [path for path in asked_by(exchange) if path.endswith("/section")]
    again = asked_by(exchange)
    assert counted
    assert [path for path in again if path.startswith("/profileProperties")] == [
        "/profileProperties"
    ]


def asked_by(exchange: RemoteExchange) -> list[str]:
    """What one run reads."""
    client, asked = exchange.client, []
    get = client.get

    def told(path: str, *rest: Any) -> Any:
        asked.append(path)
        return get(path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "get", told)
        exchange.run()
    return asked


def test_a_property_that_nothing_defines_may_be_held_all_the_same(
    exchange: RemoteExchange, installation: Installation, writer: Writer
) -> None:
    """Only when it has been made does the tenant say who holds it: before anything is written."""
    writer.accept(properties={"TaylorTimes_Sports": ["SET"]})
    installation.add(email=["a@example.org"], TaylorTimes_Sports=["Chess"])
    exchange.goal = goal(to="TaylorTimes_Sports")
    for _ in range(2):
        with pytest.raises(TargetRefused, match="already holds values"):
            exchange.run()
    assert exchange.client.sent == []


def test_values_that_have_come_since_the_run_started_are_not_written_over(
    exchange: RemoteExchange, installation: Installation
) -> None:
    jane = installation.add(email=["a@example.org"])
    gated = exchange.gated()
    kept = installation.add(section=["Chess"])
    with pytest.raises(TargetRefused, match="already holds values that it did not write"):
        exchange.finish(*gated)
    assert exchange.client.sent == []
    assert "section" not in installation.stored(jane)
    assert installation.stored(kept)["section"] == ["Chess"]


class Silent(ScriptedTenant):
    """A tenant that does not say how many profiles hold a property, as it may."""

    def _property(self, request: Any, name: str) -> Any:
        answer = super()._property(request, name)
        for each in answer.body.get("profileProperties", [answer.body]):
            each.pop("profileCount", None)
        return answer


@pytest.fixture
def silent() -> Iterator[Silent]:
    with (served := Silent()).running():
        served.add("a@example.org")
        yield served


@pytest.fixture
def untold(silent: Silent, store_url: str) -> Iterator[RemoteExchange]:
    made = RemoteExchange(store_url, goal(), THEIRS, TYPES)
    credentials = TenantCredentials(HOST, KEY, SECRET, silent.base_url)
    with RestClient(credentials, PATIENCE) as made.client:
        yield made


def test_where_a_tenant_does_not_tell_the_connection_is_refused_and_told_what_to_do(
    untold: RemoteExchange, silent: Silent
) -> None:
    with pytest.raises(TargetRefused) as refused:
        untold.run()
    sentence = str(refused.value)
    assert "maps sports to section, and tenant harbor-goods does not tell whether" in sentence
    assert "such as TaylorTimes_Sports" in sentence
    assert "overwrite: true" in sentence
    assert silent.writes == []


def test_what_a_person_has_looked_at_is_written(untold: RemoteExchange, silent: Silent) -> None:
    untold.goal = goal(overwrite=True)
    assert untold.counts().modified == 1
    # It is the connection's own now, and needs no leave any more.
    untold.goal = goal()
    assert untold.counts().unchanged == 1


def test_what_is_made_here_needs_no_telling(untold: RemoteExchange, silent: Silent) -> None:
    untold.goal = goal(to="TaylorTimes_Sports")
    assert untold.counts().modified == 1
    assert silent.types["TaylorTimes_Sports"] == "SELECT"
    assert untold.counts().unchanged == 1


def test_a_count_of_none_is_told(untold: RemoteExchange, silent: Silent) -> None:
    """0 is an answer, and an absent count is none."""
    known = untold.tenant.target.property("section")
    assert known is not None
    assert known.holds_values is None
    with (told := ScriptedTenant()).running():
        credentials = TenantCredentials(HOST, KEY, SECRET, told.base_url)
        with RestClient(credentials, PATIENCE) as untold.client:
            known = untold.tenant.target.property("section")
    assert known is not None
    assert known.holds_values is False
