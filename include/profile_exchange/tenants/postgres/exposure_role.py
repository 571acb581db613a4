"""The role with which the exposure API reaches a tenant's store, and all that it may do there.

PostgreSQL enforces this, whatever the API asks for: it sees profiles that visited a channel, and
no run, no quarantine and no staging table; it changes nothing; what it writes, it appends.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection as Database
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.properties import VISITED_CHANNEL
from profile_exchange.store import tables
from profile_exchange.store.database import connect, engine_for, store_errors
from profile_exchange.tenants.postgres.role_rights import (
    Rights,
    Rows,
    columns_of,
    given_columns_of,
    grant,
    guard_rows,
    role_of,
)

#: What the key is for with which the API seals its cursors.
CURSOR_KEY = "cursor"
KEY_BYTES = 32
#: The direction in ``exchange.exchanged_profile`` of what the API lets out.
SENT = "sent"
POLICY = "exposure"


#: Columns that the role may read.
READ: Mapping[Table, Sequence[str]] = {
    tables.profile: columns_of(tables.profile),
    tables.profile_property: columns_of(tables.profile_property),
    tables.segment: columns_of(tables.segment),
    tables.objective: columns_of(tables.objective),
    tables.credential: columns_of(tables.credential),
    tables.access_token: ("digest", "client_id", "connection", "expires_at"),
    tables.exchanged_profile: ("connection", "direction", "profile_id"),
    tables.signing_key: ("purpose", "key"),
    tables.sign_in: ("client_id", "outcome", "address"),
}
#: Columns that the role may fill in new rows.
APPEND: Mapping[Table, Sequence[str]] = {
    tables.access_token: columns_of(tables.access_token),
    tables.exchanged_profile: columns_of(tables.exchanged_profile),
    tables.disclosure: given_columns_of(tables.disclosure),
    tables.sign_in: given_columns_of(tables.sign_in),
}
#: Tables whose rows the role may delete: ending a token takes nothing from anybody.
DELETE: Sequence[Table] = (tables.access_token,)
RIGHTS = Rights(READ, APPEND, delete=DELETE)
#: Rows beyond which the role neither sees nor writes; of the other tables it sees all. Whoever has
#: no such property has null here, which lets nobody in; a coalesce around it would let the planner
#: believe that half of the rows are gone, and sort what is left instead of walking along the ids.
ROWS: Rows = {
    tables.profile: sql.SQL("properties -> {} <> '[]'::jsonb").format(sql.Literal(VISITED_CHANNEL)),
    tables.exchanged_profile: sql.SQL("direction = {}").format(sql.Literal(SENT)),
}


def open_to_exposure(url: str, exposure_url: str, *, now: datetime) -> None:
    """Give the user of ``exposure_url`` exactly the rights that the exposure API needs of a store.

    ``url`` is the store's, whose user owns it. The other user has to exist
    (`databases.create_role`); rights that it had before and that are not needed are taken away.
    Safe to repeat, and while the API runs.

    Raises `ConfigurationError` when both URLs have the same user.
    """
    role = role_of(url, exposure_url, "The exposure API")
    with store_errors(url), connect(url) as database:
        grant(database, role, RIGHTS)
        guard_rows(database, role, POLICY, ROWS)
    with store_errors(url), engine_for(url).begin() as store:
        _make_signing_key(store, now)


def _make_signing_key(store: Database, now: datetime) -> None:
    """Make the key that seals the cursors; one that is there stays."""
    made = insert(tables.signing_key).values(
        purpose=CURSOR_KEY, key=secrets.token_bytes(KEY_BYTES), made_at=now
    )
    store.execute(made.on_conflict_do_nothing())
