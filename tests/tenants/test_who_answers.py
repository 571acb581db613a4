"""The token goes to the configured host only, which proves by its certificate that it is that."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from profile_exchange.domain.errors import SourceUnavailable, WrongHost
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource
from tests.tenants import faults
from tests.tenants.authority import NOW, Authority
from tests.tenants.over_http import HOST, PATIENCE, Tenant
from tests.tenants.scripted_partner import KEY, SECRET


@contextmanager
def partner(tls: ssl.SSLContext) -> Iterator[tuple[Tenant, RestSource]]:
    with (tenant := Tenant(tls)).running():
        credentials = TenantCredentials(HOST, KEY, SECRET, tenant.base_url)
        with RestClient(credentials, PATIENCE) as client:
            yield tenant, RestSource(client)


def test_a_certificate_for_the_configured_host_is_accepted_wherever_it_is_reached(
    trusted: Authority,
) -> None:
    with partner(trusted.certify(HOST)) as (tenant, source):
        tenant.faults = [faults.packed]
        assert len(source.page("all", None, []).profiles) == 50
    assert tenant.base_url.startswith("https://127.0.0.1")
    assert {request.headers["accept-encoding"] for request in tenant.requests} == {"gzip"}


@pytest.mark.parametrize(
    ("host", "until"),
    [("other.localhost", NOW + timedelta(days=1)), (HOST, NOW - timedelta(days=1))],
    ids=["for another host", "expired"],
)
def test_a_certificate_that_proves_nothing_fails_at_once_and_gets_no_secret(
    trusted: Authority, host: str, until: datetime
) -> None:
    with partner(trusted.certify(host, until)) as (tenant, source):
        with pytest.raises(WrongHost, match=f"does not prove that it is {HOST}"):
            source.authenticate()
        assert tenant.requests == []


def test_an_authority_that_is_not_trusted_fails_at_once_and_gets_no_secret(
    authority: Authority,
) -> None:
    with partner(authority.certify(HOST)) as (tenant, source):
        with pytest.raises(WrongHost, match="does not trust"):
            source.authenticate()
        assert tenant.requests == []


def test_a_server_that_speaks_no_tls_gets_no_secret() -> None:
    with (tenant := Tenant()).running():
        address = tenant.base_url.replace("http://", "https://")
        credentials = TenantCredentials(HOST, KEY, SECRET, address)
        with RestClient(credentials, PATIENCE) as client, pytest.raises(SourceUnavailable):
            client.authenticate()
        assert tenant.requests == []


def test_a_proxy_is_asked_for_a_tunnel_and_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with (proxy := Tenant()).running():
        monkeypatch.setenv("https_proxy", proxy.base_url)
        monkeypatch.setenv("no_proxy", "")
        with (
            RestClient(TenantCredentials("tenant.example.com", KEY, SECRET), PATIENCE) as client,
            pytest.raises(SourceUnavailable, match="ProxyError"),
        ):
            client.authenticate()
        asked = proxy.requests[0]
    assert (asked.method, asked.headers["host"]) == ("CONNECT", "tenant.example.com:443")
    assert (asked.body, asked.headers.get("authorization")) == (b"", None)


def test_plain_http_on_this_machine_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with (tenant := Tenant()).running():
        credentials = TenantCredentials(HOST, KEY, SECRET, tenant.base_url)
        with RestClient(credentials, PATIENCE) as client:
            client.authenticate()
        assert tenant.tokens == 1
