"""What it takes to reach another tenant: where it is, and key and secret."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from profile_exchange.config.forms import ADVICE, HOST_NAME
from profile_exchange.domain.errors import ConfigurationError, WrongHost

#: The type of the Airflow connections in which these are kept, with a form and a test of its own.
CONNECTION_TYPE = "profile_exchange_tenant"

#: A name as DNS has them, which are not all those of a tenant.
_REACHED = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
#: What a user and a password, a query and a fragment begin or end with.
_MORE = re.compile("[@?#]")
#: Signs that no address carries as they are.
_NO_ADDRESS = re.compile(r"""[^\x21-\x7e]|[\\"<>^`{|}]""")


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
        if not re.fullmatch(HOST_NAME, self.host.lower()):
            raise ConfigurationError(f"The host name cannot be one: {ADVICE[HOST_NAME]}")
        address = self.base_url.strip() or f"https://{self.host}"
        object.__setattr__(self, "base_url", address)
        parts = _parts(address, self.host)
        if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
            return
        if parts.scheme == "http":
            raise ConfigurationError(
                f"The address of {self.host} leads to http://{parts.hostname}: "
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


def _parts(address: str, host: str) -> SplitResult:
    """The address of a host in parts. Raises `ConfigurationError`, which repeats nothing of it.

    What is let through may be told to people, and is: it holds a scheme, a host, a port and a path.
    """
    if _MORE.search(address):
        raise ConfigurationError(
            f"The address of {host} holds more than an address: leave out user, password, query "
            "and fragment; key and secret have fields of their own."
        )
    try:
        parts = urlsplit(address)
        leads_somewhere = _is_reached(parts.hostname or "") and parts.port != 0
    except ValueError:
        leads_somewhere = False
    if not leads_somewhere or parts.scheme not in {"http", "https"} or _NO_ADDRESS.search(address):
        raise ConfigurationError(
            f"The address of {host} cannot be one: write https:// and a host name, such as "
            "https://tenant.example.com:8443, without blanks and in ASCII alone."
        )
    return parts


def _is_reached(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_REACHED.fullmatch(host))
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
