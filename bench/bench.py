"""`make bench`: the project's import beside a script written by hand for just this job.

Both import the sample in alternating rounds, each time into a fresh copy of the importing tenant,
from the same exposure API, in as many processes. What counts is the ratio: it says what the
project costs over the floor, whatever the machine.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import floor
import project
from measuring import Measurement, Workers
from printing import show
from results import Results
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from world import (
    EXPOSING,
    IMPORTING,
    World,
    made_world,
    newest_transaction,
    rows_written_since,
)

from profile_exchange.domain.errors import ExchangeError
from profile_exchange.domain.fates import FateCounts

PARTS = 2


@dataclass(frozen=True, slots=True)
class Bench:
    """The world, the processes that work in it, and who is told after each run."""

    world: World
    workers: Workers
    validators: Workers
    by_hand: Workers
    told: Callable[[], None]

    def compare(self, rounds: int, results: Results) -> None:
        """Alternate the two, each time another first, the project last; then repeat its run."""
        # Not counted: caches fill, and the exposing tenant writes down what it shows at first.
        self._floor([])
        for number in range(rounds):
            if (rounds - number) % 2:
                self._floor(results.floor)
                self._project(results)
            else:
                self._project(results)
                self._floor(results.floor)
        self._again(results)

    def peaks(self) -> dict[str, tuple[int, int]]:
        """For each kind of process the most memory one held, and what its imports took of it."""
        kinds = {
            "the project": self.workers,
            "the project's validate": self.validators,
            "the floor": self.by_hand,
        }
        return {name: (kind.peak_memory, kind.imported) for name, kind in kinds.items()}

    def _floor(self, runs: list[Measurement]) -> None:
        store_url = self.world.fresh_store("floor")
        with self._measured(runs) as measured:
            floor.import_once(store_url, self.world.credentials, self.by_hand, measured)

    def _project(self, results: Results) -> None:
        store_url = self.world.fresh_store("project")
        with self._measured(results.project) as measured:
            results.fates = self._run(store_url, "first", measured)

    def _again(self, results: Results) -> None:
        store_url = self.world.server.url("project")
        before = newest_transaction(store_url)
        with self._measured([]) as results.unchanged:
            results.unchanged_fates = self._run(store_url, "second", results.unchanged)
        results.repeated = rows_written_since(store_url, before)

    def _run(self, store_url: str, run_id: str, measured: Measurement) -> FateCounts:
        task = project.Task(store_url, run_id, self.world.credentials, datetime.now(UTC))
        return project.import_once(task, self.workers, self.validators, measured)

    @contextmanager
    def _measured(self, runs: list[Measurement]) -> Iterator[Measurement]:
        measured = Measurement()
        wal = self.world.wal_position()
        yield measured
        measured.wal = self.world.wal_position() - wal
        runs.append(measured)
        self.told()


def measure(profiles: int, rounds: int, bars: Progress) -> Results:
    """Make the world, measure in it, and leave nothing of it behind."""
    results = Results(profiles)
    loading = {
        tenant: _bar(bars, f"{profiles:,} profiles of {tenant}") for tenant in (EXPOSING, IMPORTING)
    }
    running = bars.add_task("Running", total=2 * rounds + 2)
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(PARTS))
        by_hand = stack.enter_context(Workers(PARTS))
        validators = stack.enter_context(Workers(1, project.import_great_expectations))
        world = stack.enter_context(made_world(profiles, loading))
        bench = Bench(world, workers, validators, by_hand, lambda: bars.advance(running))
        bench.compare(rounds, results)
        results.peaks = bench.peaks()
    return results


def _bar(bars: Progress, title: str) -> Callable[[str, float], None]:
    """A bar of its own for a tenant, whose loading is told in two stages of unlike length."""
    bar = bars.add_task(title, total=1.0)
    shares = {"generating": (0.0, 0.5), "storing": (0.5, 0.5)}

    def told(doing: str, share: float) -> None:
        start, length = shares[doing]
        bars.update(bar, completed=start + length * share)

    return told


def main() -> int:
    """Measure and print. Returns 1 if what was written is wrong, whatever time it took."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=asked.json)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bars:
            results = measure(asked.profiles, asked.rounds, bars)
    except ExchangeError as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left behind.")
        return 130
    show(console, results)
    if asked.json:
        json.dump(results.as_json(), sys.stdout, indent=2)
    return 0 if results.sound else 1


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=200_000, help="sample profiles per tenant")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each of the two")
    parser.add_argument("--json", action="store_true", help="print one object with the figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
