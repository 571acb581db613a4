"""What was told of a run is on record, and is told again only if it came to nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from profile_exchange.domain.notifications import Notice
from profile_exchange.notices.once import Telling, once

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
OUTCOME = Telling("taylor-times", "run-1", Notice.OUTCOME, "mail")


def told(url: str, telling: Telling = OUTCOME, act: Callable[[], None] = lambda: None) -> bool:
    with once(url, telling, NOW) as first:
        act()
        return first


def test_a_run_is_told_once_by_each_way_and_of_each_matter(store_url: str) -> None:
    assert told(store_url)
    assert not told(store_url)
    assert told(store_url, Telling("taylor-times", "run-1", Notice.OVERDUE, "mail"))
    assert told(store_url, Telling("taylor-times", "run-1", Notice.OUTCOME, "0 a.Notifier"))
    assert told(store_url, Telling("taylor-times", "run-2", Notice.OUTCOME, "mail"))
    assert told(store_url, Telling("harbor-goods", "run-1", Notice.OUTCOME, "mail"))


def test_what_came_to_nothing_is_told_again(store_url: str) -> None:
    def fail() -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 -- our own, without words
        told(store_url, act=fail)
    assert told(store_url)


def test_a_repetition_waits_for_the_first_and_finds_it_told(store_url: str) -> None:
    answers: list[bool] = []
    second = threading.Thread(target=lambda: answers.append(told(store_url)))

    def meanwhile() -> None:
        second.start()
        second.join(0.2)
        assert second.is_alive()

    assert told(store_url, act=meanwhile)
    second.join()
    assert answers == [False]
