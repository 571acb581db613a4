"""Whom an entry means (SEMANTICS, Matching): the pipeline's rules, for entries of any form.

The alternatives of an entry are tried in order. One that finds exactly one profile decides; one
that finds several is discarded; if only discarded ones are left, the entry is ambiguous.
Alternatives in a row that name the same identifiers are one with several values: any of them may
match, and if they lead to several profiles, that is several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Database
from sqlalchemy import Integer, Text, Uuid, cast, func, select

from profile_exchange.domain.connection import ProfileIds
from profile_exchange.domain.entries import Alternative, Entry, Outcome, State, skipped
from profile_exchange.domain.identifiers import normalise
from profile_exchange.pipeline.matching import visited
from profile_exchange.store.tables import profile, profile_identifier
from profile_exchange.tenants.postgres.accepting.permitting import NUL, profile_id_of
from profile_exchange.tenants.postgres.accepting.staged import recordset
from profile_exchange.tenants.postgres.accepting.terms import Terms

_WANTED: dict[str, Any] = {
    "number": Integer,
    "alternative": Integer,
    "together": Integer,
    "needed": Integer,
    "property_id": Text,
    "value": Text,
}
#: For each entry and alternatives that are one: how many profiles they find, and one of them.
Proposed = Mapping[tuple[int, int], tuple[int, UUID]]


@dataclass(frozen=True, slots=True)
class Match:
    """What was found: the profile that an entry means, or what becomes of it without one.

    Neither means that a profile may be created.
    """

    target_id: UUID | None = None
    outcome: Outcome | None = None


def find(database: Database, entries: Mapping[int, Entry], terms: Terms) -> dict[int, Match]:
    """Whom each of these entries means now, by its number."""
    by_id = {number: entry for number, entry in entries.items() if entry.profile_id is not None}
    others = {number: entry for number, entry in entries.items() if entry.profile_id is None}
    proposed = _proposed(database, others, terms)
    return {
        **_found_by_id(database, by_id, terms),
        **{number: _decide(number, entry, proposed, terms) for number, entry in others.items()},
    }


def compared(alternative: Alternative, terms: Terms) -> set[tuple[str, str]]:
    """The identifiers of an alternative as they are compared; none if one has no value."""
    pairs = {
        (each.property, normalise(each.value, terms.identifiers[each.property]))
        for each in alternative
        if NUL not in each.value
    }
    complete = all(value for _, value in pairs) and len(pairs) > 0
    return pairs if complete and not any(NUL in each.value for each in alternative) else set()


def _alike(matching: Sequence[Alternative]) -> list[list[Alternative]]:
    """The alternatives, those in a row together that name the same identifiers."""
    named = groupby(matching, lambda some: {criterion.property for criterion in some})
    return [list(together) for _, together in named]


def _proposed(database: Database, entries: Mapping[int, Entry], terms: Terms) -> Proposed:
    rows = [
        {
            "number": number,
            "alternative": position,
            "together": together,
            "needed": len(pairs),
            "property_id": property_id,
            "value": value,
        }
        for number, entry in entries.items()
        for together, some in enumerate(_alike(entry.matching))
        for position, alternative in enumerate(some)
        for pairs in [compared(alternative, terms)]
        for property_id, value in pairs
    ]
    if not rows:
        return {}
    wanted, known = recordset(rows, _WANTED, "wanted"), profile_identifier
    one_alternative = (wanted.c.number, wanted.c.together, wanted.c.alternative)
    agreed = (
        select(wanted.c.number, wanted.c.together, known.c.profile_id)
        .join_from(wanted, known, known.c.property_id == wanted.c.property_id)
        .where(known.c.value == wanted.c.value)
        .group_by(*one_alternative, known.c.profile_id)
        .having(func.count() == func.max(wanted.c.needed))
        .subquery("agreed")
    )
    key = (agreed.c.number, agreed.c.together)
    one = cast(func.min(cast(agreed.c.profile_id, Text)), Uuid)
    query = select(*key, func.count(agreed.c.profile_id.distinct()), one).group_by(*key)
    return {(number, place): (found, who) for number, place, found, who in database.execute(query)}


def _decide(number: int, entry: Entry, proposed: Proposed, terms: Terms) -> Match:
    found = [proposed.get((number, place)) for place, _ in enumerate(_alike(entry.matching))]
    for each in found:
        if each is not None and each[0] == 1:
            return Match(each[1])
    if any(found):
        return Match(outcome=skipped("matching", "More than one profile matches."))
    if entry.creates and terms.goal.creates and any(compared(a, terms) for a in entry.matching):
        return Match()
    return Match(outcome=Outcome(State.NOTFOUND))


def _found_by_id(
    database: Database, entries: Mapping[int, Entry], terms: Terms
) -> dict[int, Match]:
    wanted = {number: profile_id_of(entry) for number, entry in entries.items()}
    if not wanted:
        return {}
    query = select(profile.c.id, visited(profile.c.properties)).where(
        profile.c.id.in_(set(wanted.values()))
    )
    known = {row[0]: bool(row[1]) for row in database.execute(query)}
    only_visited = terms.goal.profile_ids is ProfileIds.VISITED
    found = {}
    for number, profile_id in wanted.items():
        if profile_id not in known:
            found[number] = Match(outcome=Outcome(State.NOTFOUND))
        elif only_visited and not known[profile_id]:
            outcome = skipped("profileId", "This profile has visited no channel of the tenant.")
            found[number] = Match(outcome=outcome)
        else:
            found[number] = Match(profile_id)
    return found
