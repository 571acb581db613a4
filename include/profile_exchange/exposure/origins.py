"""Whether a partner's credentials are used from where the partner is."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from starlette.requests import Request

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.origins import LOOPBACK, Network, is_local, is_within

log = logging.getLogger(__name__)

#: How long an answer of the domain name system is used, and how long for want of another.
FRESH = timedelta(minutes=1)
STALE = timedelta(days=1)
RESOLVE_SECONDS = 5
#: A sender that keeps trying is reported so often.
REPORT_EVERY = timedelta(minutes=1)
MAX_REPORTED = 10_000

#: The addresses of a host name. Raises `OSError` when they cannot be found out.
Resolve = Callable[[str], Awaitable[frozenset[str]]]


async def addresses_of(host: str) -> frozenset[str]:
    """The addresses of a host name, from the domain name system."""
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return frozenset(str(where[0]) for *_, where in found)


def address_of(request: Request) -> str:
    """The address that a request comes from; behind a proxy, the one that the proxy tells."""
    return request.client.host if request.client else ""


@dataclass(frozen=True, slots=True)
class _Answer:
    at: datetime
    networks: tuple[Network, ...]


class Origins:
    """Where partners are: in the networks that a connection lists, or else where their host is."""

    def __init__(self, resolve: Resolve = addresses_of) -> None:
        self._resolve = resolve
        self._answers: dict[str, _Answer] = {}
        self._reported: dict[tuple[str, str], datetime] = {}

    async def admits(self, connection: Connection, address: str, now: datetime) -> bool:
        """Whether a connection's partner may be at this address."""
        listed = connection.networks or await self._networks(connection.partner.host, now)
        return is_within(address, listed)

    def report_is_due(self, client_id: str, address: str, now: datetime) -> bool:
        """Whether somebody refused has not been reported lately; from then on he has."""
        last = self._reported.get((client_id, address))
        if last is not None and now - last < REPORT_EVERY:
            return False
        if len(self._reported) >= MAX_REPORTED:
            self._reported.clear()
        self._reported[client_id, address] = now
        return True

    async def _networks(self, host: str, now: datetime) -> tuple[Network, ...]:
        if is_local(host):
            return LOOPBACK
        known = self._answers.get(host)
        if known is not None and now - known.at < FRESH:
            return known.networks
        try:
            found = tuple(ip_network(address) for address in await self._resolve(host))
        except OSError as error:
            log.warning("The addresses of %s are not to be had (%s).", host, type(error).__name__)
            return known.networks if known is not None and now - known.at < STALE else ()
        self._answers[host] = _Answer(now, found)
        return found
