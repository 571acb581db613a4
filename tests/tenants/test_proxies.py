"""Through a proxy as without one: the secret goes to whoever proves to be the configured host."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from profile_exchange.domain.errors import ConfigurationError, SourceUnavailable, WrongHost
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.proxy import Proxy, proxy_for
from tests.tenants.authority import Authority
from tests.tenants.connect_proxy import ConnectProxy
from tests.tenants.over_http import HOST, PATIENCE, Tenant
from tests.tenants.scripted_partner import KEY, SECRET

ELSEWHERE = "elsewhere.example.com"
UseProxy = Callable[[str], None]


@pytest.fixture
def use_proxy(monkeypatch: pytest.MonkeyPatch) -> UseProxy:
    """Names a proxy in the environment, for all hosts."""
    monkeypatch.setenv("no_proxy", "")
    return lambda address: monkeypatch.setenv("https_proxy", address)


@contextmanager
def tunnelled(
    use_proxy: UseProxy, tls: ssl.SSLContext, proxy_tls: ssl.SSLContext | None = None
) -> Iterator[tuple[Tenant, ConnectProxy]]:
    """A server that is reached at an address of another name, by a proxy that leads there."""
    with (tenant := Tenant(tls)).running():
        port = int(tenant.base_url.rsplit(":", 1)[1])
        with (proxy := ConnectProxy(port, proxy_tls)).running():
            scheme = "https" if proxy_tls else "http"
            use_proxy(f"{scheme}://localhost:{proxy.port}")
            yield tenant, proxy


def authenticate() -> None:
    credentials = TenantCredentials(HOST, KEY, SECRET, f"https://{ELSEWHERE}")
    with RestClient(credentials, PATIENCE) as client:
        client.authenticate()


def test_the_host_of_the_address_is_not_the_tenant_and_gets_no_secret(
    trusted: Authority, use_proxy: UseProxy
) -> None:
    with tunnelled(use_proxy, trusted.certify(ELSEWHERE)) as (tenant, proxy):
        with pytest.raises(WrongHost, match=f"does not prove that it is {HOST}"):
            authenticate()
        assert tenant.requests == []
    assert set(proxy.asked) == {f"{ELSEWHERE}:443"}


def test_who_proves_to_be_the_tenant_is_let_in_at_any_address(
    trusted: Authority, use_proxy: UseProxy
) -> None:
    with tunnelled(use_proxy, trusted.certify(HOST)) as (tenant, proxy):
        authenticate()
    assert tenant.tokens == 1
    assert proxy.asked == [f"{ELSEWHERE}:443"]


def test_a_proxy_may_be_reached_by_https_and_proves_its_own_name(
    trusted: Authority, use_proxy: UseProxy
) -> None:
    by_https = trusted.certify("localhost")
    with tunnelled(use_proxy, trusted.certify(HOST), by_https) as (tenant, _):
        authenticate()
        assert tenant.tokens == 1
    pretending = trusted.certify(HOST)
    with tunnelled(use_proxy, trusted.certify(HOST), pretending) as (tenant, proxy):
        with pytest.raises(WrongHost):
            authenticate()
        assert (tenant.requests, proxy.asked) == ([], [])


def test_tunnels_that_break_off_are_given_up_as_often_as_anything_else(
    use_proxy: UseProxy,
) -> None:
    many = 12
    with (proxy := ConnectProxy()).running():
        use_proxy(f"http://127.0.0.1:{proxy.port}")
        credentials = TenantCredentials(HOST, KEY, SECRET)
        with (
            RestClient(credentials, replace(PATIENCE, attempts=many)) as client,
            pytest.raises(SourceUnavailable),
        ):
            client.authenticate()
        assert len(proxy.asked) == many


PROXY = Proxy("http", "localhost", 3128)
ADA = (b"ada", b"p@ss:1")


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("http://proxy.example.com:3128", replace(PROXY, host="proxy.example.com")),
        ("http://proxy.example.com", Proxy("http", "proxy.example.com", 80)),
        ("https://proxy.example.com/", Proxy("https", "proxy.example.com", 443)),
        ("127.0.0.1:3128", replace(PROXY, host="127.0.0.1")),
        ("localhost:3128", PROXY),
        ("http://[::1]:3128", replace(PROXY, host="::1")),
        ("[::1]:3128", replace(PROXY, host="::1")),
        ("HTTP://LOCALHOST:3128", PROXY),
        ("ada:p%40ss%3A1@localhost:3128", replace(PROXY, user=ADA)),
        ("http://ada:p%40ss%3A1@localhost:3128", replace(PROXY, user=ADA)),
        ("http://ada@localhost:3128", replace(PROXY, user=(b"ada", b""))),
        ("http://ada:%FF@localhost:3128", replace(PROXY, user=(b"ada", b"\xff"))),
        (
            "http://üser:pässwort@bücher.example:3128",
            Proxy("http", "xn--bcher-kva.example", 3128, ("üser".encode(), "pässwort".encode())),
        ),
    ],
)
def test_a_proxy_is_named_as_curl_takes_it(use_proxy: UseProxy, named: str, found: Proxy) -> None:
    use_proxy(named)
    credentials = TenantCredentials(HOST, KEY, SECRET)
    assert proxy_for(credentials) == found
    assert found.url.origin.port == found.port
    assert "ss" not in repr(found)
    RestClient(credentials).close()


@pytest.mark.parametrize(
    "named",
    [
        "http://ada:geheim@localhost:99999",
        "http://ada:geheim@localhost:port",
        "http://ada:geheim@[::1",
        "http://ada:geheim@a..b",
        "http://ada:geheim@:3128",
        "http://ada:ge/heim@localhost:3128",
        "socks5://ada:geheim@localhost:1080",
        "http://",
    ],
)
def test_a_proxy_that_cannot_be_one_is_told_without_its_password(
    use_proxy: UseProxy, named: str
) -> None:
    use_proxy(named)
    with pytest.raises(ConfigurationError) as raised:
        authenticate()
    assert "https_proxy" in str(raised.value)
    assert not re.search("ada|heim", str(raised.value))


def test_a_proxy_is_told_who_asks(trusted: Authority, use_proxy: UseProxy) -> None:
    with tunnelled(use_proxy, trusted.certify(HOST)) as (_, proxy):
        use_proxy(f"ada:p%40ss%3A1@localhost:{proxy.port}")
        authenticate()
    kind, _, token = (proxy.users[0] or "").partition(" ")
    assert (kind, base64.b64decode(token)) == ("Basic", b"ada:p@ss:1")
