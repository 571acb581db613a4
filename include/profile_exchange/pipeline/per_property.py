"""Per property: what a run did to each target property, for history, page and mail to read."""

from __future__ import annotations

from collections import Counter, defaultdict

from sqlalchemy import ColumnElement, and_, func, insert, or_, select
from sqlalchemy import Connection as Database

from profile_exchange.domain.fates import PropertyCounts, Reason
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.tables import package, quarantine, run_property

#: Rejections for what a target cannot hold; their rule ends in the target's name.
_BY_TARGET = (Reason.VALUE_TYPE.value, Reason.TOTAL_LIMIT.value)


def record_properties(database: Database, run: Run) -> tuple[PropertyCounts, ...]:
    """Add up what the packages of a run noted, and keep it with the run."""
    noted = _noted(database, run)
    counts = tuple(
        PropertyCounts(target, refused=_refused(database, run, target), **noted[target])
        for target in sorted(run.goal.targets)
    )
    rows = [{"run_seq": run.seq, **each.as_dict()} for each in counts]
    database.execute(insert(run_property), rows)
    return counts


def recorded_properties(database: Database, seq: int) -> tuple[PropertyCounts, ...]:
    """What was kept of a run that is reported, in the order of the properties' ids."""
    names = list(PropertyCounts.__dataclass_fields__)
    query = select(*(run_property.c[name] for name in names)).where(run_property.c.run_seq == seq)
    rows = database.execute(query.order_by(run_property.c.property_id))
    return tuple(PropertyCounts(*row) for row in rows)


def _noted(database: Database, run: Run) -> dict[str, Counter[str]]:
    """For each target what the packages say of it, added up."""
    noted: dict[str, Counter[str]] = defaultdict(Counter)
    query = select(package.c.properties).where(package.c.run_seq == run.seq)
    for properties in database.execute(query).scalars():
        for target, numbers in properties.items():
            noted[target].update(numbers)
    return noted


def _refused(database: Database, run: Run, target: str) -> int:
    """How many profiles were rejected for what would have come to a target."""
    query = select(func.count(quarantine.c.profile_id.distinct()))
    mine = quarantine.c.run_seq == run.seq
    return int(database.execute(query.where(mine, _is_about(run, target))).scalar_one())


def _is_about(run: Run, target: str) -> ColumnElement[bool]:
    sources = [mapping.label for mapping in run.goal.mappings if mapping.target == target]
    by_target = quarantine.c.reason.in_(_BY_TARGET)
    # In our own words, and in those of a tenant behind the API.
    ends = (f" of {target}", f", as {target}")
    return and_(
        quarantine.c.property_id.in_(sources),
        or_(~by_target, *(quarantine.c.rule.endswith(end, autoescape=True) for end in ends)),
    )
