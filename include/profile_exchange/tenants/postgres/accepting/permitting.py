"""Holding an entry to the terms, before anybody is looked for: may it be asked, can it be written?

What an entry may not ask for is answered alike, whether it exists or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from profile_exchange.domain.connection import ProfileIds, Restriction, Strategy
from profile_exchange.domain.entries import Entry, Outcome, Rule, State, skipped
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.merging import present
from profile_exchange.domain.properties import (
    MAX_WHOLE_NUMBER,
    NUMERIC_TYPES,
    PRIVACY_LEGISLATION,
    FilterType,
)
from profile_exchange.domain.tenant import LEGISLATIONS
from profile_exchange.domain.values import type_problem
from profile_exchange.tenants.postgres.accepting.terms import CONSENT_PROPERTIES, Terms

#: PostgreSQL's texts hold every character but this.
NUL = "\x00"
#: What may become of whom a profile about to be created is, and of what it consented to: it has
#: nothing yet that could be taken away, and neither adds up.
_INTRODUCING = frozenset({Strategy.SET, Strategy.ADD, Strategy.SET_IF_EMPTY})


def refusal(entry: Entry, terms: Terms) -> Outcome | None:
    """What becomes of an entry that is not even looked up; None if it is."""
    if not _may_be_asked(entry, terms):
        return Outcome(State.UNAUTHORIZED)
    if entry.profile_id is None and not entry.matching:
        return skipped("matching", "This entry names no profile: give it a profileId or matching.")
    if entry.profile_id is not None and profile_id_of(entry) is None:
        return Outcome(State.NOTFOUND)
    for_all = [rule for rule in entry.rules if rule.restriction is Restriction.ALL_PROFILES]
    return _skipped((*_wrong_values(for_all, terms), *_wrong_legislation(entry), *_at_odds(entry)))


def refusal_of_values(
    entry: Entry, terms: Terms, identifiers: Mapping[str, Sequence[str]], *, is_new: bool
) -> Outcome | None:
    """What becomes of an entry by values for new profiles or for existing ones only, once it is
    known which of the two it means: a value that is not for a profile is held to nothing.

    ``identifiers`` are the values that a profile about to be created takes on.
    """
    restricted = [rule for rule in entry.rules if rule.restriction is not Restriction.ALL_PROFILES]
    applying = [rule for rule in restricted if rule.applies(is_new=is_new)]
    taken_on = [Rule(name, tuple(values)) for name, values in identifiers.items()]
    return _skipped(_wrong_values((*taken_on, *applying), terms))


def _skipped(wrongs: Iterable[tuple[str, str]]) -> Outcome | None:
    errors: dict[str, tuple[str, ...]] = {}
    for about, sentence in wrongs:
        errors[about] = tuple(dict.fromkeys((*errors.get(about, ()), sentence)))
    return Outcome(State.SKIPPED, errors=errors) if errors else None


def profile_id_of(entry: Entry) -> UUID | None:
    """The profile id that an entry names, as one that a profile could have."""
    try:
        return UUID(entry.profile_id)
    except (TypeError, ValueError):
        return None


def _may_be_asked(entry: Entry, terms: Terms) -> bool:
    if entry.deletes or (entry.segment is not None and entry.segment not in terms.segments):
        return False
    if entry.profile_id is not None:
        named = terms.goal.profile_ids is not ProfileIds.NONE
    else:
        criteria = (criterion for some in entry.matching for criterion in some)
        named = all(criterion.property in terms.identifiers for criterion in criteria)
    return named and all(_is_granted(rule, terms) for rule in entry.rules)


def _is_granted(rule: Rule, terms: Terms) -> bool:
    if rule.property in CONSENT_PROPERTIES or rule.property in terms.identifiers:
        # On a profile about to be created only: see `only_new`.
        return True
    return rule.strategy in terms.goal.properties.get(rule.property, ())


def only_new(rule: Rule, terms: Terms) -> bool:
    """Whether a rule is for profiles about to be created, whatever it says itself.

    Whom a profile is known as, and what it consented to, is what came with it when it was
    created; a partner does not change it later.
    """
    return rule.property in CONSENT_PROPERTIES or rule.property in terms.identifiers


def _wrong_values(rules: Iterable[Rule], terms: Terms) -> Iterator[tuple[str, str]]:
    """What is wrong with the values of some rules, told without them."""
    for rule in rules:
        if rule.property in CONSENT_PROPERTIES:
            if sentence := _wrong_consent(rule):
                yield rule.property, sentence
        elif rule.property not in terms.writable:
            yield rule.property, "There is no such profile property yet, or not as one to write."
        elif rule.property in terms.identifiers and rule.strategy not in _INTRODUCING:
            yield rule.property, "A unique identifier of a profile about to be created is set only."
        elif sentence := _wrong(rule, terms.writable[rule.property]):
            yield rule.property, sentence


def _wrong_legislation(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.legislation is not None and entry.legislation not in LEGISLATIONS:
        yield "privacyLegislation", "This is no privacy legislation zone."


def _wrong(rule: Rule, filter_type: FilterType) -> str:
    if sentence := _unfit(rule.values, filter_type):
        return sentence
    if rule.strategy is Strategy.SUM and filter_type not in NUMERIC_TYPES:
        return f"A property of type {filter_type.value} cannot be summed."
    return ""


def _wrong_consent(rule: Rule) -> str:
    if rule.strategy not in _INTRODUCING:
        return "What a profile about to be created consents to can be set only."
    if rule.property == PRIVACY_LEGISLATION and not LEGISLATIONS.issuperset(present(rule.values)):
        return "This is no privacy legislation zone."
    return _unfit(rule.values, FilterType.SELECT)


def _unfit(values: Sequence[str], filter_type: FilterType) -> str:
    """Why a property of this type cannot hold some of these values, told without them."""
    if any(NUL in value for value in values):
        return "A value holds a character that no value can hold."
    problems = {type_problem(value, filter_type) for value in values}
    if Reason.VALUE_LIMIT in problems:
        return f"A value is longer than a value may be, or larger than {MAX_WHOLE_NUMBER}."
    if Reason.VALUE_TYPE in problems:
        return f"A value is not written as {filter_type.value} asks."
    return ""


def _at_odds(entry: Entry) -> Iterator[tuple[str, str]]:
    """Rules for one property of one profile have to mean something together."""
    rules: dict[str, set[tuple[Strategy, Restriction]]] = {}
    for rule in entry.rules:
        rules.setdefault(rule.property, set()).add((rule.strategy, rule.restriction))
    for name, some in rules.items():
        for is_new in (True, False):
            applied = {how for how, to in some if Rule(name, (), how, to).applies(is_new=is_new)}
            if len(applied) > 1:
                yield name, "Two strategies for one property of one profile: send one."
