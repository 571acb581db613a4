"""The address of a tenant: one that leads nowhere is told at once, and nothing of it repeated."""

from __future__ import annotations

import re

import pytest

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from tests.tenants.over_http import HOST
from tests.tenants.scripted_partner import KEY, SECRET


@pytest.mark.parametrize(
    "address",
    [
        "https://host:99999",
        "https://host:port",
        "https://a..b",
        "https://.example.com",
        f"https://{'x' * 64}.example.com",
        "https://",
        "https://:443",
        "https://[::1",
        "https://a b.example.com",
        "https://bücher.example",
        "https://tenant.example.com/straße",
        "https://tenant.example.com/a b",
        "https://tenant.example.com\\path",
        "tenant.example.com",
        "ftp://tenant.example.com",
        "geheim",
    ],
)
def test_an_address_that_leads_nowhere_is_told_at_once(address: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TenantCredentials(HOST, KEY, SECRET, address)
    [problem] = raised.value.problems
    assert problem.message.startswith(f"The address of {HOST} ")
    assert problem.message.endswith(".")
    assert "geheim" not in problem.message


@pytest.mark.parametrize(
    "address",
    [
        "https://tenant.example.com",
        "https://tenant.example.com.",
        "https://TENANT_1.example.com:8443/gateway/",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8443",
        "https://xn--bcher-kva.example",
        "http://[::1]:8080",
        "http://taylor-times.localhost:8080/",
        "  https://tenant.example.com\n",
    ],
)
def test_where_a_tenant_may_be_reached(address: str) -> None:
    kept = TenantCredentials(HOST, KEY, SECRET, address)
    assert kept.base_url == address.strip()
    RestClient(kept).close()


@pytest.mark.parametrize(
    "address",
    [
        "https://ada:geheim@tenant.example.com",
        "https://geheim@tenant.example.com",
        "https://@tenant.example.com",
        "https://:geheim@tenant.example.com",
        "https://tenant.example.com?token=geheim",
        "https://tenant.example.com/api/?token=geheim",
        "https://tenant.example.com/?",
        "https://tenant.example.com/#geheim",
        "https://ada:geheim@host:99999",
        "https://ada:geheim@[::1",
        "http://ada:geheim@127.0.0.1:8080",
        "ada:geheim@tenant.example.com",
    ],
)
def test_an_address_holds_no_secret_and_none_is_repeated(address: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TenantCredentials(HOST, KEY, SECRET, address)
    assert str(raised.value).startswith(f"The address of {HOST} ")
    assert "user, password, query" in str(raised.value)
    assert not re.search("ada|geheim", str(raised.value))


@pytest.mark.parametrize(
    "host", ["ada:geheim@tenant.example.com", "https://tenant.example.com?geheim"]
)
def test_what_is_no_host_name_is_not_repeated_either(host: str) -> None:
    with pytest.raises(ConfigurationError, match="write the host name alone") as raised:
        TenantCredentials(host, KEY, SECRET)
    assert "geheim" not in str(raised.value)
