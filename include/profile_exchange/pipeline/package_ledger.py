"""The ledger of packages: which were written, each with its counts, and who writes when.

An entry is made first and filled in last, both in the transaction that writes the package: whoever
repeats a task that is still at work waits for the entry, and then finds that it is there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_into

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
    entry = insert_into(tables.package).values(
        **_key(run, package),
        parts=package.parts,
        **asdict(Written(0, 0, 0, 0)),
        committed_at=now,
    )
    return rows_written(database, entry.on_conflict_do_nothing()) > 0


def is_written(database: Database, run: Run, package: IdRange) -> bool:
    """Whether a package is in the ledger."""
    query = select(tables.package.c.part).filter_by(**_key(run, package))
    return database.execute(query).first() is not None


def fill_entry(database: Database, run: Run, package: IdRange, done: Written, tally: Tally) -> None:
    """Complete the entry of a package, in the transaction that has written it."""
    entry = update(tables.package).filter_by(**_key(run, package))
    database.execute(entry.values(**asdict(done), properties=tally.as_json()))


def written(database: Database, run: Run, package: IdRange) -> Written:
    """What the entry of a package says."""
    columns = [tables.package.c[field.name] for field in fields(Written)]
    query = select(*columns).filter_by(**_key(run, package))
    return Written(*database.execute(query).one())


def remember_received(database: Database, run: Run, package: IdRange, now: datetime) -> int:
    """Enter the received profiles into the ledger of unique ones. Returns how many there were."""
    fate, ledger = run.staging.fate, tables.exchanged_profile
    mine = fate.c.profile_id.between(package.first, package.last)
    known = (
        select(ledger.c.profile_id)
        .where(ledger.c.connection == run.connection.id, ledger.c.direction == "received")
        .where(ledger.c.profile_id == fate.c.profile_id)
        .exists()
    )
    # Nobody else enters them meanwhile, so none can conflict: this run holds the pen, and no
    # other package has these ids.
    rows = (
        select(literal(run.connection.id), literal("received"), fate.c.profile_id, literal(now))
        .where(mine, ~known)
        .order_by(fate.c.profile_id)
    )
    names = ["connection", "direction", "profile_id", "first_at"]
    database.execute(insert(ledger).from_select(names, rows))
    counted = select(func.count()).select_from(fate).where(mine)
    return int(database.execute(counted).scalar_one())


def _key(run: Run, package: IdRange) -> dict[str, int]:
    return {"run_seq": run.seq, "part": package.part}
