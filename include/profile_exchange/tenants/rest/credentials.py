"""What it takes to reach another tenant: where it is, and key and secret."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from profile_exchange.domain.errors import ConfigurationError, WrongHost

#: The type of the Airflow connections in which these are kept, with a form and a test of its own.
CONNECTION_TYPE = "profile_exchange_tenant"


@dataclass(frozen=True, slots=True)
class TenantCredentials:
    """Consumer key and secret of another tenant, and the one place they may be sent to.

    ``host`` is the tenant's host name; ``base_url`` is where it is reached, normally
    ``https://<host>``; whatever answers there has to prove by its certificate that it is
    ``host``. The secret shows in no representation. ``configured`` is where the host is written
    down, for who has to correct it.
    """

    host: str
    client_id: str
    client_secret: str = field(repr=False)
    base_url: str = ""
    configured: str = "partner.host"

    def __post_init__(self) -> None:
        if not self.base_url:
            object.__setattr__(self, "base_url", f"https://{self.host}")
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
            return
        if parts.scheme != "https":
            raise ConfigurationError(
                f"The credentials for {self.host} lead to {parts.scheme}://{parts.hostname}: "
                "plain HTTP is for loopback only; use an https address."
            )

    @property
    def is_plain(self) -> bool:
        """Whether this is plain HTTP, which never leaves this machine."""
        return urlsplit(self.base_url).scheme == "http"

    def check_host(
        self,
        host: str,
        whose: str = "the connection's partner",
        configured: str = "partner.host",
    ) -> TenantCredentials:
        """Return these credentials, or raise `WrongHost` if they are another tenant's.

        ``whose`` the host is, and where it is ``configured``, is told then.
        """
        if self.host.lower() != host.lower():
            raise WrongHost(
                f"The credentials are for {self.host}, but {whose} is {host}: "
                f"correct {configured}, or the host of the Airflow connection."
            )
        return replace(self, configured=configured)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
