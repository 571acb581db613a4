"""Tally: what a run did to each target property, counted by the statements that settle profiles.

Of every profile of ours that was written or left as it was: whether a mapping had something to
write to the property, and whether that changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Label,
    case,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import ImportGoal, PropertyMapping
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.pipeline.merging import value_at
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.staging import COLUMN_OF


@dataclass(frozen=True, slots=True)
class Tally:
    """Profiles that were settled, those refused instead, and values by target property.

    ``taken_back`` is what `contributions.take_out_of_left` found, where it found anything.
    """

    profiles: int = 0
    refused: int = 0
    written: Mapping[str, int] = field(default_factory=dict)
    unchanged: Mapping[str, int] = field(default_factory=dict)
    taken_back: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.profiles + other.profiles,
            self.refused + other.refused,
            _added(self.written, other.written),
            _added(self.unchanged, other.unchanged),
            _added(self.taken_back, other.taken_back),
        )

    def as_json(self) -> dict[str, dict[str, int]]:
        """``{target: {"written": .., "unchanged": .., "taken_back": ..}}`` for the ledger."""
        return {
            target: {
                "written": self.written.get(target, 0),
                "unchanged": self.unchanged.get(target, 0),
                "taken_back": self.taken_back.get(target, 0),
            }
            for target in {**self.written, **self.taken_back}
        }


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {target: one.get(target, 0) + other.get(target, 0) for target in {**one, **other}}


def offered(goal: ImportGoal, mapped: FromClause) -> list[Label[bool]]:
    """For each target, whether a mapping has something to say: columns ``offered_<place>``."""
    return [
        or_(*(_clears(mapping) | _brings(mapping, mapped) for mapping in mappings)).label(
            f"offered_{place}"
        )
        for place, mappings in enumerate(_by_target(goal))
    ]


def brought_in(goal: ImportGoal, mapped: FromClause) -> list[Label[bool]]:
    """The columns of `offered` and `changed` for a new profile: what is brought is written."""
    brought = [
        or_(*(_brings(mapping, mapped) for mapping in mappings)) for mappings in _by_target(goal)
    ]
    names = ("offered", "changed")
    return [
        brings.label(f"{name}_{place}") for name in names for place, brings in enumerate(brought)
    ]


def _by_target(goal: ImportGoal) -> list[list[PropertyMapping]]:
    return [[m for m in goal.mappings if m.target == target] for target in goal.targets]


def _brings(mapping: PropertyMapping, mapped: FromClause) -> ColumnElement[bool]:
    brings = func.jsonb_exists(mapped.c[COLUMN_OF[mapping.strategy]], mapping.key)
    return func.coalesce(brings, False)


def _clears(mapping: PropertyMapping) -> ColumnElement[bool]:
    return true() if mapping.clear_when_absent else false()


def changed(goal: ImportGoal, before: Any, after: Any) -> list[ColumnElement[bool]]:
    """For each target, whether the merge changes it: columns ``changed_<place>``."""
    return [
        value_at(before, target).is_distinct_from(value_at(after, target)).label(f"changed_{place}")
        for place, target in enumerate(goal.targets)
    ]


#: What some rows of `settle_and_tally` are settled for instead, by the column that says so.
_INSTEAD = {
    "refused": (Fate.REJECTED, Reason.TOTAL_LIMIT),
    "gone": (Fate.UNMATCHED, Reason.NO_MATCH),
}


def settle_and_tally(database: Database, run: Run, rows: CTE, fate: Fate, reason: Reason) -> Tally:
    """Settle every profile of ``rows`` and count, in one statement that reads them once.

    ``rows`` has ``profile_id`` and the columns of `offered`; also those of `changed` if any can
    have been. If any can be, also ``refused``: they are rejected, for what they sum up to; and
    ``gone``: they are unmatched, for their profile of ours is there no more.
    """
    instead = {rows.c[name]: words for name, words in _INSTEAD.items() if name in rows.c}
    settled = run.staging.fate
    fates = (
        select(
            rows.c.profile_id,
            _either({one: word.value for one, (word, _) in instead.items()}, fate.value),
            _either({one: why.value for one, (_, why) in instead.items()}, reason.value),
        )
        # In the order of the index, which then grows at a few places instead of everywhere.
        .order_by(rows.c.profile_id)
    )
    names = [column.name for column in settled.columns]
    settling = insert(settled).from_select(names, fates).cte("settled")
    meant = ~or_(false(), *instead)
    numbers = select(
        func.count().filter(meant),
        func.count().filter(rows.c.refused if "refused" in rows.c else false()),
        *(func.count().filter(condition, meant) for condition in _written(run.goal, rows)),
        *(func.count().filter(condition, meant) for condition in _unchanged(run.goal, rows)),
    )
    found = database.execute(numbers.select_from(rows).add_cte(settling)).one()
    targets = run.goal.targets
    written, unchanged = found[2 : 2 + len(targets)], found[2 + len(targets) :]
    return Tally(
        found[0],
        found[1],
        dict(zip(targets, written, strict=True)),
        dict(zip(targets, unchanged, strict=True)),
    )


def _either(instead: Mapping[ColumnElement[bool], str], otherwise: str) -> ColumnElement[str]:
    if not instead:
        return literal(otherwise)
    whens = [(condition, literal(word)) for condition, word in instead.items()]
    return case(*whens, else_=literal(otherwise))


def _written(goal: ImportGoal, rows: CTE) -> list[ColumnElement[bool]]:
    return [
        rows.c[f"changed_{place}"] if f"changed_{place}" in rows.c else false()
        for place in range(len(goal.targets))
    ]


def _unchanged(goal: ImportGoal, rows: CTE) -> list[ColumnElement[bool]]:
    written = _written(goal, rows)
    return [rows.c[f"offered_{place}"] & ~known for place, known in enumerate(written)]
