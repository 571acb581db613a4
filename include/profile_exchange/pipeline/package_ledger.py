"""The ledger of packages: which were written, each with its counts, and who writes when.

An entry is made first and filled in last, both in the transaction that writes the package: whoever
repeats a task that is still at work waits for the entry, and then finds that it is there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.tally import Tally
from profile_exchange.store import tables
from profile_exchange.store.database import rows_written


@dataclass(frozen=True, slots=True)
class Written:
    """What one package did: profiles of each fate among those received in its id range."""

    received: int
    created: int
    modified: int
    unchanged: int


def take_turn(database: Database, *, alone: bool) -> None:
    """Packages are written side by side; one that lost a race waits until it can be alone.

    So it cannot lose again, however many write. This has to be the first statement: any other
    would take the transaction's snapshot, and waiting would make that an old one.
    """
    mode = "share row exclusive" if alone else "row exclusive"
    database.execute(text(f"lock table exchange.package in {mode} mode"))


def open_entry(database: Database, run: Run, package: IdRange, now: datetime) -> bool:
    """Enter a package into the ledger, or say that it is there, and so has been written.

    A repetition of a task that is still at work waits here, and then starts over.
    """
    entry = insert(tables.package).values(
        **_key(run, package),
        parts=package.parts,
        **asdict(Written(0, 0, 0, 0)),
        committed_at=now,
    )
    return rows_written(database, entry.on_conflict_do_nothing()) > 0


def fill_entry(database: Database, run: Run, package: IdRange, done: Written, tally: Tally) -> None:
    """Complete the entry of a package, in the transaction that has written it."""
    entry = update(tables.package).filter_by(**_key(run, package))
    database.execute(entry.values(**asdict(done), properties=tally.as_json()))


def written(database: Database, run: Run, package: IdRange) -> Written:
    """What the entry of a package says."""
    columns = [tables.package.c[field.name] for field in fields(Written)]
    query = select(*columns).filter_by(**_key(run, package))
    return Written(*database.execute(query).one())


def _key(run: Run, package: IdRange) -> dict[str, int]:
    return {"run_seq": run.seq, "part": package.part}
