"""A source over REST: every page to the end, and each fault told by what happens next."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from profile_exchange.domain.errors import (
    ConfigurationError,
    CredentialsRefused,
    NoLongerExposed,
    ProtocolViolation,
    SourceUnavailable,
    WrongHost,
)
from profile_exchange.domain.properties import FilterType
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.network import Patience
from profile_exchange.tenants.rest.source import RestSource
from tests.tenants.scripted_partner import KEY, SECRET, Answer, Request, ScriptedPartner

HOST = "taylor-times.localhost"
SOMEBODY = str(uuid.UUID(int=1))


@contextmanager
def partner(
    respond: Callable[[Request], Answer], secret: str = SECRET
) -> Iterator[tuple[ScriptedPartner, RestSource]]:
    with ScriptedPartner(respond).running() as served:
        credentials = TenantCredentials(HOST, KEY, secret, served.base_url)
        with RestClient(credentials, Patience(attempts=3, backoff=0.001)) as client:
            yield served, RestSource(client, page_size=2)


def in_turn(*answers: Answer) -> Callable[[Request], Answer]:
    waiting = list(answers)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def profiles(*given: Any, cursor: str | None = None) -> Answer:
    return Answer(
        {"profiles": list(given), "nextCursor": cursor} if cursor else {"profiles": given}
    )


def test_a_wrong_secret_is_refused_for_good() -> None:
    with partner(in_turn(Answer({})), secret="wrong") as (served, source):
        with pytest.raises(CredentialsRefused, match="consumer key and secret"):
            source.authenticate()
        assert len(served.asked("/oauth/token")) == 1


def test_the_secret_is_never_in_an_error_or_a_representation() -> None:
    credentials = TenantCredentials(HOST, KEY, SECRET)
    assert SECRET not in repr(credentials)
    with (
        partner(in_turn(Answer({})), secret="a-secret-of-ours") as (_, source),
        pytest.raises(CredentialsRefused) as refused,
    ):
        source.authenticate()
    assert "a-secret-of-ours" not in str(refused.value)


def test_a_token_that_expires_in_between_is_renewed_once_and_the_page_asked_again() -> None:
    with partner(in_turn(profiles({"id": SOMEBODY}))) as (served, source):
        source.page("all", None, [])
        served.valid_token = "another"
        assert len(source.page("all", "next", []).profiles) == 1
        assert served.tokens == 2


def test_every_property_is_asked_for_by_name() -> None:
    with partner(in_turn(profiles())) as (served, source):
        source.page("a segment/with a slash", "cursor=&", ["email", "sports"])
        asked = served.requests[-1]
        assert asked.path.endswith("/segments/a%20segment%2Fwith%20a%20slash/profiles")
        assert asked.query == [
            ("cursor", "cursor=&"),
            ("count", "2"),
            ("profileProperty", "email"),
            ("profileProperty", "sports"),
        ]


def test_a_profile_that_cannot_be_read_costs_only_itself() -> None:
    broken = {"id": str(uuid.UUID(int=2)), "properties": [{"id": "a", "values": "text"}]}
    nameless = {"properties": []}
    with partner(in_turn(profiles({"id": SOMEBODY}, broken, nameless))) as (_, source):
        page = source.page("all", None, [])
    assert [profile.id for profile in page.profiles] == [SOMEBODY]
    assert page.malformed[0].id == broken["id"]
    assert len(page.malformed) == 2


def test_unknown_fields_are_ignored_and_missing_lists_tolerated() -> None:
    strange = {"id": SOMEBODY, "events": [{"x": 1}], "properties": None, "zzz": {"deep": [1]}}
    with partner(in_turn(profiles(strange))) as (_, source):
        assert source.page("all", None, []).profiles[0].id == SOMEBODY


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_tenant_is_asked_again(status: int) -> None:
    busy = Answer({}, status=status, headers={"Retry-After": "0"})
    with partner(in_turn(busy, profiles({"id": SOMEBODY}))) as (_, source):
        assert len(source.page("all", None, []).profiles) == 1


def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    whole = profiles({"id": SOMEBODY})
    broken = Answer(whole.body, cut=10)
    with partner(in_turn(broken, whole)) as (_, source):
        assert len(source.page("all", None, []).profiles) == 1


def test_a_tenant_that_stays_away_is_worth_a_later_retry() -> None:
    with partner(in_turn(Answer({}, status=503))) as (served, source):
        with pytest.raises(SourceUnavailable, match="503"):
            source.page("all", None, [])
        assert len(served.asked("/profiles")) == 3


def test_a_tenant_that_is_down_is_named_by_host_and_address() -> None:
    address = "http://127.0.0.1:9"
    credentials = TenantCredentials(HOST, KEY, SECRET, address)
    with (
        RestClient(credentials, Patience(attempts=2, backoff=0.001)) as client,
        pytest.raises(SourceUnavailable, match=f"{HOST} does not answer at {address}"),
    ):
        RestSource(client).authenticate()


def test_a_segment_that_is_gone_is_told_as_such() -> None:
    gone = in_turn(Answer({}, status=404))
    with partner(gone) as (_, source), pytest.raises(NoLongerExposed, match="gone"):
        source.page("gone", None, [])


def test_a_redirect_is_not_followed() -> None:
    elsewhere = Answer({}, status=302, headers={"Location": "http://127.0.0.1:9/steal"})
    with partner(in_turn(elsewhere)) as (_, source), pytest.raises(WrongHost):
        source.page("all", None, [])


def test_something_that_is_no_tenant_is_told_apart() -> None:
    page = in_turn(Answer(b"<html>hello</html>"))
    with partner(page) as (_, source), pytest.raises(ProtocolViolation, match="REST API v2"):
        source.segments()


def test_listings_are_read_to_the_end() -> None:
    def respond(request: Request) -> Answer:
        start = int(dict(request.query)["startIndex"])
        known = [{"id": f"p{n}", "filterType": "EMAIL", "indexed": n == 0} for n in range(450)]
        return Answer({"profileProperties": known[start : start + 200], "totalResults": 450})

    with partner(respond) as (_, source):
        found = source.properties()
    assert len(found) == 450
    assert found[0].indexed
    assert found[0].filter_type is FilterType.EMAIL


def test_a_tenant_without_id_ranges_is_recognised() -> None:
    first = {"links": [{"rel": "first", "href": "https://x/y?cursor=a"}], "profiles": []}
    with partner(in_turn(Answer(first))) as (_, source):
        assert source.ranges("all", 2) is None


def test_id_ranges_are_read_from_links() -> None:
    links = [{"rel": "range", "href": f"https://x/y?count=1&cursor=c%2B{n}"} for n in range(2)]
    with partner(in_turn(Answer({"links": links, "profiles": []}))) as (_, source):
        assert source.ranges("all", 2) == ["c+0", "c+1"]


def test_plain_http_is_for_loopback_only() -> None:
    with pytest.raises(ConfigurationError, match="plain HTTP"):
        TenantCredentials(HOST, KEY, SECRET, "http://partner.example.com")


def test_credentials_of_another_tenant_are_not_sent() -> None:
    with pytest.raises(WrongHost, match=r"correct partner\.host"):
        TenantCredentials("other.example.com", KEY, SECRET).check_host(HOST)
