"""Checking secrets: beside the event loop, a few at a time, and guessers after everybody else.

Nobody is refused before their secret has been looked at: where strangers share a partner's address,
and even know its key, what they do wrong must not keep out who is right.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

import anyio.to_thread
from anyio import CapacityLimiter

from profile_exchange.domain.origins import neighbourhood
from profile_exchange.exposure.backoff import Backoff, Key, key_of
from profile_exchange.exposure.refusals import too_many, unavailable
from profile_exchange.tenants.postgres.credentials import secret_matches

#: Secrets that one worker checks at a time for strangers, and as many for partners. More would
#: take the processor from the pages.
AT_ONCE = 2
#: Requests that may wait for their secret to be checked; the next one is told to come later.
MAX_WAITING = 32
#: The same for one connection's partner, and for those who have been wrong too often.
MAX_WAITING_EACH = 8
#: Right secrets that one worker remembers.
MAX_PROVED = 1_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries a secret: with a key, from an address.

    ``familiar`` is the key's connection, if its partner has signed in from this very address
    before, with whatever key: None is a stranger.
    """

    client_id: str
    address: str
    familiar: str | None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Whose failures count: a partner does not suffer for strangers beside it."""
        near = neighbourhood(self.address)
        own = key_of(self.client_id, near)
        return (own,) if self.familiar is not None else (own, key_of(near))


@dataclass(frozen=True, slots=True)
class _Lane:
    """Where attempts wait for their turn: so many at a time, and no more than so many behind."""

    turns: CapacityLimiter
    most_waiting: int
    threads: CapacityLimiter

    def refuse_when_full(self) -> None:
        if self.turns.statistics().tasks_waiting >= self.most_waiting:
            raise unavailable()


class _Proved:
    """Secrets that were right lately, as digests with a key that dies with this process.

    Seeing one again takes neither work nor a lane. They are random and long, so that no slower
    digest is needed; and a credential whose hash changes is not known any more.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, shown: tuple[str, ...]) -> bool:
        return self._digest(shown) in self._known

    def add(self, shown: tuple[str, ...]) -> None:
        self._known[self._digest(shown)] = None
        while len(self._known) > MAX_PROVED:
            self._known.popitem(last=False)

    def _digest(self, shown: tuple[str, ...]) -> bytes:
        told = "\x00".join(shown).encode("utf-8", "replace")
        return hmac.digest(self._key, told, "sha256")


def _a_few() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)


@dataclass(frozen=True)
class SecretChecks:
    """The checks of one worker. Each connection's partner has lanes of its own, which neither
    strangers nor other partners can fill."""

    backoff: Backoff = field(default_factory=Backoff)
    _partners: CapacityLimiter = field(default_factory=_a_few)
    _strangers: CapacityLimiter = field(default_factory=_a_few)
    _lanes: dict[tuple[str | None, bool], _Lane] = field(default_factory=dict)
    _proved: _Proved = field(default_factory=_Proved)

    async def match(
        self, attempt: Attempt, secret: str, secret_hash: str | None, now: datetime
    ) -> bool:
        """Whether a secret belongs to a hash; None belongs to nobody.

        Refuses who is wrong once more after having been wrong too often, and who finds the lane
        full.
        """
        shown = (attempt.client_id, secret, secret_hash or "")
        if shown in self._proved:
            self.backoff.succeeded(attempt.keys)
            return True
        wait = self.backoff.wait(attempt.keys, now)
        lane = self._lane(attempt.familiar, held_back=wait > 0)
        lane.refuse_when_full()
        async with lane.turns:
            matches = shown in self._proved or await anyio.to_thread.run_sync(
                secret_matches, secret, secret_hash, limiter=lane.threads
            )
        if matches:
            self._proved.add(shown)
            self.backoff.succeeded(attempt.keys)
        elif wait:
            raise too_many("Too many attempts went wrong from here: try again later.", wait)
        else:
            self.backoff.failed(attempt.keys, now)
        return matches

    def _lane(self, familiar: str | None, *, held_back: bool) -> _Lane:
        known = self._lanes.get((familiar, held_back))
        if known is None:
            threads = self._strangers if familiar is None else self._partners
            wide = familiar is None and not held_back
            turns = CapacityLimiter(AT_ONCE if wide else 1)
            known = _Lane(turns, MAX_WAITING if wide else MAX_WAITING_EACH, threads)
            self._lanes[familiar, held_back] = known
        return known
