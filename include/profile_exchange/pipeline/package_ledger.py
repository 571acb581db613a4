"""The ledger of packages: which were written, each with its counts, and who writes when.

An entry is made first and filled in last, both in the transaction that writes the package: whoever
repeats a task that is still at work waits for the entry, and then finds that it is there.

The first entry of a run settles what the steps before decided: who is matched, and what is mapped,
in how many parts. One of them that is taken again finds it there and leaves all as it is; otherwise
profiles that were written would be decided upon anew, by what they were written to.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.tally import Tally
from profile_exchange.store import tables
from profile_exchange.store.database import rows_written

log = logging.getLogger(__name__)


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


def parts_written(database: Database, run: Run) -> int:
    """In how many parts a run is written, once one of them is; 0 before."""
    query = select(func.max(tables.package.c.parts)).where(tables.package.c.run_seq == run.seq)
    return int(database.execute(query).scalar_one() or 0)


def decided(database: Database, run: Run) -> bool:
    """Whether a part of a run is written, so that no earlier step has anything left to decide."""
    if not parts_written(database, run):
        return False
    log.info("Run %s is being written: what it has decided on every profile stays.", run.run_id)
    return True


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
    # Said of the ledger too: it is then read from one id to the other, and not as a whole.
    in_package = ledger.c.profile_id.between(package.first, package.last)
    known = (
        select(ledger.c.profile_id)
        .where(ledger.c.connection == run.connection.id, ledger.c.direction == "received")
        .where(ledger.c.profile_id == fate.c.profile_id, in_package)
        .exists()
    )
    # No other import enters them meanwhile: this run holds the pen, and no other package has these
    # ids. A partner that may write to the same connection can come first; only then is it looked
    # for, row by row.
    rows = (
        select(literal(run.connection.id), literal("received"), fate.c.profile_id, literal(now))
        .where(mine, ~known)
        .order_by(fate.c.profile_id)
    )
    names = ["connection", "direction", "profile_id", "first_at"]
    entering = insert_into(ledger).from_select(names, rows)
    if run.connection.accept:
        entering = entering.on_conflict_do_nothing()
    database.execute(entering)
    counted = select(func.count()).select_from(fate).where(mine)
    return int(database.execute(counted).scalar_one())


def _key(run: Run, package: IdRange) -> dict[str, int]:
    return {"run_seq": run.seq, "part": package.part}
