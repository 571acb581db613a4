"""Sources: what each mapping takes of a received profile, transformed and ready to be merged."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Subquery,
    Text,
    and_,
    case,
    cast,
    collate,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy, Unmatched
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import FilterType, can_take
from profile_exchange.domain.transforms import DateFormat, Plain, are_all_known, result_type
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.json_lists import numbered_values_of, values_of
from profile_exchange.store.transforms import transformed
from profile_exchange.store.value_forms import misfits

Json = ColumnElement[Any]


class Sources:
    """The matched profiles of a run, each beside the staged row that stands for it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._staged, self._matched = run.staging.staged, run.staging.matched
        taken = any(mapping.segments for mapping in run.goal.mappings)
        self._names = _segment_names(run) if taken else None

    @property
    def rows(self) -> FromClause:
        """Where the values come from."""
        staged, matched, names = self._staged, self._matched, self._names
        row = and_(
            staged.c.profile_id == matched.c.profile_id, staged.c.segment == matched.c.segment
        )
        rows: FromClause = matched.join(staged, row)
        if names is not None:
            rows = rows.join(names, names.c.profile_id == matched.c.profile_id)
        return rows

    def key(self, mapping: PropertyMapping) -> str:
        """What the mapping's values are gathered under."""
        return staged_key(self._run, mapping)

    def applies(self, mapping: PropertyMapping) -> ColumnElement[bool] | None:
        """Whether a mapping is for a profile; None if it is for all, or the tenant's to say."""
        if self._run.plan.remote:
            return None if may_apply(self._run, mapping) else literal(False, Boolean)
        match mapping.restriction:
            case Restriction.NEW_PROFILES_ONLY:
                return self._matched.c.is_new
            case Restriction.EXISTING_PROFILES_ONLY:
                return ~self._matched.c.is_new
        return None

    def gathered(self, mapping: PropertyMapping) -> Json:
        """What the merge needs of a mapping: its values, of a sum its amount; null if none."""
        values = self._amount(mapping) if mapping.strategy is Strategy.SUM else self._all(mapping)
        applies = self.applies(mapping)
        return values if applies is None else case((applies, values), else_=None)

    def has_misfits(self, mapping: PropertyMapping) -> bool:
        """Whether there can be values that the target cannot hold (validation saw the others).

        Fixed texts were looked at when the run was planned.
        """
        if any(isinstance(transform, DateFormat) for transform in mapping.transforms):
            # A date that there is not, such as 30 February, whatever a later transform makes of it.
            return True
        if mapping.text is not None or are_all_known(mapping.transforms):
            return False
        source = FilterType.SELECT
        if mapping.source is not None:
            source = self._run.plan.sources[mapping.source].filter_type
        return not can_take(self._target(mapping), result_type(mapping.transforms, source))

    def misfit(self, mapping: PropertyMapping) -> ColumnElement[str]:
        """The first value as it came that does not fit; null if all do."""
        each = values_of(self._chosen(mapping))
        value = transformed(mapping.transforms, each.c.value)
        unfit = or_(value.is_(None), misfits(func.btrim(value, BLANKS), self._target(mapping)))
        return select(each.c.value).where(unfit).limit(1).scalar_subquery()

    def _target(self, mapping: PropertyMapping) -> FilterType:
        return self._run.plan.targets[mapping.target]

    def _came(self, mapping: PropertyMapping) -> Json:
        """The values as they came: a JSON list, or null."""
        if mapping.segments and self._names is not None:
            return self._names.c.names
        if mapping.text is not None:
            return cast(literal(json.dumps([mapping.text])), JSONB)
        return self._staged.c.properties[mapping.source]

    def _chosen(self, mapping: PropertyMapping) -> Json:
        """Those of the values that came which are taken: all, or the first."""
        came = self._came(mapping)
        if Plain.FIRST not in mapping.transforms:
            return came
        return case((came.isnot(None), func.jsonb_build_array(came.op("->")(0))), else_=None)

    def _all(self, mapping: PropertyMapping) -> Json:
        """The values to write: as they came for texts, trimmed for every other type."""
        chosen, is_text = self._chosen(mapping), self._target(mapping) is FilterType.SELECT
        if is_text and not _changes(mapping):
            return chosen

        def ready(text: ColumnElement[str]) -> ColumnElement[str]:
            value = transformed(mapping.transforms, text)
            return value if is_text else func.btrim(value, BLANKS)

        one = func.jsonb_build_array(ready(chosen.op("->>", return_type=Text())(0)))
        each = numbered_values_of(chosen)
        text = each.c.value.op("#>>", return_type=Text())(cast(literal([]), ARRAY(Text)))
        all_of_them = select(func.jsonb_agg(ready(text))).scalar_subquery()
        # Nearly every property has one value; only the others pay for taking the list apart.
        return case((func.jsonb_array_length(chosen) == 1, one), else_=all_of_them)

    def _amount(self, mapping: PropertyMapping) -> Json:
        """What a profile contributes to a sum, as a JSON text: JSON numbers would lose digits."""

        def number(text: ColumnElement[str]) -> ColumnElement[Any]:
            return cast(func.btrim(transformed(mapping.transforms, text), BLANKS), Numeric)

        chosen = self._chosen(mapping)
        one = number(chosen.op("->>", return_type=Text())(0))
        each = values_of(chosen)
        total = select(func.sum(number(each.c.value))).scalar_subquery()
        amount = case((func.jsonb_array_length(chosen) == 1, one), else_=total)
        return func.to_jsonb(cast(func.trim_scale(amount), Text))


def may_apply(run: Run, mapping: PropertyMapping) -> bool:
    """Whether there can be a profile that a mapping is for: new ones are there to be created."""
    for_new = mapping.restriction is Restriction.NEW_PROFILES_ONLY
    return run.goal.unmatched is Unmatched.CREATE or not for_new


def staged_key(run: Run, mapping: PropertyMapping) -> str:
    """What a run gathers a mapping's values under: where a tenant judges, apart by restriction."""
    if run.plan.remote and mapping.strategy is not Strategy.SUM:
        return f"{mapping.target} {mapping.restriction.value}"
    return mapping.key


def _changes(mapping: PropertyMapping) -> bool:
    return any(transform is not Plain.FIRST for transform in mapping.transforms)


def _segment_names(run: Run) -> Subquery:
    """``(profile_id, names)``: the names of the imported segments that each profile came in.

    Each once, in the order of their characters: whatever order the other tenant lists them in.
    """
    staged = run.staging.staged
    known = cast(literal(json.dumps(run.plan.segment_names)), JSONB)
    name = collate(known.op("->>", return_type=Text())(cast(staged.c.segment, Integer)), "C")
    names = func.to_jsonb(func.array_agg(name.distinct())).label("names")
    return select(staged.c.profile_id, names).group_by(staged.c.profile_id).subquery("segments")
