"""Ways of taking the steps of a run that go wrong, and are then taken again, from any one on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from profile_exchange.domain.errors import SourceUnavailable
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.pull import pull
from profile_exchange.store.database import engine_for
from tests.model.story import sound
from tests.pipeline.in_memory import BreakingOff


class Interrupted(Exception):
    """The worker was gone."""


#: The first number of a plan that takes earlier steps again.
AGAIN = 24


class Interruptions:
    """Takes each step as a byte of ``plan`` says, over and over again.

    0 takes it once, 1 twice; any number below `AGAIN` loses the worker before that many more
    statements, commits or pages, and takes the step again. Any from `AGAIN` on does so as well,
    after so many steps before it were taken again, as when their tasks are cleared.
    """

    def __init__(self, plan: Sequence[int], store_url: str) -> None:
        self._plan = list(plan) or [0]
        self._engine = engine_for(store_url)
        self._taken = 0
        self._before: list[Taken] = []

    def __call__(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Take a step, the way of its place in the run."""
        way = self._plan[self._taken % len(self._plan)]
        self._taken += 1
        run = arguments[0]
        self._before = [taken for taken in self._before if taken.arguments[0].seq == run.seq]
        if way == 1:
            sound(step, *arguments)
        if way > 1:
            lose_worker(self._engine, (way - 2) % (AGAIN - 2), step, *arguments)
        if way >= AGAIN:
            for taken in self._before[AGAIN - way - 1 :]:
                taken.again()
        done = sound(step, *arguments)
        self._before.append(Taken(step, arguments, done))
        return done


@dataclass(frozen=True)
class Taken:
    """A step that was taken, and what it returned."""

    step: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: Any

    def again(self) -> None:
        """Take it again. The packages that are handed out stay those that are being written."""
        done = sound(self.step, *self.arguments)
        if self.step is gate:
            assert done.packages == self.done.packages


def lose_worker(engine: Engine, after: int, step: Callable[..., Any], *arguments: Any) -> None:
    """Take a step until so many statements and commits, or pages, have been; not to its end."""
    try:
        if step is pull:
            run, source, request = arguments
            sound(pull, run, BreakingOff(source, after), request)
        else:
            with _losing(engine, after):
                sound(step, *arguments)
    except (Interrupted, SourceUnavailable):
        pass


@contextmanager
def _losing(engine: Engine, after: int) -> Iterator[None]:
    """Interrupt what goes through an engine once so many statements and commits have been."""
    left = after

    def count(*_: Any) -> None:
        nonlocal left
        if left == 0:
            raise Interrupted
        left -= 1

    happenings = ("before_cursor_execute", "commit")
    for name in happenings:
        event.listen(engine, name, count)
    try:
        yield
    finally:
        for name in happenings:
            event.remove(engine, name, count)
