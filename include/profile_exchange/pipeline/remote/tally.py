"""What a package did to each target property, as far as a tenant's answers tell.

They are about profiles: of one that was modified, every property that something came for counts
as written.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import array

from profile_exchange.domain.connection import PropertyMapping, Restriction
from profile_exchange.domain.fates import TAKEN, Fate
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.sources import staged_key
from profile_exchange.pipeline.tally import Tally
from profile_exchange.store.staging import COLUMN_OF


def tally_of(database: Database, run: Run, package: IdRange) -> tuple[Tally, Counter[str]]:
    """Values by target property, and profiles by fate."""
    mapped, fate = run.staging.mapped, run.staging.fate
    targets = run.goal.targets
    came = [func.count().filter(_came(run, target)) for target in targets]
    query = (
        select(fate.c.fate, func.count(), *came)
        .join_from(mapped, fate, fate.c.profile_id == mapped.c.profile_id)
        .where(mapped.c.profile_id.between(package.first, package.last))
        .group_by(fate.c.fate)
    )
    by_fate: Counter[str] = Counter()
    written: Counter[str] = Counter()
    unchanged: Counter[str] = Counter()
    for name, profiles, *numbers in database.execute(query):
        by_fate[name] = profiles
        counted = dict(zip(targets, numbers, strict=True))
        if name in {Fate.CREATED.value, Fate.MODIFIED.value}:
            written.update(counted)
        elif name == Fate.UNCHANGED.value:
            unchanged.update(counted)
    processed = sum(by_fate[each.value] for each in TAKEN)
    per_target = {t: written[t] for t in targets}, {t: unchanged[t] for t in targets}
    return Tally(processed, 0, *per_target), by_fate


def _came(run: Run, target: str) -> ColumnElement[bool]:
    mappings = [mapping for mapping in run.goal.mappings if mapping.target == target]
    return or_(false(), *(_brings(run, mapping) for mapping in mappings))


def _brings(run: Run, mapping: PropertyMapping) -> ColumnElement[bool]:
    column = run.staging.mapped.c[COLUMN_OF[mapping.strategy]]
    came: ColumnElement[bool] = func.coalesce(
        column.has_any(array([staged_key(run, mapping)])), False
    )
    is_new = run.staging.fate.c.fate == Fate.CREATED.value
    if mapping.clear_when_absent:
        came = or_(came, ~is_new)
    match mapping.restriction:
        case Restriction.NEW_PROFILES_ONLY:
            return and_(came, is_new)
        case Restriction.EXISTING_PROFILES_ONLY:
            return and_(came, ~is_new)
    return came
