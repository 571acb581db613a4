"""Values for new profiles only, at a tenant that alone knows who is new.

One that its property cannot hold is to reject a profile about to be created, and to leave one
that is there alone (SEMANTICS, Mapping and writing 4). How a tenant takes such an entry, nobody
says. So it is sent without the value, and not to be created: if the tenant then knows nobody, the
profile would have been new, and is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable

from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy
from profile_exchange.domain.entries import Rule
from profile_exchange.domain.values import type_problem
from profile_exchange.pipeline.runs import Run

#: A state of our own: the tenant knows nobody, and nobody can be created with this value.
UNFIT = "UNFIT"


def told_when_written(run: Run, mapping: PropertyMapping) -> bool:
    """Whether only the tenant's answer tells if a mapping's unfitting values are for a profile."""
    for_new = mapping.restriction is Restriction.NEW_PROFILES_ONLY
    return run.plan.remote and for_new and mapping.strategy is not Strategy.SUM


def unfit(run: Run, rules: Iterable[Rule]) -> set[str]:
    """The properties that a profile about to be created would have an unfitting value for."""
    return {rule.property for rule in rules if _is_for_new(rule) and not _fits(run, rule)}


def _is_for_new(rule: Rule) -> bool:
    return rule.restriction is Restriction.NEW_PROFILES_ONLY


def _fits(run: Run, rule: Rule) -> bool:
    """A value that a transform could not be made of is null."""
    target = run.plan.targets[rule.property]
    return all(value is not None and not type_problem(value, target) for value in rule.values)
