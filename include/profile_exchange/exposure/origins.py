"""Whether a partner's credentials are used from where the partner is."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from starlette.requests import Request

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.origins import LOOPBACK, Network, is_local, is_within
from profile_exchange.domain.scopes import Scope, goals_of

log = logging.getLogger(__name__)

#: How long the domain name system is not asked again, and how long its answer is used for want of
#: another.
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a key is good at an address, by its scopes; None where nobody knows, because a host
    name cannot be looked up."""

    verdicts: Mapping[Scope, bool | None]

    @property
    def here(self) -> frozenset[Scope]:
        """What the key is good for."""
        return self._with(True)

    @property
    def elsewhere(self) -> frozenset[Scope]:
        """What it would be good for at another address."""
        return self._with(False)

    @property
    def undecided(self) -> frozenset[Scope]:
        """What it may or may not be good for."""
        return self._with(None)

    def _with(self, verdict: bool | None) -> frozenset[Scope]:
        return frozenset(scope for scope, each in self.verdicts.items() if each is verdict)


class Origins:
    """Where partners are: in the networks that a goal lists, or else where their host is."""

    def __init__(self, resolve: Resolve = addresses_of) -> None:
        self._resolve = resolve
        self._answers: dict[str, _Answer] = {}
        self._asked_at: dict[str, datetime] = {}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._reported: dict[tuple[str, str], datetime] = {}

    async def standing(
        self, connection: Connection, scopes: Collection[str], address: str, now: datetime
    ) -> Standing:
        """What a connection's key of these scopes is good for at an address.

        May take as long as a lookup. A key for what the connection has no goal for is good for
        nothing, but is at home wherever its partner is.
        """
        goals = goals_of(connection)
        served = [scope for scope in goals if scope in scopes] or goals
        host = connection.partner.host
        return Standing(
            {each: await self._admits(host, goals[each].networks, address, now) for each in served}
        )

    async def _admits(
        self, host: str, networks: Sequence[Network], address: str, now: datetime
    ) -> bool | None:
        """Whether a partner may be at an address; None when there is nothing to go by."""
        if networks or is_local(host):
            return is_within(address, networks or LOOPBACK)
        lookup = self._lookup(host, now)
        if self._knows(host, address, now):
            return True
        if lookup is not None:
            await asyncio.shield(lookup)
        return self._knows(host, address, now) if self._last(host, now) else None

    def report_is_due(self, client_id: str, address: str, now: datetime) -> bool:
        """Whether somebody refused has not been reported lately; from then on he has."""
        last = self._reported.get((client_id, address))
        if last is not None and now - last < REPORT_EVERY:
            return False
        if len(self._reported) >= MAX_REPORTED:
            self._reported.clear()
        self._reported[client_id, address] = now
        return True

    def _knows(self, host: str, address: str, now: datetime) -> bool:
        last = self._last(host, now)
        return last is not None and is_within(address, last.networks)

    def _last(self, host: str, now: datetime) -> _Answer | None:
        """The last answer, while it is good for want of another."""
        known = self._answers.get(host)
        return known if known is not None and now - known.at < STALE else None

    def _lookup(self, host: str, now: datetime) -> asyncio.Task[None] | None:
        """The lookup of a host that is under way, if one is: there is one at a time, and none
        while the last one is fresh, whatever came of it."""
        under_way = self._lookups.get(host)
        if under_way is not None:
            return under_way
        asked_at = self._asked_at.get(host)
        if asked_at is not None and now - asked_at < FRESH:
            return None
        self._asked_at[host] = now
        begun = asyncio.create_task(self._look_up(host, now))
        self._lookups[host] = begun
        begun.add_done_callback(lambda _: self._lookups.pop(host))
        return begun

    async def _look_up(self, host: str, now: datetime) -> None:
        try:
            found = tuple(ip_network(address) for address in await self._resolve(host))
        except (OSError, UnicodeError) as error:
            log.warning("The addresses of %s are not to be had (%s).", host, type(error).__name__)
        else:
            self._answers[host] = _Answer(now, found)
