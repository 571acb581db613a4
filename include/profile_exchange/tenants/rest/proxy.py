"""The machine's proxy, as the environment names it: in the forms in which curl takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.tenants.rest.credentials import TenantCredentials

#: How a proxy may be reached, and at which port if none is named.
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and as which user, with a password, it is asked for a tunnel."""

    scheme: str
    host: str
    port: int
    user: tuple[bytes, bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> httpcore.URL:
        """The proxy for httpcore, in parts: an address in one piece would be read once more."""
        return httpcore.URL(scheme=self.scheme, host=self.host, port=self.port, target="/")


def proxy_for(credentials: TenantCredentials) -> Proxy | None:
    """The proxy of the environment. Plain HTTP stays on this machine: it goes through none.

    Raises `ConfigurationError` for one that cannot be used.
    """
    address = urlsplit(credentials.base_url)
    if credentials.is_plain or proxy_bypass(address.hostname or ""):
        return None
    named = getproxies().get("https")
    return _read(named) if named else None


def _read(named: str) -> Proxy:
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        host = (parts.hostname or "").encode("idna").decode()
        usual = _PORTS[parts.scheme]
        if host:
            return Proxy(parts.scheme, host, parts.port or usual, _user(parts))
    except (ValueError, KeyError):
        """As one without a host: what Python says of it may repeat it."""
    raise ConfigurationError(
        "The proxy in the environment of this machine (https_proxy) cannot be used: write it as "
        "http://proxy.example.com:3128, with https:// if it is reached by TLS, and signs in user "
        "and password such as %40 for @."
    )


def _user(parts: SplitResult) -> tuple[bytes, bytes] | None:
    if parts.username is None:
        return None
    return unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")
