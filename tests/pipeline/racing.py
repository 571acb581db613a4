"""Races that are decided: one writer stops in the middle until another is seen to wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, get_ident
from typing import Any

import pytest
from sqlalchemy import text

from profile_exchange.store.database import engine_for

PATIENCE = 60.0
_WAITING = text(
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and wait_event_type = 'Lock'"
)


def until_waiting(store_url: str, number: int = 1) -> None:
    """Return once that many of a store's connections wait for a lock of another one."""
    deadline = time.monotonic() + PATIENCE
    with engine_for(store_url).connect() as database:
        while database.execute(_WAITING).scalar_one() < number:
            database.rollback()
            assert time.monotonic() < deadline, "nobody waits"


class Pause:
    """Stops the first caller of a function just before it, until it may go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._first: int | None = None
        self._reached, self._go = Event(), Event()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self._first is None:
            self._first = get_ident()
            self._reached.set()
            assert self._go.wait(PATIENCE)
        return self._function(*arguments, **named)

    def wait(self) -> None:
        """Return once somebody has stopped."""
        assert self._reached.wait(PATIENCE)

    def go_on(self) -> None:
        """Let the one that stopped go on."""
        self._go.set()


@contextmanager
def paused_at(where: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pause]:
    """Have the first caller of ``module.function`` (below ``pipeline``) stop before it."""
    module, _, name = f"profile_exchange.pipeline.{where}".rpartition(".")
    function = getattr(__import__(module, fromlist=[name]), name)
    pause = Pause(function)
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", pause)
        try:
            yield pause
        finally:
            pause.go_on()


def overtaking(
    store_url: str, pause: Pause, first: Callable[[], Any], second: Callable[[], Any]
) -> tuple[Any, Any]:
    """What both return, or the errors they raise: ``first`` stops in the middle until ``second``
    waits for it."""
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(first)
        pause.wait()
        other = threads.submit(second)
        until_waiting(store_url)
        pause.go_on()
        return _outcome(one), _outcome(other)


def at_once(*writers: Callable[[], Any]) -> list[Any]:
    """What each returns, or the error it raises, when all start at the same moment."""
    together = Barrier(len(writers))

    def run(writer: Callable[[], Any]) -> Any:
        together.wait(PATIENCE)
        return writer()

    with ThreadPoolExecutor(len(writers)) as threads:
        return [_outcome(each) for each in [threads.submit(run, writer) for writer in writers]]


def _outcome(future: Future[Any]) -> Any:
    return future.exception(PATIENCE) or future.result()
