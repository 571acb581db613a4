"""Quarantine: entering rejected profiles, taking them again, and letting go of repaired ones.

An entry says which run rejected which profile, for which property, rule and reason, with a
fingerprint of the value and never the value. A profile is *in quarantine* while an entry of it has
no outcome. Each successful run gives one to the entries of the runs before it: a profile that it
took is repaired, one that it rejected again has a new entry. Of one that it did not take for
another reason, such as a consent, nobody has looked at the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    exists,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.fates import TAKEN, Fate, Reason
from profile_exchange.domain.quarantine import Outcome
from profile_exchange.store.database import rows_written
from profile_exchange.store.fingerprints import fingerprint_of
from profile_exchange.store.tables import quarantine, replay, run

if TYPE_CHECKING:
    from profile_exchange.pipeline.runs import Run

COLUMNS = (
    *("run_seq", "profile_id", "property_id", "rule"),
    *("reason", "fingerprint", "quarantined_at"),
)


@dataclass(frozen=True, slots=True)
class Breach:
    """What profiles are rejected for: the reason, and which property (if one) broke which rule."""

    reason: Reason
    property_id: str
    rule: str


def entries(
    seq: int,
    breach: Breach,
    profile_id: ColumnElement[Any],
    value: ColumnElement[Any],
    now: datetime,
) -> Select[Any]:
    """The columns of entries; from where, and for which rows, is the caller's to add."""
    return select(
        literal(seq),
        profile_id,
        literal(breach.property_id),
        literal(breach.rule),
        literal(breach.reason.value),
        fingerprint_of(value),
        literal(now),
    )


def enter(database: Database, rows: Select[Any]) -> int:
    """Put profiles into quarantine. Returns how many entries are new."""
    kept = insert(quarantine).from_select(list(COLUMNS), rows).on_conflict_do_nothing()
    return rows_written(database, kept)


def entered(seq: int, reason: Reason) -> ColumnElement[bool]:
    """What a run has entered for one reason."""
    return and_(quarantine.c.run_seq == seq, quarantine.c.reason == reason.value)


def forget(database: Database, seq: int, reason: Reason) -> None:
    """Take back what a step of a run entered, before it is repeated."""
    database.execute(delete(quarantine).where(entered(seq, reason)))


def held(connection_id: str) -> ColumnElement[bool]:
    """The entries of a connection that have no outcome: its profiles in quarantine.

    What a preview rejects is a forecast.
    """
    runs = select(run.c.seq).where(run.c.connection == connection_id, ~run.c.preview)
    return and_(quarantine.c.outcome.is_(None), quarantine.c.run_seq.in_(runs))


def to_replay(database: Database, connection_id: str) -> list[UUID]:
    """The profiles that the connection's next run has to receive, changed since or not.

    A complete pull receives them anyway. One of changed profiles has to ask for them, or be
    complete while there are any.
    """
    query = select(replay.c.profile_id).where(replay.c.connection == connection_id)
    return list(database.execute(query.order_by(replay.c.profile_id)).scalars())


def ask_again(
    database: Database, connection_id: str, chosen: ColumnElement[bool], now: datetime
) -> int:
    """Have the next run take profiles in quarantine again. Returns how many profiles.

    ``chosen`` narrows the connection's entries. Asking twice is asking once.
    """
    profiles = (
        select(literal(connection_id), quarantine.c.profile_id, literal(now))
        .where(held(connection_id), chosen)
        .distinct()
    )
    asked = insert(replay).from_select(["connection", "profile_id", "asked_at"], profiles)
    again = asked.on_conflict_do_update(
        index_elements=["connection", "profile_id"], set_={"asked_at": asked.excluded.asked_at}
    )
    return rows_written(database, again)


def forget_settled_otherwise(database: Database, finished: Run) -> None:
    """Take back what a run has entered of profiles that it did not reject in the end: a step before
    the one that rejected them was repeated, and settled them first."""
    fate = finished.staging.fate
    otherwise = exists().where(
        fate.c.profile_id == quarantine.c.profile_id, fate.c.fate != Fate.REJECTED.value
    )
    mine = quarantine.c.run_seq == finished.seq
    database.execute(delete(quarantine).where(mine, otherwise))


def conclude(database: Database, finished: Run, now: datetime) -> None:
    """Give earlier entries their outcome by the fates of a run, and answer what was asked."""
    waiting = and_(held(finished.connection.id), quarantine.c.run_seq < finished.seq)
    # Nearly always nobody waits, and a million fates need not be looked at.
    if database.execute(select(quarantine.c.run_seq).where(waiting).limit(1)).first():
        fate = finished.staging.fate
        again = fate.c.fate == Fate.REJECTED.value
        outcome = case((again, Outcome.REJECTED_AGAIN.value), else_=Outcome.REPAIRED.value)
        same = fate.c.profile_id == quarantine.c.profile_id
        concluded = update(quarantine).where(waiting, same, or_(again, fate.c.fate.in_(TAKEN)))
        database.execute(concluded.values(outcome=outcome, outcome_at=now))
    started = select(run.c.started_at).where(run.c.seq == finished.seq).scalar_subquery()
    answered = and_(replay.c.connection == finished.connection.id, replay.c.asked_at <= started)
    database.execute(delete(replay).where(answered))
