"""A partner that misbehaves, between real HTTP and a real pull: each fault has its outcome.

The outcomes are those of SEMANTICS, Failing: the run fails at once and says what to change, the
page is asked for again, or the profile is quarantined and the others are not.
"""

from __future__ import annotations

import codecs
import gzip
import json
import time
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from profile_exchange.domain.errors import (
    CredentialsRefused,
    ExchangeError,
    NoLongerExposed,
    ProtocolViolation,
    RequestRefused,
    SourceUnavailable,
    WrongHost,
)
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from tests.pipeline.exchange import furnish, profile_id
from tests.tenants import faults
from tests.tenants.over_http import GOAL, HOST, PATIENCE, Fault, OverHttp, Tenant, rejected, staged
from tests.tenants.scripted_partner import KEY, SECRET, Answer, Request


def test_every_cursor_is_followed_to_the_end(exchange: OverHttp, tenant: Tenant) -> None:
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (5, [])
    asked = [dict(request.query)["cursor"] for request in tenant.asked("/profiles")]
    assert asked == ["*", "2", "4"]


PASSING: dict[str, Fault] = {
    **{f"a status {s}": lambda _, s=s: faults.busy(s) for s in (408, 425, 429, 500, 502, 503, 504)},
    "a Retry-After that is no number": lambda _: faults.busy(503, Retry_After="²"),
    "a Retry-After with a date that has passed": lambda _: faults.busy(
        429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"
    ),
    "a body cut in the middle": faults.cut_in_the_middle,
    "a body cut without a length": faults.cut_without_a_length,
    "a body cut in a chunk": faults.cut_in_a_chunk,
    "a packed body cut": faults.cut_while_packed,
    "a packed body damaged": faults.damaged_while_packed,
    "an empty body": lambda _: Answer(b""),
    "no answer at all": faults.hung_up,
    "no HTTP": faults.no_http,
    "silence": faults.silent,
    "a head that dribbles": faults.dribbled_head,
    "a body that dribbles": faults.dribbled_body,
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_asked_for_again(exchange: OverHttp, tenant: Tenant, fault: str) -> None:
    tenant.faults = [PASSING[fault]]
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (5, [])
    assert len(tenant.asked("/profiles")) == 4


LASTING: dict[str, tuple[Fault, type[ExchangeError], str]] = {
    "403": (lambda _: faults.busy(403), CredentialsRefused, "ask that tenant"),
    "401 twice": (lambda _: faults.busy(401), CredentialsRefused, "still valid"),
    "404": (lambda _: faults.busy(404), NoLongerExposed, "take it out of the import goal"),
    "400": (lambda _: faults.busy(400), RequestRefused, "may have left the grant. Start a new run"),
    "501": (lambda _: faults.busy(501), RequestRefused, "may have left the grant"),
    "418": (lambda _: faults.busy(418), ProtocolViolation, "versions of both sides"),
    "421": (lambda _: faults.busy(421), WrongHost, r"correct partner\.host"),
    **{
        f"a redirection {status}": (
            lambda _, status=status: faults.busy(status, Location="http://127.0.0.1:9/"),
            WrongHost,
            r"correct partner\.host",
        )
        for status in (301, 302, 303, 307, 308)
    },
    "a page of a website": (lambda _: Answer(b"<html>"), ProtocolViolation, "BlueConic tenant"),
    "a list instead of a page": (lambda _: Answer([]), ProtocolViolation, "BlueConic tenant"),
    "a cursor that is no text": (
        lambda _: Answer({"profiles": [], "nextCursor": 7}),
        ProtocolViolation,
        "BlueConic tenant",
    ),
    "a cursor given before": (
        lambda _: Answer({"profiles": [], "nextCursor": "7"}),
        ProtocolViolation,
        "never end",
    ),
    "a page without end": (faults.endless, ProtocolViolation, "1,048,576 bytes"),
    "a gzip bomb": (lambda _: faults.bomb("gzip", 8), ProtocolViolation, "EXCHANGE_PAGE_SIZE"),
    "a bomb of nothing": (lambda _: faults.bomb_of_nothing(), ProtocolViolation, "1,048,576"),
    "deflate": (lambda _: faults.bomb("deflate", 8), ProtocolViolation, "not asked for"),
    "zstd": (
        lambda _: Answer(b"\x28\xb5\x2f\xfd", headers={"Content-Encoding": "zstd"}),
        ProtocolViolation,
        "not asked for",
    ),
    "gzip in gzip": (
        lambda _: Answer(b"", headers={"Content-Encoding": "gzip, gzip"}),
        ProtocolViolation,
        "not asked for",
    ),
}


@pytest.mark.parametrize("fault", LASTING)
def test_what_does_not_pass_fails_at_once_and_says_what_to_change(
    exchange: OverHttp, tenant: Tenant, fault: str
) -> None:
    played, kind, advice = LASTING[fault]
    tenant.faults, tenant.forever = [played], True
    with pytest.raises(kind, match=advice):
        exchange.pulled()
    # Asked again only where that is the way to find out.
    assert len(tenant.asked("/profiles")) <= 2


def test_a_tenant_that_refuses_an_extension_it_does_not_know_is_read_as_one_chain(
    exchange: OverHttp, tenant: Tenant
) -> None:
    well = tenant.respond
    refused = Answer({"error": "invalid_request"}, status=400)
    tenant.respond = lambda request: (
        refused if ("expand", "ranges") in request.query else well(request)
    )
    exchange.profiles_per_part = 1
    run = exchange.pulled()
    assert (run.plan.parts > 1, run.plan.ranges) == (True, False)
    assert (staged(run), rejected(run)) == (5, [])


def test_cursors_without_profiles_come_to_an_end(exchange: OverHttp, tenant: Tenant) -> None:
    cursors = iter(range(1000))
    tenant.faults = [lambda _: Answer({"profiles": [], "nextCursor": f"c{next(cursors)}"})]
    tenant.forever = True
    with pytest.raises(ProtocolViolation, match="never end"):
        exchange.pulled()


def test_a_tenant_that_stays_busy_is_left_to_a_later_try_which_goes_on_where_this_one_was(
    exchange: OverHttp, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profile_exchange.pipeline.pull.PAGES_PER_COMMIT", 1)
    run = exchange.open()
    (request,) = requests_for(run, run.plan.segments)
    good: Fault = lambda _: Answer({"profiles": [{"id": str(profile_id(1))}], "nextCursor": "2"})  # noqa: E731
    tenant.faults = [good, *[lambda _: faults.busy(503, Retry_After="0")] * 3]
    with pytest.raises(SourceUnavailable, match="503"):
        pull(run, exchange.rest, request)
    assert pull(run, exchange.rest, request) == 4
    asked = [dict(each.query)["cursor"] for each in tenant.asked("/profiles")]
    assert asked == ["*", "2", "2", "2", "2", "4"]


def test_a_request_as_a_whole_has_a_deadline(exchange: OverHttp, tenant: Tenant) -> None:
    tenant.faults, tenant.forever = [faults.dribbled_head], True
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match="ReadTimeout"):
        exchange.rest.page("all", None, [])
    # Each byte came well within the time-out for reading; three times the whole took too long.
    assert time.monotonic() - started >= PATIENCE.attempts * PATIENCE.total


@pytest.mark.parametrize("spoil", faults.SPOILS)
def test_a_spoiled_profile_costs_itself_and_never_the_others(
    exchange: OverHttp, tenant: Tenant, spoil: str
) -> None:
    tenant.profiles["all"][2] = tenant.profile(2, faults.SPOILS[spoil])
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (4, [profile_id(3)])


@pytest.mark.parametrize("oddity", faults.ODDITIES)
def test_an_oddity_costs_nothing(exchange: OverHttp, tenant: Tenant, oddity: str) -> None:
    tenant.profiles["all"][2] = tenant.profile(2, faults.ODDITIES[oddity])
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (5, [])


@pytest.mark.parametrize(
    "value", [b"[42]", b'["a", null]', b'"bare"', b"{}", b"[NaN]", b'["\\ud800"]']
)
def test_what_was_not_asked_for_spoils_no_profile(
    exchange: OverHttp, tenant: Tenant, value: bytes
) -> None:
    odd = b'{"id": "%s", "values": ' + value + b"}"
    kept = b'{"id": "email", "values": ["ann@example.com"]}'
    profile = b'{"id": "%s", "properties": [%s, %s]}' % (str(profile_id(9)).encode(), odd, kept)
    tenant.profiles["all"].append(profile % b"shoe")
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (6, [])
    with run.engine.connect() as database:
        rows = run.staging.staged
        found = select(rows.c.properties).where(rows.c.profile_id == profile_id(9))
        assert database.execute(found).scalar_one() == {"email": ["ann@example.com"]}
    tenant.profiles["all"][-1] = profile % b"sports"
    assert rejected(exchange.pulled()) == [profile_id(9)]


def test_profiles_without_an_id_are_counted_each_and_the_same_when_asked_again(
    exchange: OverHttp, tenant: Tenant
) -> None:
    nameless = [b"null", b"17", b"{}", b'{"id": NaN}', b'"text"']
    tenant.profiles["all"] = [*nameless, tenant.profile(1)]
    first = exchange.pulled()
    assert staged(first) == 1
    counted = rejected(first)
    assert len(counted) == len(nameless)
    assert rejected(exchange.pulled()) == counted


def test_what_is_spoiled_around_the_profiles_costs_nothing(
    exchange: OverHttp, tenant: Tenant
) -> None:
    page = b'{"totalPages": NaN, "links": ["\\ud800"], "profiles": [%s]}' % tenant.profile(1)
    tenant.faults = [lambda _: Answer(page)]
    run = exchange.pulled()
    assert (staged(run), rejected(run)) == (1, [])


def test_the_whole_run_of_a_spoiled_partner_adds_up(exchange: OverHttp, tenant: Tenant) -> None:
    furnish(exchange.store_url, {}, [{"id": "a", "email": "p0@example.com"}])
    exchange.goal = {**GOAL, "limits": {"max_rejected_share": 1}}
    tenant.profiles["all"][1:1] = [
        tenant.profile(100 + n, spoil) for n, spoil in enumerate(faults.SPOILS.values())
    ]
    tenant.faults = [lambda _: faults.busy(503), faults.cut_in_the_middle]
    counts = exchange.counts()
    assert counts.received == 5 + len(faults.SPOILS)
    assert counts.rejected == len(faults.SPOILS)


def test_a_token_that_expires_in_the_middle_is_renewed_once_and_the_same_page_asked_for(
    exchange: OverHttp, tenant: Tenant
) -> None:
    run = exchange.open()
    issued = tenant.tokens
    (request,) = requests_for(run, run.plan.segments)

    def expired(_: Any) -> Answer:
        tenant.valid_token = "another"
        return Answer({"error": "invalid_token"}, status=401)

    tenant.faults = [expired]
    assert pull(run, exchange.rest, request) == 5
    assert tenant.tokens == issued + 1
    assert [dict(each.query)["cursor"] for each in tenant.asked("/profiles")] == [
        "*",
        "*",
        "2",
        "4",
    ]


@pytest.mark.parametrize(
    "expires_in", [0, -1, None, 10**12, 3600.0, "3600", "3600.0", "soon", "", "nan", "inf"]
)
def test_any_lifetime_of_a_token_is_lived_with(
    exchange: OverHttp, tenant: Tenant, expires_in: float | str | None
) -> None:
    tenant.expires_in = expires_in
    assert staged(exchange.pulled()) == 5


@pytest.mark.parametrize("expires_in", [120, 120.0, "120", "120.0"])
def test_a_token_lives_as_long_as_it_is_told_to_however_that_is_written(
    tenant: Tenant, expires_in: float | str
) -> None:
    clock = [0.0]
    tenant.expires_in = expires_in
    credentials = TenantCredentials(HOST, KEY, SECRET, tenant.base_url)
    with RestClient(credentials, PATIENCE, lambda: clock[0]) as client:
        for clock[0] in (0.0, 80.0, 100.0):
            client.get("/segments", [], bytes)
    assert tenant.tokens == 2


def test_a_body_may_be_packed_by_the_old_name_and_begin_with_a_mark(
    exchange: OverHttp, tenant: Tenant
) -> None:
    marked = codecs.BOM_UTF8 + msgspec.json.encode({"profiles": [{"id": str(profile_id(1))}]})
    packed = {"Content-Encoding": "x-gzip"}
    tenant.faults = [lambda _: Answer(gzip.compress(marked), headers=packed)]
    assert len(exchange.rest.page("all", None, []).profiles) == 1
    well = tenant.respond
    tenant.respond = lambda request: Answer(codecs.BOM_UTF8 + well(request).encoded())
    assert [segment.id for segment in exchange.rest.segments()] == ["all"]


@pytest.mark.parametrize("token", ["", "with blank", "line\nend", "é"])
def test_a_token_that_no_header_can_carry_is_refused(
    exchange: OverHttp, tenant: Tenant, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant, "_token", lambda _: Answer({"access_token": token}))
    with pytest.raises(ProtocolViolation, match="no header can carry"):
        exchange.rest.authenticate()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, CredentialsRefused), (401, CredentialsRefused), (404, WrongHost), (302, WrongHost)],
)
def test_a_token_that_is_refused_fails_at_once(
    exchange: OverHttp,
    tenant: Tenant,
    status: int,
    kind: type[ExchangeError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tenant, "_token", lambda _: Answer({}, status))
    with pytest.raises(kind):
        exchange.rest.authenticate()
    assert len(tenant.requests) == 1


def test_segments_are_pulled_one_by_one_and_split_for_the_steps_after(
    exchange: OverHttp, tenant: Tenant
) -> None:
    """A source without id ranges: one task for each segment, packages as for any other."""
    tenant.profiles = {
        "some": [tenant.profile(n) for n in range(4)],
        "others": [tenant.profile(n) for n in range(2, 8)],
    }
    furnish(exchange.store_url, {}, [{"id": n, "email": f"p{n}@example.com"} for n in range(8)])
    exchange.profiles_per_part = 2
    run = exchange.open()
    requests = requests_for(run, run.plan.segments)
    assert [request.segments for request in requests] == [("some",), ("others",)]
    _, admission = exchange.gated()
    assert len(admission.packages) == 4
    assert exchange.counts().received == 8


def test_segments_that_are_not_counted_are_taken_for_large(
    exchange: OverHttp, tenant: Tenant
) -> None:
    tenant.counts_profiles = False
    tenant.profiles = {name: [tenant.profile(n)] for n, name in enumerate(("one", "two"))}
    run = exchange.open()
    assert len(requests_for(run, run.plan.segments)) == 2


def test_a_list_that_repeats_itself_ends(exchange: OverHttp, tenant: Tenant) -> None:
    same = {"segments": [{"id": "all", "name": None, "tags": None}], "totalResults": 10**9}
    tenant.respond = lambda _: Answer(same)
    assert [segment.id for segment in exchange.rest.segments()] == ["all"]


def test_a_list_without_end_is_not_read_to_its_end(
    exchange: OverHttp, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profile_exchange.tenants.rest.source.LIST_LIMIT", 1000)

    def respond(request: Request) -> Answer:
        start = int(dict(request.query)["startIndex"])
        return Answer({"segments": [{"id": f"s{start + n}"} for n in range(200)]})

    tenant.respond = respond
    with pytest.raises(ProtocolViolation, match="has no end"):
        exchange.rest.segments()


def test_a_list_that_breaks_off_is_asked_for_again(exchange: OverHttp, tenant: Tenant) -> None:
    answers = iter([Answer(b'{"segments": [{"id": "a'), Answer({"segments": None})])
    tenant.respond = lambda _: next(answers)
    assert exchange.rest.segments() == []


def test_links_are_read_whatever_the_profiles_are_like(exchange: OverHttp, tenant: Tenant) -> None:
    links = json.dumps([{"rel": "range", "href": f"/?cursor={n}"} for n in range(2)]).encode()
    page = b'{"profiles": [{%b}], "links": %b}' % (faults.NAN, links)
    tenant.faults = [lambda _: Answer(page)]
    assert exchange.rest.ranges("all", 2) == ["0", "1"]
