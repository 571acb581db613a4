"""Rivals: several received profiles that turn out to be one of the tenant's (Matching 5).

Only the answers tell. The one modified last wins: it is written once more, after the others, and
they are superseded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Database
from sqlalchemy import Subquery, and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.entries import State
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.creating import row_of
from profile_exchange.pipeline.remote.outcomes import PROCESSED
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.arrays import is_among


def winners_over(database: Database, run: Run, package: IdRange) -> dict[UUID, UUID]:
    """Settle who of a package's profiles, or met by one of them, is superseded.

    Returns ``{profile: profile of the tenant's}`` of those that have to be written again.
    """
    ranked = _ranked(run)
    mine = ranked.alias("mine")
    met = select(mine.c.target_id).where(
        mine.c.profile_id.between(package.first, package.last), mine.c.several > 1
    )
    rows = database.execute(select(ranked).where(ranked.c.target_id.in_(met))).all()
    losers = [row.profile_id for row in rows if row.place > 1]
    if losers:
        _supersede(database, run, losers)
    _hand_on_creation(database, run, [row.profile_id for row in rows])
    again = {row.target_id for row in rows if row.place > 1 and _is_in(package, row.profile_id)}
    return {
        row.profile_id: row.target_id for row in rows if row.place == 1 and row.target_id in again
    }


def _ranked(run: Run) -> Subquery:
    sent, mapped, staged = run.staging.sent, run.staging.mapped, run.staging.staged
    place = func.row_number().over(
        partition_by=sent.c.target_id,
        order_by=[staged.c.modified.desc().nulls_last(), sent.c.profile_id],
    )
    several = func.count().over(partition_by=sent.c.target_id)
    return (
        select(sent.c.profile_id, sent.c.target_id, place.label("place"), several.label("several"))
        .join_from(sent, mapped, mapped.c.profile_id == sent.c.profile_id)
        .join(staged, row_of(mapped, staged))
        .where(sent.c.state.in_(PROCESSED), sent.c.target_id.isnot(None))
        .subquery("ranked")
    )


def _supersede(database: Database, run: Run, losers: Sequence[UUID]) -> None:
    words = {"fate": Fate.SUPERSEDED.value, "reason": Reason.OLDER_DUPLICATE.value}
    row = insert(run.staging.fate).on_conflict_do_update(index_elements=["profile_id"], set_=words)
    database.execute(row, [{"profile_id": loser, **words} for loser in losers])


def _hand_on_creation(database: Database, run: Run, rivals: Collection[UUID]) -> None:
    """Whoever wins a profile that a rival was created as, is whom it was created for."""
    sent, fate = run.staging.sent, run.staging.fate
    mine = is_among(sent.c.profile_id, rivals)
    created = select(sent.c.target_id).where(mine, sent.c.state == State.CREATED.value)
    superseded = exists().where(
        fate.c.profile_id == sent.c.profile_id, fate.c.fate == Fate.SUPERSEDED.value
    )
    winner = and_(mine, sent.c.target_id.in_(created), ~superseded)
    database.execute(update(sent).where(winner).values(state=State.CREATED.value))


def _is_in(package: IdRange, profile_id: UUID) -> bool:
    return package.first <= profile_id <= package.last


def change_state(
    database: Database,
    run: Run,
    profiles: Any,
    state: str,
    about: str = "",
    *,
    of: Collection[str] = PROCESSED,
) -> None:
    """Say of some profiles, answered with one ``of`` these states, what became of them at last."""
    sent = run.staging.sent
    changed = update(sent).where(sent.c.profile_id.in_(profiles), sent.c.state.in_(of))
    database.execute(changed.values(state=state, about=about))
