"""The tenant's profile properties: a run works with what it says of those that it needs.

They are kept beside the ledgers, so that the rules for targets and identifiers are those of any
import. Nothing is kept of their values.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.pipeline.ports import Holding, KnownProperty, Target
from profile_exchange.pipeline.runs import Run, import_goal
from profile_exchange.pipeline.targets import may_collide
from profile_exchange.store.definitions import property_in, row_of
from profile_exchange.store.tables import contribution, profile_property, sum_intent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a connection names and our tenant does not have, and what of it nobody can tell."""

    missing: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetTenant:
    """The way to our tenant, and its segment of everybody who has visited a channel."""

    target: Target
    visitors: str = ""

    def look(self, database: Database, connection: Connection, now: datetime) -> Holding:
        """Authenticate, and keep what the tenant says of its properties. Returns who hold values.

        Raises what `Target` raises.
        """
        self.target.authenticate()
        lacking = self.lacking(connection)
        if lacking.missing:
            log.warning(
                "Tenant %s has no %s, which connection %s names: it counts for nobody. Make it "
                "there, or take it out of the connection.",
                connection.tenant,
                ", ".join(lacking.missing),
                connection.id,
            )
        for sentence in lacking.doubtful:
            log.warning("%s", sentence)
        guarded = may_collide(database, connection.id, import_goal(connection).mappings)
        found = ask(self.target, connection, guarded)
        if any(known and known.holds_values is not False for known in map(found.get, guarded)):
            # The name that is suggested instead has to be free there.
            found = {**_listed(self.target), **found}
        return keep(database, found, now)

    def lacking(self, connection: Connection) -> Lacking:
        """What the tenant lacks, which shows otherwise only by what becomes of each profile.

        Raises what `Target` raises.
        """
        doubtful = []
        wanted = connection.objectives
        known = self.target.objectives() if wanted else ()
        if known is None:
            doubtful.append(
                f"Tenant {connection.tenant} does not let its key look up objectives: unless it "
                f"has {', '.join(wanted)}, nothing of connection {connection.id} is written."
            )
        missing = [] if known is None else [f"objective {o}" for o in wanted if o not in known]
        if self.visitors and not (import_goal(connection).links or self._shows(self.visitors)):
            # A key may be told the segments that it reads, and write to another.
            doubtful.append(
                f"Tenant {connection.tenant} does not show segment {self.visitors} to its key: "
                f"unless there is one, each profile of connection {connection.id} is withheld. "
                "Look whether visitors in the tenant's file is its segment of who has visited a "
                "channel."
            )
        return Lacking(tuple(missing), tuple(doubtful))

    def _shows(self, segment: str) -> bool:
        return segment in (self.target.segments() or ())


def ask(
    target: Target, connection: Connection, guarded: Collection[str]
) -> dict[str, KnownProperty | None]:
    """What the tenant has of the properties that an import writes or matches on.

    Who holds values of one takes a tenant long to find out: it is asked of the ``guarded`` alone.
    """
    goal = import_goal(connection)
    linked = (pair.ours for link in goal.links for pair in link)
    needed = dict.fromkeys([*goal.targets, *linked])
    listed = _listed(target) if needed.keys() - guarded else {}
    return {
        name: listed[name] if name in listed and name not in guarded else target.property(name)
        for name in needed
    }


def _listed(target: Target) -> dict[str, KnownProperty]:
    return {known.id: KnownProperty(known, holds_values=None) for known in target.properties()}


def keep(database: Database, found: dict[str, KnownProperty | None], now: datetime) -> Holding:
    """Keep what was found, forget what is gone. Returns the properties that hold values."""
    gone = [name for name, known in found.items() if known is None]
    database.execute(delete(profile_property).where(profile_property.c.id.in_(gone)))
    for known in found.values():
        if known is not None:
            _keep(database, known.described, now)
    told = {name: known.holds_values for name, known in found.items() if known}
    return Holding(
        held=frozenset(name for name, holds in told.items() if holds),
        untold=frozenset(name for name, holds in told.items() if holds is None),
    )


def _keep(database: Database, known: ProfileProperty, now: datetime) -> None:
    told = {**row_of(known), "modified_at": now}
    row = insert(profile_property).values(created_at=now, **told)
    database.execute(row.on_conflict_do_update(index_elements=["id"], set_=told))


def make_missing(database: Database, run: Run, target: Target) -> Holding:
    """Make the target properties that the tenant does not have yet, as they were described here.

    Returns those of which profiles hold values: of one that was defined nowhere they may, and of
    others they may have come to since the run started. One that was made with another type since
    then is told by the run's own check.
    """
    table = profile_property
    query = select(table).where(table.c.id.in_(run.goal.targets)).order_by(table.c.id)
    rows = database.execute(query).all()
    found = {row.id: target.property(row.id) for row in rows}
    missing = [row for row in rows if found[row.id] is None]
    _forget(run, [row.id for row in missing])
    for row in missing:
        target.make_property(property_in(row))
    found |= {row.id: target.property(row.id) for row in missing}
    return Holding(frozenset(name for name, known in found.items() if known and known.holds_values))


def _forget(run: Run, missing: Collection[str]) -> None:
    """Forget what sums have brought to properties that are gone: what is made anew holds nothing.

    For every connection, and before it is made: after a crash in between it is still missing.
    """
    if missing:
        with run.engine.begin() as database:
            for table in (contribution, sum_intent):
                database.execute(delete(table).where(table.c.property_id.in_(missing)))
