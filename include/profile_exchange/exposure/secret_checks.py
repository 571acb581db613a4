"""Checking secrets: beside the event loop, a few at a time, and guessers after everybody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import anyio.to_thread
from anyio import CapacityLimiter

from profile_exchange.domain.origins import neighbourhood
from profile_exchange.exposure.backoff import Backoff, Key
from profile_exchange.exposure.refusals import too_many, unavailable
from profile_exchange.tenants.postgres.credentials import secret_matches

#: Secrets that one worker checks at a time. More would take the processor from the pages.
AT_ONCE = 2
#: Requests that may wait for their secret to be checked; the next one is told to come later.
MAX_WAITING = 32


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries a secret. ``familiar``: this key has been used from this very address before."""

    client_id: str
    address: str
    familiar: bool

    @property
    def keys(self) -> tuple[Key, ...]:
        """Whose failures count: a partner does not suffer for strangers beside it."""
        near = neighbourhood(self.address)
        own: Key = (self.client_id, near)
        return (own,) if self.familiar else (own, (near,))


def _lane() -> CapacityLimiter:
    return CapacityLimiter(AT_ONCE)


@dataclass(frozen=True)
class SecretChecks:
    """The checks of one worker. Partners have a lane of their own, which strangers cannot fill."""

    backoff: Backoff = field(default_factory=Backoff)
    partners: CapacityLimiter = field(default_factory=_lane)
    strangers: CapacityLimiter = field(default_factory=_lane)

    async def match(
        self, attempt: Attempt, secret: str, secret_hash: str | None, now: datetime
    ) -> bool:
        """Whether a secret belongs to a hash; None belongs to nobody.

        Refuses, before any work, who has been wrong too often, and who finds the lane full.
        """
        if wait := self.backoff.wait(attempt.keys, now):
            raise too_many("Too many attempts went wrong from here: try again later.", wait)
        lane = self.partners if attempt.familiar else self.strangers
        if lane.statistics().tasks_waiting >= MAX_WAITING:
            raise unavailable()
        matches = await anyio.to_thread.run_sync(secret_matches, secret, secret_hash, limiter=lane)
        if matches:
            self.backoff.succeeded(attempt.keys)
        else:
            self.backoff.failed(attempt.keys, now)
        return matches
