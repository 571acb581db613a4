"""Side by side: a step's work for all profiles, done by id ranges on several connections.

PostgreSQL gives each connection a processor of its own and an inserting statement only one, so a
step whose rows do not depend on each other is over sooner in ranges. Each range is a transaction:
what a step did before it, and has to be seen, is committed first, and a repetition of the step
takes back what some ranges had done. The step holds the pen all the while, on a connection that
does nothing else (`runs.at_work`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy import Connection as Database

from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.runs import Run

#: More would win little, and take the database's other guests theirs.
MOST_CONNECTIONS = 4

Item = TypeVar("Item")
Done = TypeVar("Done")


def ranges(run: Run) -> list[IdRange]:
    """The id ranges that a step is done in: one for a run too small to be pulled in parts."""
    parts = min(run.plan.parts, MOST_CONNECTIONS)
    return [IdRange(part, parts) for part in range(parts)]


def for_each_range(run: Run, work: Callable[[Database, IdRange], Done]) -> list[Done]:
    """Do something for every id range, in a transaction each. Returns what each came to.

    An error of one is raised when all have ended.
    """
    return for_each(run, ranges(run), work)


def for_each(run: Run, items: Sequence[Item], work: Callable[[Database, Item], Done]) -> list[Done]:
    """The same for anything else; one after the other in a run too small for several ranges."""

    def in_transaction(item: Item) -> Done:
        with run.engine.begin() as database:
            return work(database, item)

    at_once = min(len(items), len(ranges(run)))
    if at_once <= 1:
        return [in_transaction(item) for item in items]
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(in_transaction, items))


def within(id_range: IdRange, profile_id: ColumnElement[object]) -> list[ColumnElement[bool]]:
    """The condition that an id is in a range, as a list: none where the range is all there is."""
    return [] if id_range.parts == 1 else [profile_id.between(id_range.first, id_range.last)]
