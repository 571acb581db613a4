"""What the steps share: writing fates, taking them back, and who is still on the way.

A step that is taken again takes back what it settled, and looks again at everybody whom no step
before it had settled. What a later step has said of them stays until that one is taken again,
unless this one settles them now: so a step can be taken again alone, or with all that follow.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    ColumnElement,
    Exists,
    FromClause,
    Table,
    Text,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy import (
    Connection as Database,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.store.database import rows_written
from profile_exchange.store.staging import Staging

#: What each step settles profiles for, in the order of the steps, up to where writing begins.
REASONS = {
    Step.PULL: (Reason.MALFORMED_PROFILE,),
    Step.JOIN: (
        Reason.OLDER_DUPLICATE,
        Reason.NO_IDENTIFIER,
        Reason.NO_MATCH,
        Reason.IDENTIFIER_TAKEN,
        Reason.SEVERAL_MATCHES,
        Reason.NO_VISITED_CHANNEL,
        Reason.VALUE_LIMIT,
    ),
    Step.FILTER_BY_CONSENT: (Reason.NO_CONSENT,),
    Step.VALIDATE: (Reason.EXPECTATION,),
    Step.MAP_PROPERTIES: (Reason.VALUE_TYPE,),
}
_STEPS = list(REASONS)


def take_back(database: Database, staging: Staging, step: Step) -> None:
    """Forget what a step settled before, so that it can settle it again."""
    database.execute(delete(staging.fate).where(_is_for(staging, [step])))


def take_back_of_others(
    database: Database, staging: Staging, step: Step, matched: FromClause
) -> None:
    """Forget what later steps have said of profiles that are not matched any more."""
    fate = staging.fate
    still = exists().where(matched.c.profile_id == fate.c.profile_id)
    later = _STEPS[_STEPS.index(step) + 1 :]
    database.execute(delete(fate).where(_is_for(staging, later), ~still))


def settled(staging: Staging, profiles: FromClause, *, before: Step | None = None) -> Exists:
    """Whether a row's profile has a fate already; one of a step ``before`` another, if told."""
    same = exists().where(staging.fate.c.profile_id == profiles.c.profile_id)
    return same.where(_is_for(staging, _STEPS[: _STEPS.index(before)])) if before else same


def _is_for(staging: Staging, steps: Iterable[Step]) -> ColumnElement[bool]:
    return staging.fate.c.reason.in_([reason.value for step in steps for reason in REASONS[step]])


def settle(
    database: Database, staging: Staging, profiles: FromClause, fate: Fate, reason: Reason
) -> int:
    """Give every profile of a query (column ``profile_id``) one fate. Returns how many."""
    return rows_written(database, _settling(staging, profiles, fate, reason))


def settle_anew(
    database: Database, staging: Staging, profiles: FromClause, fate: Fate, reason: Reason
) -> int:
    """The same in place of what a later step had said, when it was taken before."""
    settling = _settling(staging, profiles, fate, reason)
    words = {name: settling.excluded[name] for name in ("fate", "reason")}
    instead = settling.on_conflict_do_update(index_elements=["profile_id"], set_=words)
    return rows_written(database, instead)


def _settling(staging: Staging, profiles: FromClause, fate: Fate, reason: Reason) -> Insert:
    rows = (
        select(profiles.c.profile_id, _text(fate), _text(reason))
        .select_from(profiles)
        # In the order of the index, which then grows at a few places instead of everywhere.
        .order_by(profiles.c.profile_id)
    )
    return insert(staging.fate).from_select(_columns(staging.fate), rows)


def counts_by_fate(database: Database, staging: Staging) -> dict[str, int]:
    """``{fate: number of profiles}``; fates that nobody has are missing."""
    fate = staging.fate
    query = select(fate.c.fate, func.count()).group_by(fate.c.fate)
    return {name: int(number) for name, number in database.execute(query)}


def counts_by_reason(database: Database, staging: Staging) -> dict[str, int]:
    """``{reason: number of profiles}``; reasons that hold for nobody are missing."""
    fate = staging.fate
    query = select(fate.c.reason, func.count()).group_by(fate.c.reason)
    return {name: int(number) for name, number in database.execute(query)}


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _text(word: Fate | Reason) -> ColumnElement[str]:
    return cast(literal(word.value), Text)
