"""How often, how long and with how many requests a tenant is asked before a package is given up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from profile_exchange.domain.entries import Entry, Rule
from profile_exchange.domain.errors import ProtocolViolation, SourceUnavailable
from profile_exchange.pipeline.ports import Verdict
from profile_exchange.pipeline.remote.asking import UNANSWERED, UNREADABLE, Asking, Endurance
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.network import Patience
from profile_exchange.tenants.rest.target import RestTarget
from tests.remote.scripted_tenant import Played, ScriptedTenant
from tests.tenants import faults
from tests.tenants.over_http import HOST
from tests.tenants.scripted_partner import KEY, SECRET, Answer, Request

#: A request has a total deadline besides that of each read.
PATIENCE = Patience(attempts=2, backoff=0.001, read=5.0, total=0.4)


@pytest.fixture
def target(summed: ScriptedTenant) -> Iterator[RestTarget]:
    credentials = TenantCredentials(HOST, KEY, SECRET, summed.base_url)
    with RestClient(credentials, PATIENCE) as client:
        yield RestTarget(client)


def entries(tenant: ScriptedTenant, number: int) -> dict[str, Entry]:
    for n in range(number - len(tenant.held)):
        tenant.add(f"p{n}@example.org")
    some = list(tenant.held)[:number]
    return {name: Entry(profile_id=name, rules=(Rule("section", (name,)),)) for name in some}


def ask_for_all(asking: Asking, waiting: dict[str, Entry]) -> dict[str, str]:
    states = {}
    while waiting:
        reply = asking.ask(waiting)
        states |= {name: result.state for name, result in reply.results.items()}
        waiting = {name: entry for name, entry in waiting.items() if name not in states}
    return states


def quick(**changes: Any) -> Endurance:
    return Endurance(**{"attempts": 3, "backoff": 0, "sleep": lambda _: None, **changes})


@pytest.mark.parametrize("fault", [faults.dribbled_head, faults.dribbled_body, faults.silent])
def test_a_write_has_a_total_deadline_whatever_trickles_in(
    target: RestTarget, summed: ScriptedTenant, fault: Any
) -> None:
    target.authenticate()
    summed.values = [Played(fault)]
    started = time.monotonic()
    assert target.write(entries(summed, 1), ()).verdict is Verdict.LOST
    assert time.monotonic() - started < PATIENCE.read


def test_requests_without_an_answer_are_counted_until_one_is_answered(
    target: RestTarget, summed: ScriptedTenant
) -> None:
    """Two and two are not four in a row; three are too many."""
    lost = Played(faults.hung_up, processed=False)
    one_told = Played(lambda results: Answer(results[:1]))
    summed.values = [lost, lost, one_told, lost, lost]
    states = ask_for_all(Asking(target, (), quick()), entries(summed, 3))
    assert list(states.values()) == ["MODIFIED"] * 3
    summed.values = [lost] * 9
    with pytest.raises(SourceUnavailable, match="does not say what became"):
        ask_for_all(Asking(target, (), quick()), entries(summed, 3))
    assert len(summed.values) == 6


def test_nobody_waits_longer_than_there_is_patience_for(
    target: RestTarget, summed: ScriptedTenant
) -> None:
    waited: list[float] = []
    asking = Asking(target, (), Endurance(attempts=12, backoff=1.0, longest=8, sleep=waited.append))
    asked = {"Retry-After": "86400"}
    summed.values = [Played(lambda _: Answer({}, 429, asked), processed=False)] * 2
    summed.values += [Played(faults.hung_up, processed=False)] * 8
    ask_for_all(asking, entries(summed, 1))
    assert len(waited) == 10
    assert 8 <= min(waited[:2]) <= max(waited[:2]) <= 9
    assert 4 <= min(waited[2:]) <= max(waited[2:]) <= 8


def refusing(tenant: ScriptedTenant, *names: str, status: int = 400) -> None:
    """Let the tenant answer 400, or another status, to all requests that have one of these."""
    well = tenant.respond

    def respond(request: Request) -> Answer:
        if request.method == "PUT":
            sent = {each["identifier"] for each in json.loads(request.body)}
            if sent & set(names):
                return Answer({}, status=status)
        return well(request)

    tenant.respond = respond


def test_entries_that_are_refused_cost_few_requests_and_nobody_else(
    target: RestTarget, summed: ScriptedTenant
) -> None:
    waiting = entries(summed, 500)
    bad = list(waiting)[77], list(waiting)[300]
    refusing(summed, *bad)
    states = ask_for_all(Asking(target, (), quick()), waiting)
    assert {name for name, state in states.items() if state == UNREADABLE} == set(bad)
    assert len(summed.writes) < 60


def test_a_tenant_that_refuses_everything_is_asked_so_often_and_no_more(
    target: RestTarget, summed: ScriptedTenant
) -> None:
    waiting = entries(summed, 500)
    refusing(summed, *waiting)
    with pytest.raises(ProtocolViolation, match="400 or 413 to one entry after the other"):
        ask_for_all(Asking(target, (), quick()), waiting)
    assert len(summed.writes) < 60


@pytest.mark.parametrize("places", [(0,), (77, 300), (0, 1, 2), (499,)], ids=str)
def test_entries_that_make_a_tenant_fail_are_told_from_a_tenant_that_is_down(
    target: RestTarget, summed: ScriptedTenant, places: tuple[int, ...]
) -> None:
    waiting = entries(summed, 500)
    bad = [list(waiting)[place] for place in places]
    refusing(summed, *bad, status=500)
    states = ask_for_all(Asking(target, (), quick(attempts=8)), waiting)
    assert {name for name, state in states.items() if state == UNANSWERED} == set(bad)
    assert len(states) == 500
    assert len(summed.writes) < 80


def test_a_tenant_that_is_down_is_asked_so_often_and_no_entry_is_given_up(
    target: RestTarget, summed: ScriptedTenant
) -> None:
    waiting = entries(summed, 500)
    asking = Asking(target, (), quick(attempts=8))
    assert len(asking.ask(waiting).results) == 500
    refusing(summed, *waiting, status=500)
    with pytest.raises(SourceUnavailable, match="does not say what became"):
        ask_for_all(asking, waiting)
    assert len(summed.writes) < 20
