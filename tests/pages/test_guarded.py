"""The parts of a page that come from a store: none takes the others along."""

from __future__ import annotations

import pytest

from profile_exchange.domain.errors import ExchangeError, StoreTooSlow, StoreUnavailable
from profile_exchange.orchestration.pages.guarded import PATIENCE_SECONDS, Guarded


class Store:
    """A store that answers, or breaks off, and the clock that it takes its time of."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def says(self, error: ExchangeError | None = None, seconds: float = 0.0) -> str:
        self.asked += 1
        self.now += seconds
        if error:
            raise error
        return "figures"


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_slow_part_is_missing_alone(store: Store) -> None:
    guarded = Guarded(store.clock)
    slow = StoreTooSlow("It was broken off.")
    assert guarded.part("The quarantine", lambda: store.says(slow), "nothing") == "nothing"
    assert guarded.part("The runs", store.says, "nothing") == "figures"
    assert guarded.failures == ["The quarantine: It was broken off."]


def test_a_store_that_is_away_is_asked_once(store: Store) -> None:
    guarded = Guarded(store.clock)
    away = StoreUnavailable("It does not answer.")
    for what in ("The runs", "The quarantine", "The keys"):
        assert guarded.part(what, lambda: store.says(away), "nothing") == "nothing"
    assert store.asked == 1
    assert guarded.failures == ["It does not answer."]


def test_nobody_waits_for_slow_parts_for_ever(store: Store) -> None:
    guarded = Guarded(store.clock)
    long = PATIENCE_SECONDS * 0.6
    parts = [guarded.part(what, lambda: store.says(seconds=long), "nothing") for what in "abc"]
    assert parts == ["figures", "figures", "nothing"]
    assert guarded.failures == ["c: left out, because the store is slow."]
