"""Statements that are made once for all requests that ask alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from itertools import chain
from sys import getsizeof
from typing import Any, Generic, ParamSpec

import anyio.to_thread
from anyio import CapacityLimiter

from profile_exchange.exposure.stores import Statement

Asked = ParamSpec("Asked")

#: As much of each kind is kept. A partner makes as many of them as it likes, and large ones.
MOST_BYTES = 16 * 1024 * 1024

#: Compiling is Python's own work: two at a time would take no less.
_COMPILING = CapacityLimiter(1)


class Kept(Generic[Asked]):
    """Makes statements beside the event loop, and keeps those that were asked for last."""

    def __init__(self, make: Callable[Asked, Statement], most_bytes: int = MOST_BYTES) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[Statement, int]] = OrderedDict()
        self._bytes = 0

    async def __call__(self, *asked: Asked.args, **named: Asked.kwargs) -> Statement:
        """The statement for what is asked."""
        key = (asked, tuple(sorted(named.items())))
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known[0]

        def make() -> tuple[Statement, int]:
            made = self._make(*asked, **named)
            return made, bytes_of(key, made)

        made, size = await anyio.to_thread.run_sync(make, limiter=_COMPILING)
        self._keep(key, made, size)
        return made

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        """About as much memory is taken by what is kept."""
        return self._bytes

    def _keep(self, key: Hashable, made: Statement, size: int) -> None:
        if key not in self._kept:
            self._kept[key] = made, size
            self._bytes += size
        while self._bytes > self._most_bytes:
            _, (_, size) = self._kept.popitem(last=False)
            self._bytes -= size


def bytes_of(*things: Any) -> int:
    """About as much memory is taken by plain data and all that is in it, each object once.

    Most of a statement is what was asked for: the values in a refinement, and again as what is
    bound. What is shared with others counts for each, because nobody knows who goes last.
    """
    found: dict[int, int] = {}
    left = list(things)
    while left:
        thing = left.pop()
        if id(thing) not in found:
            found[id(thing)] = getsizeof(thing)
            left.extend(_inside(thing))
    return sum(found.values())


def _inside(thing: Any) -> Iterable[Any]:
    if isinstance(thing, Mapping):
        return chain(thing.keys(), thing.values())
    if isinstance(thing, tuple | list | set | frozenset):
        return thing
    if is_dataclass(thing) and not isinstance(thing, type):
        return [getattr(thing, field.name) for field in fields(thing)]
    return ()
