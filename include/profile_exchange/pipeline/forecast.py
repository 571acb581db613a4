"""Forecast: what upsert would do to the mapped profiles of a run, counted and not written.

The fates that upsert would give go to a temporary table, in upsert's own order and from the
same queries: who is modified, whose consent is gone meanwhile, who is created, who is left.
Only runs that need the figures pay for them: previews, approvals and ``max_modified_share``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import (
    ColumnElement,
    MetaData,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    select,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID, array
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.connection import Unmatched
from profile_exchange.domain.fates import TAKEN, Fate, FateCounts, Reason
from profile_exchange.domain.forecast import Forecast, Overlap, PropertyForecast
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.contributions import summed
from profile_exchange.pipeline.creating import taken_since
from profile_exchange.pipeline.filter_by_consent import objectives_of, without_consent
from profile_exchange.pipeline.merged_profiles import existing_after, new_after
from profile_exchange.pipeline.merging import refused, value_at
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled
from profile_exchange.store.tables import profile

#: Ids shown for each fate.
SAMPLE = 5
_FILLED, _CHANGED, _EMPTIED, _SAME = "filled", "changed", "emptied", "same"
_NO_PROPERTIES = cast(literal("{}"), JSONB)
#: New profiles are only counted, never stored: any moment will do.
_SOME_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)

Json = ColumnElement[Any]


@dataclass(frozen=True)
class _Planned:
    """The run and its temporary table: fates to come, and what each property would meet."""

    run: Run
    table: Table
    database: Database

    def rest(self) -> Subquery:
        """The mapped profiles that have no fate yet, neither settled nor planned."""
        mapped = self.run.staging.mapped
        planned = exists().where(self.table.c.profile_id == mapped.c.profile_id)
        query = select(mapped).where(~settled(self.run.staging, mapped), ~planned)
        return query.subquery("mapped")

    def plan(self, fate: Fate, reason: Reason, profile_ids: Select[Any]) -> None:
        """Give the profiles of a query (one column) a fate."""
        rows = profile_ids.add_columns(
            literal(fate.value), literal(reason.value), cast(null(), ARRAY(Text))
        )
        self.add(rows)

    def add(self, rows: Select[Any]) -> None:
        """Add rows with all columns of the table."""
        names = [column.name for column in self.table.columns]
        self.database.execute(insert(self.table).from_select(names, rows))


def forecast(database: Database, run: Run, received: int) -> Forecast:
    """What the run would do if it were let through now.

    ``received`` is the number of different profiles received; raises `CountsDisagree` if the
    fates do not add up to it.
    """
    objectives = objectives_of(database, run)
    with _temporary_table(database, run) as planned:
        _modify(planned, objectives)
        _withhold(planned, objectives)
        _create(planned)
        _leave(planned)
        by_reason = _by_reason(planned)
        counts = FateCounts.of(received, _summed(by_reason, 0)).check()
        return Forecast(
            counts=counts,
            reasons=_summed(by_reason, 1),
            segments=_by_segment(planned),
            properties=_by_property(planned, counts),
            overlap=_overlap(database, run, received),
            sample=_sample(planned),
        )


@contextmanager
def _temporary_table(database: Database, run: Run) -> Iterator[_Planned]:
    table = Table(
        "planned_fate",
        MetaData(),
        TableColumn("profile_id", UUID(as_uuid=True), primary_key=True),
        TableColumn("fate", Text, nullable=False),
        TableColumn("reason", Text, nullable=False),
        TableColumn("effects", ARRAY(Text)),
        prefixes=["TEMPORARY"],
    )
    database.execute(CreateTable(table))
    yield _Planned(run, table, database)
    database.execute(DropTable(table))


def _modify(planned: _Planned, objectives: Sequence[Objective]) -> None:
    merged = existing_after(planned.run, planned.rest(), objectives).subquery("merged")
    before, after = merged.c.before, merged.c.after
    mappings = planned.run.goal.mappings
    changes = after.is_distinct_from(before)
    too_much = and_(changes, refused(after, mappings))
    rows = select(
        merged.c.profile_id,
        case(
            (too_much, Fate.REJECTED.value),
            (changes, Fate.MODIFIED.value),
            else_=Fate.UNCHANGED.value,
        ),
        case(
            (too_much, Reason.TOTAL_LIMIT.value),
            (changes, Reason.WRITTEN.value),
            else_=Reason.SAME.value,
        ),
        case((and_(changes, ~too_much), _effects(planned.run, before, after)), else_=None),
    )
    planned.add(rows)


def _effects(run: Run, before: Json, after: Json) -> ColumnElement[Any]:
    """What each target property would meet, in the order of the mappings."""
    return array([_effect(before, after, target) for target in run.goal.targets], type_=Text)


def _effect(before: Json, after: Json, target: str) -> ColumnElement[str]:
    old, new = value_at(before, target), value_at(after, target)
    return case(
        (new.is_not_distinct_from(old), _SAME),
        (old.is_(None), _FILLED),
        (new.is_(None), _EMPTIED),
        else_=_CHANGED,
    )


def _withhold(planned: _Planned, objectives: Sequence[Objective]) -> None:
    if planned.run.connection.objectives:
        withdrawn = without_consent(planned.run, planned.rest(), objectives)
        planned.plan(Fate.WITHHELD, Reason.CONSENT_WITHDRAWN, withdrawn)


def _create(planned: _Planned) -> None:
    if planned.run.goal.unmatched is not Unmatched.CREATE:
        return
    taken = taken_since(planned.run, planned.rest())
    planned.plan(Fate.UNMATCHED, Reason.IDENTIFIER_TAKEN, taken)
    rest = planned.rest()
    new = new_after(planned.run, rest, _SOME_MOMENT).subquery("new")
    there = exists().where(profile.c.id == new.c.id)
    too_much = refused(new.c.properties, planned.run.goal.mappings)
    rows = (
        select(
            rest.c.profile_id,
            literal(Fate.CREATED.value),
            literal(Reason.WRITTEN.value),
            _effects(planned.run, _NO_PROPERTIES, new.c.properties),
        )
        .join_from(rest, new, rest.c.target_id == new.c.id)
        .where(~there, ~too_much)
    )
    planned.add(rows)
    if summed(planned.run.goal):
        _refuse_new(planned)


def _refuse_new(planned: _Planned) -> None:
    rest = planned.rest()
    new = new_after(planned.run, rest, _SOME_MOMENT).subquery("new")
    too_much = (
        select(rest.c.profile_id)
        .join_from(rest, new, rest.c.target_id == new.c.id)
        .where(refused(new.c.properties, planned.run.goal.mappings))
    )
    planned.plan(Fate.REJECTED, Reason.TOTAL_LIMIT, too_much)


def _leave(planned: _Planned) -> None:
    rest = planned.rest()
    here = select(rest.c.profile_id).join_from(rest, profile, profile.c.id == rest.c.target_id)
    planned.plan(Fate.UNCHANGED, Reason.SAME, here)
    planned.plan(Fate.UNMATCHED, Reason.NO_MATCH, select(planned.rest().c.profile_id))


def _fates(planned: _Planned) -> Subquery:
    """Every received profile with its fate, settled or planned."""
    fate, table = planned.run.staging.fate, planned.table
    settled_already = select(fate.c.profile_id, fate.c.fate, fate.c.reason)
    to_come = select(table.c.profile_id, table.c.fate, table.c.reason)
    return settled_already.union_all(to_come).subquery("fates")


def _by_reason(planned: _Planned) -> dict[tuple[str, str], int]:
    fates = _fates(planned)
    query = select(fates.c.fate, fates.c.reason, func.count()).group_by(
        fates.c.fate, fates.c.reason
    )
    rows = planned.database.execute(query)
    return {(fate, reason): int(number) for fate, reason, number in rows}


def _summed(by_reason: dict[tuple[str, str], int], place: int) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, number in sorted(by_reason.items()):
        sums[key[place]] = sums.get(key[place], 0) + number
    return sums


def _by_segment(planned: _Planned) -> dict[str, FateCounts]:
    staged, fates = planned.run.staging.staged, _fates(planned)
    query = (
        select(staged.c.segment, fates.c.fate, func.count(staged.c.profile_id.distinct()))
        .join_from(staged, fates, fates.c.profile_id == staged.c.profile_id)
        .group_by(staged.c.segment, fates.c.fate)
    )
    found: dict[int, dict[str, int]] = {}
    for segment, fate, number in planned.database.execute(query):
        found.setdefault(segment, {})[fate] = int(number)
    by_segment = {
        name: found.get(number, {}) for number, name in enumerate(planned.run.plan.segments)
    }
    return {name: FateCounts.of(sum(by.values()), by) for name, by in by_segment.items()}


def _by_property(planned: _Planned, counts: FateCounts) -> dict[str, PropertyForecast]:
    processed = sum(counts.as_dict()[fate.value] for fate in TAKEN)
    each = (
        func.unnest(planned.table.c.effects)
        .table_valued("effect", with_ordinality="place")
        .render_derived()
    )
    query = (
        select(each.c.place, each.c.effect, func.count())
        .join_from(planned.table, each, literal(True))
        .where(each.c.effect != _SAME)
        .group_by(each.c.place, each.c.effect)
    )
    found: dict[int, dict[str, int]] = {}
    for place, effect, number in planned.database.execute(query):
        found.setdefault(place, {})[effect] = int(number)
    by_target = {
        target: found.get(place, {}) for place, target in enumerate(planned.run.goal.targets, 1)
    }
    return {
        target: PropertyForecast(**by_effect, same=processed - sum(by_effect.values()))
        for target, by_effect in by_target.items()
    }


def _overlap(database: Database, run: Run, received: int) -> Overlap:
    matched = run.staging.matched
    of_ours = select(func.count()).select_from(matched).where(~matched.c.is_new)
    everybody = select(func.count()).select_from(profile)
    return Overlap(
        received=received,
        ours=int(database.execute(everybody).scalar_one()),
        matched=int(database.execute(of_ours).scalar_one()),
    )


def _sample(planned: _Planned) -> dict[str, tuple[str, ...]]:
    """A few received profiles of each fate that anybody has, the smallest ids first."""
    fates, sample = _fates(planned), {}
    for fate in Fate:
        query = select(fates.c.profile_id).where(fates.c.fate == fate.value)
        found = planned.database.execute(query.order_by(fates.c.profile_id).limit(SAMPLE))
        if ids := tuple(str(profile_id) for profile_id in found.scalars()):
            sample[fate.value] = ids
    return sample
