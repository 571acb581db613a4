"""Asking a tenant to write, as often and with as many entries at once as it takes.

A request is never repeated as it was: what comes of each is noted, and only entries that are not
known to be done are in the next one.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from profile_exchange.domain.entries import Entry
from profile_exchange.domain.errors import ProtocolViolation, SourceUnavailable
from profile_exchange.pipeline.ports import Reply, Result, Target, Verdict

T = TypeVar("T")

MOST_AT_ONCE = 1000
#: The state of an entry that the tenant refuses to read: as it is, or as large as it is.
UNREADABLE = "UNREADABLE"
#: The state of an entry that the tenant answers around, however often it is asked.
UNANSWERED = "UNANSWERED"
#: What may be taken when it is asked with less at once.
_SPLIT = {Verdict.TOO_MANY, Verdict.REFUSED}


@dataclass(frozen=True, slots=True)
class Endurance:
    """How often to ask without any answer, how long to wait in between (seconds), and how.

    ``at_work`` is how long a tenant may go on with a request whose answer has been given up.
    """

    attempts: int = 8
    backoff: float = 0.5
    longest: float = 60.0
    at_work: float = 60.0
    unreadable: int = 20
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Asking:
    """One conversation with a tenant. ``size`` is how many entries a request has for now.

    ``alone`` says that the tenant has asked for less at once. ``aside`` are entries that it gave no
    answer to when they were asked about alone: they wait until the others have been asked about.
    """

    target: Target
    objectives: Collection[str]
    endurance: Endurance = field(default_factory=Endurance)
    size: int = MOST_AT_ONCE
    alone: bool = False
    aside: set[str] = field(default_factory=set)
    _fruitless: int = 0
    _unreadable: int = 0
    _lost_alone: int = 0
    _answers: int = 0
    #: How many answers had come when an entry was first in a request without one.
    _lost_at: dict[str, int] = field(default_factory=dict)
    #: How often nothing was said of an entry that was asked about alone.
    _tries: Counter[str] = field(default_factory=Counter)

    def turn(self, entries: Mapping[str, T]) -> dict[str, T]:
        """Those of the entries that the next request is for."""
        others = ((name, each) for name, each in entries.items() if name not in self.aside)
        return dict(islice(others, self.size)) or dict(islice(entries.items(), 1))

    def ask(self, entries: Mapping[str, Entry], *, more: bool = False) -> Reply:
        """One request. Waits if it has to be followed by another; ``more`` are not in ``entries``.

        Raises `SourceUnavailable` after too many in a row that were not answered, and
        `ProtocolViolation` after too many entries that the tenant refuses to read. An answer in
        which nothing is said of the one entry asked about is, in the end, that entry's matter. So
        is no answer to it alone, if the tenant has answered others since that entry was first lost.
        """
        sent = self.turn(entries)
        reply = self.target.write(sent, self.objectives)
        known = {name: result for name, result in reply.results.items() if name in sent}
        if reply.verdict in _SPLIT and len(sent) == 1 and not known:
            known = {name: self._unread() for name in sent}
        elif known:
            self._answers += 1
            self._unreadable = self._lost_alone = 0
            self.aside.difference_update(known)
        splits = reply.verdict in _SPLIT and len(sent) > 1
        self._fruitless = 0 if known or splits else self._fruitless + 1
        if reply.verdict is Verdict.LOST:
            self._note_lost(sent, more=more or len(entries) > len(sent))
        goes_on = reply.verdict is Verdict.LOST and len(sent) > 1
        if len(sent) == 1 and not known:
            if self._is_its_own_matter(reply.verdict, *sent):
                self._fruitless = 0
                known = {name: Result(UNANSWERED) for name in sent}
            # What was not answered before was about others, too.
            goes_on = reply.verdict is Verdict.ANSWERED
        self._resize(reply.verdict, len(known), len(sent))
        if len(known) < len(sent) and not splits:
            self._wait(reply, goes_on=goes_on)
        return Reply(reply.verdict, known, reply.retry_after)

    def let_finish(self, ago: float | None) -> None:
        """Wait until the tenant is done with whatever it was asked for so many seconds ago."""
        left = 0.0 if ago is None else self.endurance.at_work - ago
        if left > 0:
            self.endurance.sleep(left)

    def _unread(self) -> Result:
        self._unreadable += 1
        if self._unreadable > self.endurance.unreadable:
            raise ProtocolViolation(
                "Our tenant answers 400 or 413 to one entry after the other, as if it read none: "
                "check the versions of both sides."
            )
        return Result(UNREADABLE)

    def _note_lost(self, sent: Collection[str], *, more: bool) -> None:
        for name in sent:
            self._lost_at.setdefault(name, self._answers)
        if len(sent) == 1:
            self._lost_alone += 1
            if more:
                self.aside.update(sent)

    def _is_its_own_matter(self, verdict: Verdict, name: str) -> bool:
        """Whether an entry that was asked about alone, without an answer, is given up."""
        if verdict not in {Verdict.ANSWERED, Verdict.LOST}:
            return False
        self._tries[name] += 1
        if self._tries[name] < self.endurance.attempts:
            return False
        return verdict is Verdict.ANSWERED or self._answers > self._lost_at[name]

    def _resize(self, verdict: Verdict, known: int, sent: int) -> None:
        if verdict is Verdict.TOO_MANY and known:
            self.size = min(self.size, known)
        elif verdict in {Verdict.TOO_MANY, Verdict.BUSY, Verdict.REFUSED, Verdict.LOST} or (
            verdict is Verdict.ANSWERED and not known
        ):
            self.size = max(1, min(self.size, sent) // 2)
        elif verdict is Verdict.ANSWERED:
            self.size = min(MOST_AT_ONCE, self.size * 2)
        self.alone = self.alone or verdict is Verdict.BUSY

    def _given_up(self) -> bool:
        return self._fruitless >= self.endurance.attempts

    def _wait(self, reply: Reply, *, goes_on: bool) -> None:
        # What the tenant fails at may be one of many entries, or each of the first few alone.
        few_alone = 0 < self._lost_alone <= self.endurance.attempts // 2
        if self._given_up() and not goes_on and not few_alone:
            raise SourceUnavailable(
                "Our tenant does not say what became of what was sent to it: what it has not "
                "confirmed is sent again when the task is.",
                retry_after=reply.retry_after,
            )
        self.endurance.sleep(self._pause(reply.retry_after))

    def _pause(self, asked: float | None) -> float:
        """Seconds to wait: what the tenant asks for and a little more, else exponential."""
        # Many tasks are told the same: they do not all come back at the same moment.
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it
        backoff, longest = self.endurance.backoff, self.endurance.longest
        if asked is not None:
            return min(asked, longest) + backoff * jitter
        return min(backoff * 2.0**self._fruitless, longest) * jitter
