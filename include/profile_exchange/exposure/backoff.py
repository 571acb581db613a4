"""Noting who tries wrong secrets, and how long they should wait. It locks nobody out."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Attempts that may go wrong before anybody waits, and how long waits are from then on.
FREE = 5
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(minutes=10)
#: Whoever has more names than this is not held back by them anyway.
MAX_KNOWN = 10_000
KEY_BYTES = 16

#: Who is held back: an address, or a consumer key at an address. Never a consumer key alone, or
#: a stranger could hold back the partner whose key it is.
Key = bytes


def key_of(*names: str) -> Key:
    """What is kept of whoever has these names, which strangers make as long as they like."""
    named = "\x00".join(names).encode("utf-8", "replace")
    return hashlib.blake2b(named, digest_size=KEY_BYTES).digest()


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: datetime

    @property
    def wait(self) -> timedelta:
        """How long after the last one the next attempt may come."""
        if self.count < FREE:
            return timedelta(0)
        return min(FIRST_WAIT * (1 << min(self.count - FREE, 16)), LONGEST_WAIT)


class Backoff:
    """How often attempts went wrong lately, by who made them. One for each worker."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()

    def wait(self, keys: tuple[Key, ...], now: datetime) -> float:
        """Seconds until the next attempt may go wrong; 0 for at once."""
        known = (self._failures.get(key) for key in keys)
        waits = [failures.last + failures.wait - now for failures in known if failures]
        return max([0.0, *(wait.total_seconds() for wait in waits)])

    def failed(self, keys: tuple[Key, ...], now: datetime) -> None:
        """An attempt went wrong."""
        for key in keys:
            known = self._failures.pop(key, None)
            recent = known is not None and now - known.last < FORGOTTEN_AFTER
            count = known.count + 1 if known is not None and recent else 1
            self._failures[key] = _Failures(count, now)
        while len(self._failures) > MAX_KNOWN:
            self._failures.popitem(last=False)

    def succeeded(self, keys: tuple[Key, ...]) -> None:
        """An attempt went well: what went wrong before is forgiven."""
        for key in keys:
            self._failures.pop(key, None)
