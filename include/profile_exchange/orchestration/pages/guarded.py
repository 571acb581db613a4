"""Asking a store for the parts of a page one by one: one that is slow takes no other along."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from profile_exchange.domain.errors import ExchangeError, StoreTooSlow
from profile_exchange.orchestration.pages.configured import STATEMENT_SECONDS

Part = TypeVar("Part")
#: After that long nothing more is asked for: a person waits for the page.
PATIENCE_SECONDS = 2 * STATEMENT_SECONDS


class Guarded:
    """Parts of a page, as far as the store gives them; ``failures`` say what is missing and why."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures: list[str] = []
        self._clock = clock
        self._until = clock() + PATIENCE_SECONDS
        self._away = False

    def part(self, what: str, read: Callable[[], Part], otherwise: Part) -> Part:
        """What ``read`` gives; ``otherwise`` where it cannot, or where the store is away."""
        if self._away:
            return otherwise
        if self._clock() > self._until:
            self.failures.append(f"{what}: left out, because the store is slow.")
            return otherwise
        try:
            return read()
        except StoreTooSlow as error:
            self.failures.append(f"{what}: {error}")
        except ExchangeError as error:
            self._away = True
            self.failures.append(str(error))
        return otherwise
