"""The token goes to the configured host only, which proves by its certificate that it is that."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from profile_exchange.domain.errors import SourceUnavailable, WrongHost
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource
from tests.tenants import faults
from tests.tenants.over_http import HOST, PATIENCE, Tenant
from tests.tenants.scripted_partner import KEY, SECRET

x509 = pytest.importorskip("cryptography.x509", reason="cryptography makes the certificates")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

NOW = datetime.now(UTC)
Certify = Callable[..., ssl.SSLContext]


class Authority:
    """An authority of our own making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tests")])
        usage = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._built(self.name, self.key, NOW + timedelta(days=1))
        signed = certificate.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.file = folder / "authority.pem"
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _built(self, name: Any, key: Any, until: datetime) -> Any:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=9))
            .not_valid_after(until)
        )

    def certify(self, host: str, until: datetime = NOW + timedelta(days=1)) -> ssl.SSLContext:
        """What a server of this host presents."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        built = self._built(name, key, until).add_extension(names, critical=False)
        signed = built.sign(self.key, hashes.SHA256())
        file = self.folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, as one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


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
