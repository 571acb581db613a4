"""What an installation is doing, and how long it took: a spinner, or lines without a terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Phases:
    """One line for each phase once it is over, and a spinner while it lasts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._began = time.monotonic()
        self._status: Status | None = None

    def begin(self, phase: str) -> None:
        """A phase begins, and with it the last one ends."""
        self.end()
        self._phase, self._began = phase, time.monotonic()
        if self._console.is_terminal:
            self._status = self._console.status(Text(f"{phase} ..."))
            self._status.start()

    def tell(self, doing: str, share: float) -> None:
        """How far the phase has come: what it does now, and the part of that which is done."""
        if self._status:
            self._status.update(Text(f"{self._phase} ... {doing}, {share:.0%}"))

    def end(self) -> None:
        """The phase is over."""
        self.leave()
        if self._phase:
            seconds = time.monotonic() - self._began
            self._console.print(f"  {self._phase:<44}{seconds:6.1f} s", markup=False)
            self._phase = ""

    def leave(self) -> None:
        """Stop the spinner, whether the phase is over or failed."""
        if self._status:
            self._status.stop()
            self._status = None
