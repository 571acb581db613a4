"""Writing to a tenant that misbehaves, over real sockets: nothing is lost, and no sum added twice.

Each fault is played once where values are set, and once where sums are added.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from profile_exchange.domain.entries import Entry, Rule
from profile_exchange.domain.errors import (
    CredentialsRefused,
    ExchangeError,
    ProtocolViolation,
    SourceUnavailable,
    TargetRefused,
    WrongHost,
)
from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.pipeline.ports import Verdict
from profile_exchange.pipeline.remote.asking import Asking, Endurance
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.target import RestTarget
from tests.pipeline.exchange import profile_id
from tests.remote.over_api import RemoteExchange
from tests.remote.scripted_tenant import Played, ScriptedTenant
from tests.tenants import faults
from tests.tenants.over_http import HOST, PATIENCE
from tests.tenants.scripted_partner import KEY, SECRET, Answer, Request

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "section"},
        {"from": "visits", "to": "articles", "strategy": "SUM"},
    ],
}
NAMES = ("a", "b", "c")
THEIRS = [
    {"id": n, "email": f"{name}@example.org", "sports": f"Sport {name}", "visits": str(n + 3)}
    for n, name in enumerate(NAMES)
]


@pytest.fixture
def tenant() -> Iterator[ScriptedTenant]:
    with (served := ScriptedTenant()).running():
        for name in NAMES:
            served.add(f"{name}@example.org")
        yield served


@pytest.fixture
def client(tenant: ScriptedTenant) -> Iterator[RestClient]:
    kept = TenantCredentials(HOST, KEY, SECRET, tenant.base_url)
    own = kept.check_host(HOST, "tenant harbor-goods", "the host of tenant harbor-goods")
    with RestClient(own, PATIENCE) as made:
        yield made


@pytest.fixture
def target(client: RestClient) -> RestTarget:
    return RestTarget(client)


@pytest.fixture
def exchange(store_url: str, client: RestClient) -> RemoteExchange:
    types = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
    made = RemoteExchange(store_url, GOAL, THEIRS, types)
    made.client = client
    return made


def held(tenant: ScriptedTenant) -> list[dict[str, list[str]]]:
    mine = [{**each.properties} for each in tenant.held.values()]
    return sorted(mine, key=lambda each: each["email"])


WRITTEN = [
    {
        "email": [f"{name}@example.org"],
        "section": [f"Sport {name}"],
        "articles": [str(n + 3)],
    }
    for n, name in enumerate(NAMES)
]


def reversed_order(results: list[Any]) -> Answer:
    return Answer(results[::-1])


def without_the_second(results: list[Any]) -> Answer:
    return Answer([results[0], *results[2:]])


def contradicting(results: list[Any]) -> Answer:
    return Answer([*results, {**results[0], "state": "UNCHANGED"}])


def of_somebody_else(results: list[Any]) -> Answer:
    return Answer([*results, {"identifier": "nobody", "state": "MODIFIED"}, {"state": "MODIFIED"}])


def too_many(results: list[Any]) -> Answer:
    return Answer(results[:1], status=413)


DONE: dict[str, Any] = {
    "another order": reversed_order,
    "a missing answer": without_the_second,
    "an answer that contradicts another": contradicting,
    "answers that nobody asked for": of_somebody_else,
    "a body cut in the middle": faults.cut_in_the_middle,
    "a body cut without a length": faults.cut_without_a_length,
    "a body cut in a chunk": faults.cut_in_a_chunk,
    "a packed body cut": faults.cut_while_packed,
    "a packed body damaged": faults.damaged_while_packed,
    "a list that ends early": lambda r: Answer(json.dumps(r).encode()[:-1]),
    "an empty body": lambda _: Answer(b""),
    "no answer at all": faults.hung_up,
    "no HTTP": faults.no_http,
    "silence": faults.silent,
    "a body that dribbles": faults.dribbled_body,
    "413 with an answer too few": too_many,
    **{f"a status {s}": lambda _, s=s: faults.busy(s) for s in (408, 500, 503)},
}
NOT_DONE: dict[str, Any] = {
    "no answer at all": faults.hung_up,
    "429": lambda _: faults.busy(429, Retry_After="0"),
    "503": lambda _: faults.busy(503, Retry_After="0"),
    "400": lambda _: faults.busy(400),
    "413 of a proxy": lambda _: Answer(b"<html>too large</html>", status=413),
    "a token that has expired": lambda _: faults.busy(401),
}
PLAYED = {f"{name}, after": Played(fault) for name, fault in DONE.items()}
PLAYED |= {f"{name}, before": Played(fault, processed=False) for name, fault in NOT_DONE.items()}


@pytest.mark.parametrize("fault", PLAYED)
def test_what_may_pass_costs_nothing_and_adds_nothing_twice(
    exchange: RemoteExchange, tenant: ScriptedTenant, fault: str
) -> None:
    tenant.values, tenant.sums = [PLAYED[fault]], [PLAYED[fault]]
    assert exchange.counts().modified == 3
    assert (held(tenant), tenant.added) == (WRITTEN, 3)
    assert (tenant.values, tenant.sums) == ([], [])


@pytest.mark.parametrize("state", ["WRITTEN", "", None, 7])
def test_a_state_that_nobody_knows_adds_no_sum_twice(
    exchange: RemoteExchange, tenant: ScriptedTenant, state: Any
) -> None:
    def odd(results: list[Any]) -> Answer:
        return Answer([{**results[0], "state": state}, *results[1:]])

    tenant.sums = [Played(odd)]
    try:
        exchange.run()
    except ProtocolViolation:
        assert state == 7
    assert exchange.counts().rejected == 0
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


def test_a_profile_of_an_unknown_state_is_rejected_and_the_others_are_not(
    exchange: RemoteExchange, tenant: ScriptedTenant
) -> None:
    def odd(results: list[Any]) -> Answer:
        return Answer([{**results[0], "state": "WRITTEN", "validationErrors": ["x"]}, *results[1:]])

    tenant.values = [Played(odd)]
    counts = exchange.counts()
    assert (counts.rejected, counts.modified) == (1, 2)


@pytest.mark.parametrize("kind", [b'"section"', b"INCREMENT"], ids=["a value", "a sum"])
def test_entries_that_are_never_answered_stop_nobody_else(
    exchange: RemoteExchange, tenant: ScriptedTenant, kind: bytes
) -> None:
    """The tenant says something of all others, each time."""
    well, lost = tenant.respond, {str(profile_id(n)) for n in (0, 1)}
    lost |= {each.id for each in tenant.held.values() if each.properties["email"][0][0] in "ab"}

    def respond(request: Request) -> Answer:
        if request.method != "PUT" or kind not in request.body:
            return well(request)
        asked = [each for each in json.loads(request.body) if each["identifier"] not in lost]
        return well(dataclasses.replace(request, body=json.dumps(asked).encode()))

    tenant.respond = respond
    counts = exchange.counts()
    assert (counts.rejected, counts.modified) == (2, 1)
    assert held(tenant)[2:] == WRITTEN[2:]
    tenant.respond = well
    assert exchange.counts().rejected == 0
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


def test_an_entry_that_is_too_large_alone_stops_nobody_else(
    exchange: RemoteExchange, tenant: ScriptedTenant
) -> None:
    well = tenant.respond

    def respond(request: Request) -> Answer:
        large = request.method == "PUT" and b"a@example.org" in request.body
        return Answer({}, status=413) if large else well(request)

    tenant.respond = respond
    counts = exchange.counts()
    assert (counts.rejected, counts.modified) == (1, 2)
    assert held(tenant)[1:] == WRITTEN[1:]


def failing(tenant: ScriptedTenant, *names: str, kind: bytes = b"") -> None:
    """Let the tenant answer 500 to every request that has one of these profiles in it."""
    well, bad = tenant.respond, {f"{name}@example.org" for name in names}
    ids = {each.id for each in tenant.held.values() if each.properties["email"][0] in bad}

    def respond(request: Request) -> Answer:
        hit = any(each.encode() in request.body for each in bad | ids)
        if request.method == "PUT" and hit and kind in request.body:
            return Answer({}, status=500)
        return well(request)

    tenant.respond = respond


@pytest.mark.parametrize("kind", [b"", b"INCREMENT"], ids=["values", "sums"])
@pytest.mark.parametrize("name", NAMES)
def test_an_entry_that_makes_the_tenant_fail_stops_nobody_else(
    exchange: RemoteExchange, tenant: ScriptedTenant, name: str, kind: bytes
) -> None:
    well = tenant.respond
    failing(tenant, name, kind=kind)
    counts = exchange.counts()
    assert (counts.rejected, counts.modified) == (1, 2)
    good = [each for each in WRITTEN if each["email"] != [f"{name}@example.org"]]
    assert [each for each in held(tenant) if each in good] == good
    tenant.respond = well
    assert exchange.counts().rejected == 0
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


def test_a_missing_answer_of_a_request_that_was_cut_to_size_adds_no_sum_twice(
    exchange: RemoteExchange, tenant: ScriptedTenant, client: RestClient
) -> None:
    class Small(RemoteExchange):
        @property
        def tenant(self) -> Any:
            made = super().tenant
            made.target._max_bytes = 550
            return made

    small = Small(exchange.store_url, GOAL, THEIRS, exchange.their_properties)
    small.client = client
    dropping = itertools.cycle([True, False])

    def last_missing(results: list[Any]) -> Answer:
        return Answer(results[:-1] if next(dropping) else results)

    tenant.sums = [Played(last_missing) for _ in range(8)]
    small.run()
    assert max(len(json.loads(each.body)) for each in tenant.writes) == 2
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


LASTING: dict[str, tuple[Any, type[ExchangeError], str]] = {
    "401 twice": (lambda _: faults.busy(401), CredentialsRefused, "still valid"),
    "403": (lambda _: faults.busy(403), CredentialsRefused, "what they allow"),
    "404": (lambda _: faults.busy(404), ProtocolViolation, "versions of both sides"),
    "421": (lambda _: faults.busy(421), WrongHost, "correct the host of tenant harbor-goods"),
    "a redirection": (
        lambda _: faults.busy(307, Location="http://127.0.0.1:9/"),
        WrongHost,
        "correct the host of tenant harbor-goods",
    ),
    "a page of a website": (lambda _: Answer(b"<html>"), ProtocolViolation, "BlueConic tenant"),
    "an object instead of a list": (lambda _: Answer({}), ProtocolViolation, "BlueConic tenant"),
    "an answer without end": (faults.endless, ProtocolViolation, "1,048,576 bytes"),
    "a gzip bomb": (lambda _: faults.bomb("gzip", 8), ProtocolViolation, "1,048,576"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_what_does_not_pass_fails_at_once_and_adds_nothing_twice(
    exchange: RemoteExchange, tenant: ScriptedTenant, fault: str
) -> None:
    played, kind, advice = LASTING[fault]
    tenant.sums = [Played(played, processed=fault not in {"401 twice", "403"})]
    tenant.sums += [Played(played, processed=False)] * (fault == "401 twice")
    with pytest.raises(kind, match=advice):
        exchange.run()
    tenant.sums = []
    assert exchange.counts().rejected == 0
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


def test_a_token_that_expires_is_renewed_and_the_same_request_sent_once_more(
    target: RestTarget, tenant: ScriptedTenant
) -> None:
    target.authenticate()
    tenant.valid_token = "another"
    entry = Entry(profile_id=next(iter(tenant.held)), rules=(Rule("section", ("Golf",)),))
    reply = target.write({"x": entry}, ["sharing", "a,b"])
    assert reply.results["x"].state == "MODIFIED"
    first, second = tenant.writes
    assert (first.body, first.query) == (second.body, second.query)
    assert first.query == [("objectiveIds", "sharing,a,b")]
    assert tenant.tokens == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_tenant_that_says_when_to_come_back_is_not_asked_before(
    target: RestTarget, tenant: ScriptedTenant, status: int
) -> None:
    waited: list[float] = []
    asking = Asking(target, (), Endurance(attempts=3, sleep=waited.append))
    tenant.values = [Played(lambda _: faults.busy(status, Retry_After="7"), processed=False)]
    entries = {"x": Entry(profile_id=str(profile_id(1)), rules=(Rule("section", ("Golf",)),))}
    assert asking.ask(entries).results == {}
    assert asking.alone == (status == 429)
    assert 7 <= waited[0] <= 8
    assert asking.ask(entries).results["x"].state == "NOTFOUND"


def test_a_tenant_that_never_says_what_became_of_it_is_left_to_a_later_try(
    exchange: RemoteExchange, tenant: ScriptedTenant
) -> None:
    tenant.values = [Played(faults.hung_up)] * 3
    with pytest.raises(SourceUnavailable, match="does not say what became"):
        exchange.run()
    assert len(tenant.writes) == 3
    exchange.run()
    assert (held(tenant), tenant.added) == (WRITTEN, 3)


def test_a_write_is_never_repeated_by_the_client(
    target: RestTarget, tenant: ScriptedTenant
) -> None:
    tenant.values = [Played(faults.hung_up)]
    entry = Entry(profile_id=next(iter(tenant.held)), rules=(Rule("section", ("Golf",)),))
    assert target.write({"x": entry}, ()).verdict is Verdict.LOST
    assert len(tenant.writes) == 1


def test_a_property_that_is_missing_is_made_and_is_there_the_next_time(
    target: RestTarget, tenant: ScriptedTenant
) -> None:
    assert target.property("city") is None
    target.make_property(ProfileProperty("city", "City", FilterType.SELECT))
    known = target.property("city")
    assert known is not None
    assert not known.holds_values
    tenant.held[next(iter(tenant.held))].properties["city"] = ["Utrecht"]
    known = target.property("city")
    assert known is not None
    assert known.holds_values


def test_a_property_that_the_tenant_does_not_take_is_told_by_its_name(
    target: RestTarget, tenant: ScriptedTenant
) -> None:
    """400 is described: of a plugin's property, and of an id or a type that is none."""
    tenant.respond = lambda _: Answer({}, status=400)
    with pytest.raises(TargetRefused, match=r"profile property city be made.*map to another"):
        target.make_property(ProfileProperty("city", "City", FilterType.SELECT))
