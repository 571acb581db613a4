"""The tables of one tenant's database, as SQLAlchemy Core sees them.

Two schemas in one database, so that one transaction covers both:

- ``tenant`` holds the profile store (`store.profile_tables`);
- ``exchange`` holds what the exchange remembers: runs, packages, ledgers, quarantine and,
  while a run is on, its staging tables (`store.staging`).

Migrations in `store.migrations` make them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from profile_exchange.store.check_tables import consent_count, exposure_check, last_check
from profile_exchange.store.profile_tables import (
    TIMESTAMP,
    metadata,
    objective,
    profile,
    profile_identifier,
    profile_property,
    segment,
)

__all__ = [
    "consent_count",
    "exposure_check",
    "last_check",
    "metadata",
    "objective",
    "profile",
    "profile_identifier",
    "profile_property",
    "segment",
]

#: One row for each attempt at a run; one that starts over gets a new row. ``seq`` names its staging
#: tables, ``plan`` what authenticate found (`pipeline.plan`), ``forecast`` what the gate expected
#: if it had to know (`domain.forecast`), ``pulled`` how many different profiles join met and
#: ``matched`` how many of ours match. The counts are null until it is reported; those of a
#: previewed run say what would be.
run = Table(
    "run",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("connection", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", TIMESTAMP, nullable=False),
    Column("finished_at", TIMESTAMP),
    Column("failure", Text, nullable=False, server_default=""),
    Column("preview", Boolean, nullable=False, server_default=text("false")),
    Column("plan", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("received", BigInteger),
    Column("superseded", BigInteger),
    Column("unmatched", BigInteger),
    Column("ambiguous", BigInteger),
    Column("withheld", BigInteger),
    Column("rejected", BigInteger),
    Column("created", BigInteger),
    Column("modified", BigInteger),
    Column("unchanged", BigInteger),
    Column("unique_received", BigInteger),
    Column("segments", JSONB),
    Column("pulled", BigInteger),
    Column("matched", BigInteger),
    Column("forecast", JSONB),
    Column("stopped_by", Text, nullable=False, server_default=""),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_at", TIMESTAMP),
    Index("run_connection_run_id", "connection", "run_id"),
    Index("run_connection_seq", "connection", "seq"),
    schema="exchange",
)

#: Who holds the pen: the one run of a connection that may write. Writers lock the row in
#: share mode, a run that takes over updates it, so the two exclude each other.
pen = Table(
    "pen",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("run_seq", BigInteger, nullable=False),
    Column("taken_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: How far the pull of one part and segment has come; committed with the rows it counts.
pull_progress = Table(
    "pull_progress",
    metadata,
    Column("run_seq", ForeignKey("exchange.run.seq", ondelete="CASCADE"), primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    Column("segment", SmallInteger, primary_key=True),
    Column("cursor", Text),
    Column("received", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    schema="exchange",
)

#: One row for each package of a run whose write has been committed. ``properties`` is
#: ``{target property: {"written": .., "unchanged": .., "taken_back": ..}}`` (`pipeline.tally`).
package = Table(
    "package",
    metadata,
    Column("run_seq", ForeignKey("exchange.run.seq", ondelete="CASCADE"), primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    Column("parts", SmallInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("properties", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("committed_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Where the next pull of changed profiles goes on (`pipeline.scope`): ``source_time`` is when the
#: last successful run started by the other tenant's clock, ``complete_at`` when the last complete
#: pull did by ours, ``fingerprint`` what decided then what an unchanged profile comes to.
watermark = Table(
    "watermark",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("run_seq", BigInteger, nullable=False),
    Column("source_time", TIMESTAMP, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("complete_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Profiles of the other tenant's that a change on our side alone could let in (`pipeline.waiting`):
#: ``target_id`` is the one of ours that they matched, ``modified`` when they were last modified
#: by their tenant's clock, in milliseconds since 1970.
waiting_profile = Table(
    "waiting_profile",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), primary_key=True),
    Column("target_id", UUID(as_uuid=True)),
    Column("modified", BigInteger),
    schema="exchange",
)

#: Keyed fingerprints of the identifiers of waiting profiles that matched none of ours, for each
#: pair of linked identifiers.
waiting_identifier = Table(
    "waiting_identifier",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), primary_key=True),
    Column("theirs", Text, primary_key=True),
    Column("ours", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    schema="exchange",
)

#: What each reported run did to each of its target properties (`domain.fates.PropertyCounts`).
run_property = Table(
    "run_property",
    metadata,
    Column("run_seq", ForeignKey("exchange.run.seq", ondelete="CASCADE"), primary_key=True),
    Column("property_id", Text, primary_key=True),
    Column("written", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("taken_back", BigInteger, nullable=False),
    schema="exchange",
)

#: Unique profiles received from, or sent to, the other tenant over the connection's life.
exchanged_profile = Table(
    "exchanged_profile",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("profile_id", UUID(as_uuid=True), primary_key=True),
    Column("first_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: What a summed property of one of our profiles holds of the other tenant's, and from which of
#: their profiles it came: the one that won ours last (`pipeline.contributions`).
contribution = Table(
    "contribution",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("property_id", Text, primary_key=True),
    Column("target_id", UUID(as_uuid=True), primary_key=True),
    Column("source_property", Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), nullable=False),
    Column("amount", Numeric, nullable=False),
    schema="exchange",
)

#: What is being added to summed properties of a tenant behind REST API v2 (`pipeline.remote.sums`):
#: written before it is asked, settled into `contribution` after it is known to be done.
#: ``before`` is what the property holds without it; ``amount`` null takes a contribution out.
sum_intent = Table(
    "sum_intent",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("property_id", Text, primary_key=True),
    Column("target_id", UUID(as_uuid=True), primary_key=True),
    Column("source_property", Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), nullable=False),
    Column("amount", Numeric),
    Column("difference", Numeric, nullable=False),
    Column("before", Numeric, nullable=False),
    Column("written_at", TIMESTAMP, nullable=False),
    Column("asked_at", TIMESTAMP),
    schema="exchange",
)

#: Target properties that a connection has made its own by writing to them first.
adopted_property = Table(
    "adopted_property",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("property_id", Text, primary_key=True),
    Column("adopted_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Rejected profiles: which property broke which rule, and a fingerprint of the value
#: (`store.fingerprints`). ``outcome`` is null while a profile is in quarantine, and then what a
#: later run made of it (`domain.quarantine.Outcome`).
quarantine = Table(
    "quarantine",
    metadata,
    Column("run_seq", ForeignKey("exchange.run.seq", ondelete="CASCADE"), primary_key=True),
    Column("profile_id", UUID(as_uuid=True), primary_key=True),
    Column("property_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, server_default=""),
    Column("quarantined_at", TIMESTAMP, nullable=False),
    Column("outcome", Text),
    Column("outcome_at", TIMESTAMP),
    Index("quarantine_held", "run_seq", "profile_id", postgresql_where=text("outcome is null")),
    schema="exchange",
)

#: Quarantined profiles that somebody wants taken again at the connection's next run.
replay = Table(
    "replay",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("profile_id", UUID(as_uuid=True), primary_key=True),
    Column("asked_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Persons being created, as hashes of their identifiers: two connections that create the same
#: one at the same moment meet here (`pipeline.claiming`). A row matters only while transactions
#: are open that are older than it.
claim = Table(
    "claim",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("run_seq", BigInteger, nullable=False),
    Column("claimed_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Consumer key and secret of the partner of a connection that exposes or accepts, and for which
#: of the two they are (`domain.scopes`).
credential = Table(
    "credential",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{read}'::text[]")),
    Column("issued_at", TIMESTAMP, nullable=False),
    Column("expires_at", TIMESTAMP),
    Column("revoked_at", TIMESTAMP),
    Index("credential_connection", "connection"),
    schema="exchange",
)

#: Access tokens in use, stored as SHA-256 digests.
access_token = Table(
    "access_token",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column(
        "client_id",
        ForeignKey("exchange.credential.client_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("connection", Text, nullable=False),
    Column("issued_at", TIMESTAMP, nullable=False),
    Column("expires_at", TIMESTAMP, nullable=False),
    Index("access_token_expires", "expires_at"),
    schema="exchange",
)

#: Random keys by purpose, so that every worker and machine signs and fingerprints alike.
signing_key = Table(
    "signing_key",
    metadata,
    Column("purpose", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("made_at", TIMESTAMP, nullable=False),
    schema="exchange",
)

#: Who got a token, from where, and whose credentials were refused because they came from elsewhere.
#: ``outcome`` is ``granted`` or ``elsewhere``. Appended to, never changed.
sign_in = Table(
    "sign_in",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIMESTAMP, nullable=False),
    Column("connection", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Index("sign_in_client", "client_id", "outcome", "address", "at"),
    schema="exchange",
)

#: What left, in answer to which request. Appended to, never changed.
disclosure = Table(
    "disclosure",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIMESTAMP, nullable=False),
    Column("connection", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("segment", Text, nullable=False, server_default=""),
    Column("profiles", Integer, nullable=False),
    Index("disclosure_connection_at", "connection", "at"),
    schema="exchange",
)

#: What came in, in answer to which request: ``states`` is how many entries came to each
#: (`domain.entries.State`). Appended to, never changed.
submission = Table(
    "submission",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIMESTAMP, nullable=False),
    Column("connection", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("states", JSONB, nullable=False),
    Index("submission_connection_at", "connection", "at"),
    schema="exchange",
)


#: What people were told of a run: a notice (`domain.notifications.Notice`), by one way.
notification = Table(
    "notification",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("notice", Text, primary_key=True),
    Column("way", Text, primary_key=True),
    Column("sent_at", TIMESTAMP, nullable=False),
    schema="exchange",
)
