"""What only a profile about to be created takes from its entry: whom it is, and its consent.

Whoever is there keeps its own (`permitting.only_new`).
"""

from __future__ import annotations

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Entry, Rule
from profile_exchange.domain.identifiers import normalise
from profile_exchange.domain.merging import merge, present
from profile_exchange.domain.properties import (
    CONSENTED_OBJECTIVES,
    PRIVACY_LEGISLATION,
    REFUSED_OBJECTIVES,
)
from profile_exchange.tenants.postgres.accepting.matching import compared
from profile_exchange.tenants.postgres.accepting.staged import StagedEntry
from profile_exchange.tenants.postgres.accepting.terms import CONSENT_PROPERTIES, Terms

Identifiers = dict[str, list[str]]


def looked_for(entry: Entry, terms: Terms) -> Identifiers:
    """The values that an entry's profile is looked for by, by unique identifier."""
    found: Identifiers = {}
    for alternative in entry.matching:
        for criterion in alternative if compared(alternative, terms) else ():
            values = found.setdefault(criterion.property, [])
            if criterion.value not in values:
                values.append(criterion.value)
    return found


def introduce(staged: StagedEntry, entry: Entry, by: Identifiers, terms: Terms) -> None:
    """Take what makes a new profile of an entry into its row.

    The values ``by`` which it was looked for stay, whatever the rules say: sent again, the same
    entry has to find whom it created.
    """
    staged.identifiers = dict(by)
    staged.privacy_legislation = entry.legislation
    for rule in entry.rules:
        if not rule.applies(is_new=True):
            continue
        if rule.property in CONSENT_PROPERTIES:
            _consent(staged, rule.property, present(rule.values))
        elif rule.property in terms.identifiers:
            _identify(staged, rule, by.get(rule.property, []), terms)


def _identify(staged: StagedEntry, rule: Rule, by: list[str], terms: Terms) -> None:
    """Take in a rule for a unique identifier, whose profile is looked for by some values of it.

    The rule may spell those otherwise, as long as they are compared alike.
    """
    values = present(rule.values)
    if not values:
        return
    before = staged.identifiers.get(rule.property, [])
    if rule.strategy is Strategy.SET:
        kind = terms.identifiers[rule.property]
        told = {normalise(value, kind) for value in values}
        kept = [value for value in by if normalise(value, kind) not in told]
        staged.identifiers[rule.property] = [*kept, *values]
    else:
        staged.identifiers[rule.property] = merge(rule.strategy, before, values)


def _consent(staged: StagedEntry, name: str, values: list[str]) -> None:
    if name == PRIVACY_LEGISLATION and values:
        staged.privacy_legislation = values[0]
    elif name == CONSENTED_OBJECTIVES:
        staged.consented_objectives.extend(values)
    elif name == REFUSED_OBJECTIVES:
        staged.refused_objectives.extend(values)
