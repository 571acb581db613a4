"""How much one connection may ask: so many requests a second, so many at once.

Workers know nothing of each other, so each has its share of what the service allows: together
they never allow more. A reader that stays with one worker gets that worker's share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from profile_exchange.exposure.refusals import too_many

#: Seconds' worth of requests that may come in one go after a rest.
BURST_SECONDS = 2.0
RETRY_SECONDS = 1.0

#: Ends a request that was let in.
Leave = Callable[[], None]


@dataclass(slots=True)
class _Share:
    """What a connection has under way, and how many requests it has saved up."""

    saved: float
    counted_at: datetime
    under_way: int = 0


class Load:
    """The requests of every connection to one worker."""

    @classmethod
    def share(cls, a_second: float, at_once: int, workers: int) -> Load:
        """What one of so many workers allows, of which there are no more than ``at_once``."""
        return cls(a_second / workers, at_once // workers)

    def __init__(self, a_second: float, at_once: int) -> None:
        self._a_second = a_second
        self._at_once = at_once
        # Less than one could never be saved up.
        self._most = max(1.0, a_second * BURST_SECONDS)
        self._shares: dict[str, _Share] = {}

    def enter(self, connection_id: str, now: datetime) -> Leave:
        """Let a request in. Refuses one too many; whoever is let in has to leave."""
        share = self._shares.get(connection_id)
        if share is None:
            share = self._shares[connection_id] = _Share(self._most, now)
        self._save(share, now)
        if share.under_way >= self._at_once:
            raise too_many(
                f"At most {self._at_once} requests of a connection are answered at once.",
                RETRY_SECONDS,
            )
        if share.saved < 1:
            raise too_many(
                f"At most {self._a_second:g} requests a second are answered for a connection.",
                (1 - share.saved) / self._a_second,
            )
        share.saved -= 1
        share.under_way += 1
        return lambda: self._leave(share)

    def _save(self, share: _Share, now: datetime) -> None:
        elapsed = max(0.0, (now - share.counted_at).total_seconds())
        share.saved = min(share.saved + elapsed * self._a_second, self._most)
        share.counted_at = now

    @staticmethod
    def _leave(share: _Share) -> None:
        share.under_way -= 1
