"""Worlds in the real pipeline on PostgreSQL, and what is there afterwards in the model's terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Database
from sqlalchemy import delete, func, insert, select, text, update

from profile_exchange.domain.consent import ConsentRecord
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.report import Report
from profile_exchange.pipeline.runs import SUCCEEDED
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.staging import staging
from tests.model.importing import Fates
from tests.model.state import Contribution, Memory, Ours, State, edited, in_order
from tests.model.worlds import OBJECTIVES, THEIRS, Chapter, Edit, World
from tests.pipeline.exchange import EVERYBODY, Exchange, InMemorySource, furnish

Take = Callable[..., Any]

#: What furnishing and runs fill; what hangs on a run goes with it.
FILLED = (
    *(tables.run, tables.pen, tables.watermark, tables.claim, tables.replay),
    *(tables.contribution, tables.adopted_property, tables.exchanged_profile),
    *(tables.profile_identifier, tables.profile, tables.profile_property, tables.objective),
)


@dataclass
class PlayedExchange(Exchange):
    """An exchange whose source has id ranges or has none."""

    ranged: bool = True

    @property
    def source(self) -> InMemorySource:
        found = super().source
        found.ranged = self.ranged
        return found


class Reality:
    """A tenant's database, used for one world after another."""

    def __init__(self, store_url: str) -> None:
        self.store_url = store_url
        self.exchange = PlayedExchange(store_url, {}, [], THEIRS)

    def begin(self, world: World) -> None:
        """Forget the world before, and furnish this one."""
        with self._database() as database:
            _empty(database)
        furnish(self.store_url, world.our_types, world.ours, OBJECTIVES)
        self.exchange = PlayedExchange(
            self.store_url, {}, [], THEIRS, segment_ids=[EVERYBODY, "few"], profiles_per_part=1
        )

    def edit(self, edit: Edit) -> None:
        """Something else changes one of our profiles."""
        state = self.state()
        if not state.profiles:
            return
        key = in_order(state)[edit.place % len(state.profiles)]
        with self._database() as database:
            after = edited(state.profiles[key], edit.changes)
            changed = update(tables.profile).where(tables.profile.c.id == key)
            database.execute(changed.values(_row(after)))
            database.execute(delete(tables.profile_identifier))
            names = ["property_id", "value", "profile_id"]
            found = identifiers_of(tables.profile)
            database.execute(insert(tables.profile_identifier).from_select(names, found))

    def arrange(self, chapter: Chapter) -> None:
        """Make their tenant and the connection what a chapter says they are now."""
        exchange = self.exchange
        exchange.goal, exchange.settings = chapter.goal, chapter.settings
        exchange.theirs = chapter.theirs
        exchange.max_parts, exchange.page_size = chapter.parts, chapter.page_size
        exchange.ranged = chapter.ranged

    def run(self, take: Take) -> Fates:
        """One run, whose report has to agree with the fates and ledgers it leaves."""
        self.exchange.take = take
        report: Report = self.exchange.run()
        fates = self.fates()
        counts = report.counts.as_dict()
        assert counts.pop("received") == len(fates)
        assert {Fate(name): number for name, number in counts.items() if number} == Counter(
            fates.values()
        )
        assert self._quarantined() == {k for k, fate in fates.items() if fate is Fate.REJECTED}
        assert report.unique_received == len(self.state().memory.received)
        return fates

    def _quarantined(self) -> set[UUID]:
        entries = tables.quarantine
        last = select(func.max(tables.run.c.seq)).scalar_subquery()
        query = select(entries.c.profile_id).where(entries.c.run_seq == last)
        with self._database() as database:
            return set(database.execute(query).scalars())

    def fates(self) -> Fates:
        """What became of each profile in the last run."""
        with self._database() as database:
            seq = database.execute(select(func.max(tables.run.c.seq))).scalar_one()
            fate = staging(seq).fate
            return {row.profile_id: Fate(row.fate) for row in database.execute(select(fate))}

    def state(self) -> State:
        """What is there now."""
        with self._database() as database:
            return State(
                profiles=_profiles(database),
                properties={
                    row.id: ProfileProperty(
                        row.id, row.id, FilterType(row.filter_type), row.indexed
                    )
                    for row in database.execute(select(tables.profile_property))
                },
                objectives={
                    row.id: Objective(
                        id=row.id,
                        name=row.name,
                        needs_consent=row.needs_consent,
                        legislations=tuple(row.legislations),
                    )
                    for row in database.execute(select(tables.objective))
                },
                memory=_memory(database),
            )

    def _database(self) -> Any:
        return engine_for(self.store_url).begin()


def _profiles(database: Database) -> dict[UUID, Ours]:
    return {
        row.id: Ours(
            ConsentRecord(
                frozenset(row.consented_objectives),
                frozenset(row.refused_objectives),
                row.privacy_legislation,
            ),
            row.properties,
        )
        for row in database.execute(select(tables.profile))
    }


def _memory(database: Database) -> Memory:
    run = tables.run
    last = select(run.c.received).where(run.c.state == SUCCEEDED).order_by(run.c.seq.desc())
    return Memory(
        contributions={
            (row.property_id, row.target_id, row.source_property): Contribution(
                row.source_id, row.amount
            )
            for row in database.execute(select(tables.contribution))
        },
        adopted=set(database.execute(select(tables.adopted_property.c.property_id)).scalars()),
        received=set(database.execute(select(tables.exchanged_profile.c.profile_id)).scalars()),
        last_received=database.execute(last.limit(1)).scalar(),
    )


def _row(profile: Ours) -> dict[str, Any]:
    return {
        "privacy_legislation": profile.consent.legislation,
        "consented_objectives": sorted(profile.consent.consented),
        "refused_objectives": sorted(profile.consent.refused),
        "properties": profile.properties,
    }


def _empty(database: Database) -> None:
    """Delete every row, and number the runs from 1 again: statements on staging are compiled
    once for each name of its tables, and then used by every world."""
    for seq in database.execute(select(tables.run.c.seq)).scalars():
        staging(seq).drop(database)
    for table in FILLED:
        database.execute(delete(table))
    database.execute(text("alter table exchange.run alter column seq restart"))
