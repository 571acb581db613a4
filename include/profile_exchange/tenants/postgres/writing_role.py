"""The role with which the exposure API writes what partners send, and all that it may do there.

A role of its own, used by the routes that write and by no other, and made only where a
connection accepts anything: who takes over what reads, or is served where nothing is accepted,
finds no right to write. PostgreSQL enforces it.
"""

from __future__ import annotations

from psycopg import sql

from profile_exchange.store import tables
from profile_exchange.store.database import connect, store_errors
from profile_exchange.tenants.postgres.role_rights import (
    Rights,
    Rows,
    columns_of,
    given_columns_of,
    grant,
    guard_rows,
    role_of,
    take_away,
)

RIGHTS = Rights(
    read={
        tables.profile: columns_of(tables.profile),
        tables.profile_identifier: columns_of(tables.profile_identifier),
        tables.profile_property: columns_of(tables.profile_property),
        tables.segment: columns_of(tables.segment),
        tables.objective: columns_of(tables.objective),
        tables.claim: columns_of(tables.claim),
        # That a partner's connection ran, and how it ended: no count.
        tables.run: (
            *("seq", "connection", "run_id", "state"),
            *("started_at", "finished_at", "preview"),
        ),
        tables.exposure_check: ("connection", "run_id", "at", "failure"),
    },
    append={
        tables.profile: columns_of(tables.profile),
        tables.profile_identifier: columns_of(tables.profile_identifier),
        # A unique identifier is made by the tenant itself.
        tables.profile_property: tuple(
            name for name in columns_of(tables.profile_property) if name != "indexed"
        ),
        tables.claim: columns_of(tables.claim),
        tables.submission: given_columns_of(tables.submission),
        tables.exchanged_profile: columns_of(tables.exchanged_profile),
    },
    # Neither when a profile was made, nor what it consented to, is a partner's to change.
    change={
        tables.profile: ("properties", "modified_at"),
        tables.claim: ("run_seq", "claimed_at"),
    },
)
#: The direction in ``exchange.exchanged_profile`` of what partners write.
RECEIVED = "received"
#: Rows beyond which the role writes none: what the API lets out, another role enters.
ROWS: Rows = {
    tables.exchanged_profile: sql.SQL("direction = {}").format(sql.Literal(RECEIVED)),
}
POLICY = "writing"


def open_to_writing(url: str, writing_url: str) -> None:
    """Give the user of ``writing_url`` exactly the rights that accepting entries needs of a store.

    ``url`` is the store's, whose user owns it. The other user has to exist
    (`databases.create_role`). Safe to repeat, and while the API runs.

    Raises `ConfigurationError` when both URLs have the same user.
    """
    role = role_of(url, writing_url, "Accepting what partners write")
    with store_errors(url), connect(url) as database:
        grant(database, role, RIGHTS)
        guard_rows(database, role, POLICY, ROWS)


def close_to_writing(url: str, writing_url: str) -> None:
    """Take away what `open_to_writing` has given, if the user is there at all. Safe to repeat."""
    role = role_of(url, writing_url, "Accepting what partners write")
    with store_errors(url), connect(url) as database:
        if database.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            take_away(database, role)
