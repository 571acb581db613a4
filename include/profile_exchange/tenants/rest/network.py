"""The way to one tenant: each request has a total deadline, and TLS proves who answers."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.proxy import proxy_for

# At DEBUG it writes down every header that a partner sends, whatever the partner put there.
logging.getLogger("httpcore").setLevel(logging.INFO)

#: What goes wrong on the way to a tenant, or in what it sends.
FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, how often to ask, and how many bytes to take."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    attempts: int = 8
    backoff: float = 0.5
    give_up: float = 900.0
    size: int = 128 << 20

    @property
    def timeouts(self) -> dict[str, float]:
        """The time-outs of a single wait, as httpcore names them."""
        return {"connect": self.connect, "read": self.read, "write": self.read}


class Deadline:
    """When the request under way has to be done. A session has one, and one request at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("inf")

    def start(self, seconds: float) -> None:
        """A new request begins."""
        self._until = self._clock() + seconds

    def within(self, timeout: float | None) -> float:
        """A time-out that does not reach beyond the deadline. Raises when it has passed."""
        left = self._until - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the request as a whole took too long")
        return left if timeout is None else min(left, timeout)


#: Whose certificate is asked for, by what verifies it.
Names = Mapping[ssl.SSLContext, str]


class _Stream(httpcore.NetworkStream):
    """A connection on which no wait reaches beyond the deadline, however little comes at a time.

    TLS asks for one of the ``names``, whatever the host of the address is: through a proxy, the
    client would ask for that one.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, names: Names) -> None:
        self._stream = stream
        self._deadline = deadline
        self._names = names

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,  # noqa: ARG002 - the client's guess
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout)
        encrypted = self._stream.start_tls(ssl_context, self._names[ssl_context], within)
        return _Stream(encrypted, self._deadline, self._names)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens connections that keep a deadline, and on which TLS proves a name."""

    def __init__(self, deadline: Deadline, names: Names) -> None:
        self._deadline = deadline
        self._names = names
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout)
        stream = self._sockets.connect_tcp(host, port, within, local_address, socket_options)
        return _Stream(stream, self._deadline, self._names)


def open_pool(credentials: TenantCredentials, deadline: Deadline) -> httpcore.ConnectionPool:
    """Connections to a tenant: by HTTPS through the machine's proxy, if it has one."""
    tenant, proxy = _verifying(credentials), proxy_for(credentials)
    names = {tenant: credentials.host} if tenant else {}
    common: dict[str, Any] = {"ssl_context": tenant, "keepalive_expiry": 5.0}
    if proxy is None:
        return httpcore.ConnectionPool(network_backend=_Backend(deadline, names), **common)
    if proxy.scheme == "https":
        verifying = common["proxy_ssl_context"] = httpcore.default_ssl_context()
        names[verifying] = proxy.host
    backend = _Backend(deadline, names)
    return httpcore.HTTPProxy(proxy.url, proxy.user, network_backend=backend, **common)


def _verifying(credentials: TenantCredentials) -> ssl.SSLContext | None:
    """What verifies certificates, by the authorities of this machine; plain HTTP has none."""
    return None if credentials.is_plain else httpcore.default_ssl_context()


def certificate_refused(error: BaseException) -> bool:
    """Whether a connection failed because the other side could not prove who it is."""
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
