"""Claims: two connections that create the same person at the same moment create one.

What a package creates, others cannot see before it is committed; looking for a person's
identifiers is not enough. So every identifier of a person about to be created is claimed first,
one row for each in a table where it is unique. Whoever comes second with one waits for the first
to be committed, and is then refused by PostgreSQL, as for any row that was changed since its
snapshot: the package is tried again, and finds the person.

A claim holds for the transactions that are open beside its own. Later it is a leftover, which
holds a hash and no value, and `pipeline.retention` deletes it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import FromClause, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.properties import FilterType
from profile_exchange.store import tables
from profile_exchange.store.identifiers import identifiers_of, normalised


def claim(database: Database, seq: int, profiles: FromClause, now: datetime) -> None:
    """Claim the identifiers of profiles about to be created (columns ``id``, ``properties``)."""
    each = identifiers_of(profiles).subquery("each")
    # Some connections tell values apart by case and some do not: here nobody does, so that they
    # meet. To be refused costs another try, and no more.
    value = normalised(each.c.value, FilterType.EMAIL)
    key = func.hashtextextended(func.concat(each.c.property_id, ":", value), 0)
    # In one order for everybody: nobody waits for somebody who waits for them.
    keys = select(key.label("key")).distinct().order_by("key").subquery("keys")
    rows = select(keys.c.key, literal(seq), literal(now)).order_by(keys.c.key)
    claimed = insert(tables.claim).from_select(["key", "run_seq", "claimed_at"], rows)
    mine = {name: claimed.excluded[name] for name in ("run_seq", "claimed_at")}
    database.execute(claimed.on_conflict_do_update(index_elements=["key"], set_=mine))
