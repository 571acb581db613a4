"""What the steps share: writing fates, taking them back, and who is still on the way."""

from __future__ import annotations

from collections.abc import Collection

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
    insert,
    literal,
    select,
)
from sqlalchemy import (
    Connection as Database,
)

from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.store.database import rows_written
from profile_exchange.store.staging import Staging


def take_back(database: Database, staging: Staging, reasons: Collection[Reason]) -> None:
    """Forget what a step settled before, so that it can settle it again."""
    fate = staging.fate
    database.execute(delete(fate).where(fate.c.reason.in_([reason.value for reason in reasons])))


def settled(staging: Staging, profiles: FromClause) -> Exists:
    """Whether a row's profile has a fate already."""
    return exists().where(staging.fate.c.profile_id == profiles.c.profile_id)


def settle(
    database: Database, staging: Staging, profiles: FromClause, fate: Fate, reason: Reason
) -> int:
    """Give every profile of a query (column ``profile_id``) one fate. Returns how many."""
    rows = (
        select(profiles.c.profile_id, _text(fate), _text(reason))
        .select_from(profiles)
        # In the order of the index, which then grows at a few places instead of everywhere.
        .order_by(profiles.c.profile_id)
    )
    return rows_written(database, insert(staging.fate).from_select(_columns(staging.fate), rows))


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
