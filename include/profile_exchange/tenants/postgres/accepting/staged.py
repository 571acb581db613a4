"""Entries as rows of a statement: what would be written to a profile, apart by strategy.

The rows look as the pipeline's table ``mapped`` does, so that the pipeline's merge takes them;
they come as one JSON value with the statement, and no table is made.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Numeric,
    Text,
    Uuid,
    cast,
    column,
    false,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.entries import Rule
from profile_exchange.domain.merging import amount, canonical, plus, present
from profile_exchange.pipeline.merging import Held, merged
from profile_exchange.tenants.postgres.accepting.terms import Terms

#: What a sum of BlueConic's API holds of whom is not known: it adds whatever comes.
_NOTHING_HELD = Held(cast(null(), Numeric), false())


@dataclass
class StagedEntry:
    """One entry that is about to be written to ``target_id``.

    The consent columns are for a profile about to be created, as ``identifiers`` are: the values
    that it takes on because it was looked for by them.
    """

    number: int
    target_id: UUID
    segment: str | None = None
    identifiers: dict[str, list[str]] = field(default_factory=dict)
    privacy_legislation: str | None = None
    consented_objectives: list[str] = field(default_factory=list)
    refused_objectives: list[str] = field(default_factory=list)
    replacements: dict[str, list[str]] = field(default_factory=dict)
    defaults: dict[str, list[str]] = field(default_factory=dict)
    additions: dict[str, list[str]] = field(default_factory=dict)
    removals: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """Take a rule in. What has no value changes nothing, but for a SET to none at all."""
        values = present(rule.values)
        if not rule.values and rule.strategy is Strategy.SET:
            self.replacements.pop(rule.property, None)
            self.cleared.append(rule.property)
        if not values:
            return
        match rule.strategy:
            case Strategy.SET:
                self.replacements[rule.property] = values
                self.cleared = [name for name in self.cleared if name != rule.property]
            case Strategy.SET_IF_EMPTY:
                self.defaults.setdefault(rule.property, values)
            case Strategy.ADD:
                self.additions.setdefault(rule.property, []).extend(values)
            case Strategy.REMOVE:
                self.removals.setdefault(rule.property, []).extend(values)
            case Strategy.SUM:
                key = _mapping(rule.property, Strategy.SUM).key
                so_far = Decimal(self.sums.get(key, "0"))
                self.sums[key] = canonical(plus(so_far, amount(values) or Decimal(0)))


_TYPES = {
    "number": Integer,
    "target_id": Uuid,
    "segment": Text,
    "identifiers": JSONB,
    "privacy_legislation": Text,
    "consented_objectives": ARRAY(Text),
    "refused_objectives": ARRAY(Text),
    "replacements": JSONB,
    "defaults": JSONB,
    "additions": JSONB,
    "removals": JSONB,
    "sums": JSONB,
    "cleared": ARRAY(Text),
}


def rows_of(entries: Iterable[StagedEntry]) -> CTE:
    """The entries as rows of a query, with a column for each of their fields."""
    told = [{name: _json(getattr(entry, name)) for name in _TYPES} for entry in entries]
    return recordset(told, _TYPES, "mapped")


def recordset(rows: Sequence[dict[str, Any]], types: dict[str, Any], name: str) -> CTE:
    """Rows that come with the statement."""
    each = func.jsonb_to_recordset(cast(literal(json.dumps(rows), Text), JSONB))
    columns = [column(key, kind) for key, kind in types.items()]
    table = each.table_valued(*columns, name="each").render_derived(with_types=True)
    return select(*(table.c[key] for key in types)).cte(name)


def merged_into(
    before: ColumnElement[Any], mapped: CTE, rules: Collection[tuple[str, Strategy]], terms: Terms
) -> ColumnElement[Any]:
    """The properties ``before`` after the pipeline's merge with these rows.

    ``rules`` are the properties and strategies that any of the rows has.
    """
    mappings = [_mapping(name, strategy) for name, strategy in sorted(rules)]
    sums = [mapping for mapping in mappings if mapping.strategy is Strategy.SUM]
    held = dict.fromkeys(sums, _NOTHING_HELD)
    after = merged(before, mapped, mappings, held, terms.writable)
    return after.op("-", return_type=JSONB())(mapped.c.cleared)


def summed(rules: Collection[tuple[str, Strategy]]) -> list[PropertyMapping]:
    """The sums among them, as the pipeline's merge knows them."""
    return [_mapping(name, how) for name, how in sorted(rules) if how is Strategy.SUM]


def _mapping(name: str, strategy: Strategy) -> PropertyMapping:
    return PropertyMapping(source=name, target=name, strategy=strategy)


def _json(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
