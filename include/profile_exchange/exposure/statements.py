"""Statements that are made once for all requests that ask alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec

import anyio.to_thread
from anyio import CapacityLimiter

from profile_exchange.exposure.stores import Statement

Asked = ParamSpec("Asked")

#: As much of each kind is kept. A partner makes as many of them as it likes, and large ones.
MOST_BYTES = 16 * 1024 * 1024
#: What is kept beside the text, as what was asked: about as much again.
BESIDE = 2

#: Compiling is Python's own work: two at a time would take no less.
_COMPILING = CapacityLimiter(1)


class Kept(Generic[Asked]):
    """Makes statements beside the event loop, and keeps those that were asked for last."""

    def __init__(self, make: Callable[Asked, Statement], most_bytes: int = MOST_BYTES) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Statement] = OrderedDict()
        self._bytes = 0

    async def __call__(self, *asked: Asked.args, **named: Asked.kwargs) -> Statement:
        """The statement for what is asked."""
        key = (asked, tuple(sorted(named.items())))
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        made = await anyio.to_thread.run_sync(
            lambda: self._make(*asked, **named), limiter=_COMPILING
        )
        self._keep(key, made)
        return made

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        """About as much memory is taken by what is kept."""
        return self._bytes

    def _keep(self, key: Hashable, made: Statement) -> None:
        if key not in self._kept:
            self._kept[key] = made
            self._bytes += _size(made)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(statement: Statement) -> int:
    return BESIDE * len(statement.sql)
