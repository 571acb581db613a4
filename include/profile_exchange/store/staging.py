"""The staging tables of one run: ``exchange.<kind>_<seq>``, made when it starts.

A table of its own for each run needs no index to find a run's rows, has statistics of its own,
and is dropped in an instant. They are logged tables: what was pulled survives a crash.

- ``staged``: profiles as they came, one row for each segment they came in, with properties in the
  first of those that are alike;
- ``matched``: the profiles that are still on their way, and which of ours they match;
- ``mapped``: what would be written to ours, by strategy;
- ``fate``: profiles that are settled; its primary key is why nobody has two fates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.connection import Strategy

SCHEMA = "exchange"
#: Statistics are made when a step needs them, and dead rows go with the table.
_UNATTENDED = {"autovacuum_enabled": False}

#: PostgreSQL looks at 300 rows for each of these.
_SAMPLE = 10

#: The column of ``mapped`` for each strategy.
COLUMN_OF = {
    Strategy.SET: "replacements",
    Strategy.SET_IF_EMPTY: "defaults",
    Strategy.ADD: "additions",
    Strategy.REMOVE: "removals",
    Strategy.SUM: "sums",
}


@dataclass(frozen=True)
class Staging:
    """The four staging tables of one run, and those that a step makes and drops again.

    ``proposed`` is join's: each received profile once, and what it matches or why not.
    ``values`` is validation's: a row for each profile's first values, second values and so on.
    ``sent`` is there for a tenant behind REST API v2 only: what was asked of it for whom, and
    what it answered. A row without a state is an entry of which nobody knows whether it was done.
    """

    staged: Table
    matched: Table
    mapped: Table
    fate: Table
    proposed: Table
    values: Table
    sent: Table

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them, in the order in which a run fills them."""
        return (self.staged, self.matched, self.mapped, self.fate)

    @property
    def _passing(self) -> tuple[Table, ...]:
        """What only a crash leaves behind."""
        return (self.proposed, self.values)

    def create(self, connection: Connection) -> None:
        """Make the tables that do not exist yet."""
        for table in self.tables:
            connection.execute(CreateTable(table, if_not_exists=True))
        self._expect_any_fate(connection)

    def _expect_any_fate(self, connection: Connection) -> None:
        """Have PostgreSQL keep no statistics of which fates there are: they soon come to be wrong.

        Autovacuum, or a nightly ANALYZE, may look at a run that waits to be written and see that
        nobody was written. When that changes, PostgreSQL still expects nobody, and compares each
        profile with each: minutes instead of a tenth of a second.
        """
        quote = connection.dialect.identifier_preparer
        columns = (column for column in self.fate.c if not column.primary_key)
        each = (f"alter {quote.quote(column.name)} set statistics 0" for column in columns)
        connection.execute(text(f"alter table {quote.format_table(self.fate)} {', '.join(each)}"))

    def drop(self, connection: Connection) -> None:
        """Drop the tables that exist."""
        self.drop_profiles(connection)
        connection.execute(DropTable(self.fate, if_exists=True))

    def drop_profiles(self, connection: Connection) -> None:
        """Drop all but the fates: the other tenant's data goes, what became of it stays."""
        for table in (self.staged, self.matched, self.mapped, *self._passing, self.sent):
            connection.execute(DropTable(table, if_exists=True))


@lru_cache(maxsize=256)
def staging(seq: int) -> Staging:
    """The staging tables of the run with this sequence number, always the same objects."""
    metadata = MetaData(schema=SCHEMA)
    return Staging(
        staged=Table(
            f"staged_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), nullable=False),
            Column("part", SmallInteger, nullable=False),
            Column("segment", SmallInteger, nullable=False),
            Column("created_at", DateTime(timezone=True)),
            # In milliseconds since 1970 by their clock; null where they do not tell.
            Column("modified", BigInteger),
            Column("privacy_legislation", Text),
            Column("consented_objectives", ARRAY(Text), nullable=False),
            Column("refused_objectives", ARRAY(Text), nullable=False),
            # Null where the very same came in an earlier segment (`staged_rows.Known`).
            Column("properties", JSONB),
            postgresql_with=_UNATTENDED,
        ),
        matched=Table(
            f"matched_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), nullable=False),
            Column("segment", SmallInteger, nullable=False),
            Column("target_id", UUID(as_uuid=True), nullable=False),
            Column("is_new", Boolean, nullable=False),
            postgresql_with=_UNATTENDED,
        ),
        mapped=Table(
            f"mapped_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), nullable=False),
            Column("segment", SmallInteger, nullable=False),
            Column("target_id", UUID(as_uuid=True), nullable=False),
            Column("is_new", Boolean, nullable=False),
            Column("replacements", JSONB),
            Column("defaults", JSONB),
            Column("additions", JSONB),
            Column("removals", JSONB),
            Column("sums", JSONB),
            postgresql_with=_UNATTENDED,
        ),
        fate=Table(
            f"fate_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), primary_key=True),
            Column("fate", Text, nullable=False),
            Column("reason", Text, nullable=False),
        ),
        proposed=Table(
            f"proposed_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), nullable=False),
            Column("segment", SmallInteger, nullable=False),
            Column("target_id", UUID(as_uuid=True)),
            Column("is_new", Boolean, nullable=False),
            Column("modified", BigInteger),
            Column("outcome", Text, nullable=False),
            Column("person", Text),
            # It can be made again from what is staged, and does not outlive the step.
            prefixes=["unlogged"],
            postgresql_with=_UNATTENDED,
        ),
        # Its columns are the validate step's.
        values=Table(f"values_{seq:d}", metadata),
        sent=Table(
            f"sent_{seq:d}",
            metadata,
            Column("profile_id", UUID(as_uuid=True), primary_key=True),
            Column("first_at", DateTime(timezone=True), nullable=False),
            Column("state", Text),
            Column("about", Text),
            Column("target_id", UUID(as_uuid=True)),
            postgresql_with=_UNATTENDED,
        ),
    )


def analyze(connection: Connection, table: Table, *columns: str) -> None:
    """Refresh a table's statistics, so that the next step's plan fits what is in it.

    Naming the ``columns`` that are joined on saves most of the time: statistics of JSON and of
    lists are what takes long. So does a small sample: how many rows there are and how many of
    them are alike, which is all that is asked of these columns, 3,000 rows tell as well.
    """
    if columns:
        connection.execute(text(f"set local default_statistics_target = {_SAMPLE}"))
    preparer = connection.dialect.identifier_preparer
    named = f" ({', '.join(map(preparer.quote, columns))})" if columns else ""
    connection.execute(text(f"analyze {preparer.format_table(table)}{named}"))
