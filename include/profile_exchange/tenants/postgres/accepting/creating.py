"""Creating the profiles of entries that match none of ours.

What makes two requests, or a request and a package of an import, that create the same person at
the same moment create one is the pipeline's: `pipeline.claiming`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Select, cast, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Outcome, State, skipped
from profile_exchange.pipeline.claiming import claim
from profile_exchange.pipeline.creating import taken
from profile_exchange.pipeline.merging import refused
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.tables import profile, profile_identifier
from profile_exchange.tenants.postgres.accepting.changing import TOO_LARGE, may_be_written
from profile_exchange.tenants.postgres.accepting.list_sizes import refused_as_too_long, too_long
from profile_exchange.tenants.postgres.accepting.staged import (
    StagedEntry,
    merged_into,
    rows_of,
    summed,
)
from profile_exchange.tenants.postgres.accepting.terms import Terms

#: No run of ours claims what a partner's request is about to create.
NO_RUN = 0
#: The properties of whom is not there yet.
_NOTHING = cast(literal("{}"), JSONB)


def create(
    database: Database,
    entries: Sequence[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> dict[int, Outcome]:
    """Create the profiles of entries, and return what became of each.

    Consent is judged by what came with an entry. No two entries may share an identifier.
    """
    outcomes = {
        each.number: Outcome(State.RESTRICTION_MISMATCH) for each in entries if each.segment
    }
    entries = [each for each in entries if not each.segment]
    if entries:
        claim(database, NO_RUN, _made(entries, rules, terms, now).subquery("claimed"), now)
        outcomes.update(_judged(database, entries, rules, terms, now))
    fitting = [each for each in entries if each.number not in outcomes]
    if fitting:
        _insert(database, fitting, rules, terms, now)
    for each in fitting:
        outcomes[each.number] = Outcome(State.CREATED, each.target_id)
    return outcomes


def _made(
    entries: Iterable[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> Select[Any]:
    """The profiles about to be created, with the columns of our profiles in their order."""
    mapped = rows_of(entries)
    return (
        select(
            mapped.c.target_id.label("id"),
            literal(now),
            literal(now),
            mapped.c.privacy_legislation,
            mapped.c.consented_objectives,
            mapped.c.refused_objectives,
            merged_into(mapped.c.identifiers, mapped, rules, terms).label("properties"),
            mapped.c.number,
        )
        # Keeps the planner from computing the properties once for each use of them.
        .offset(0)
    )


def _judged(
    database: Database,
    entries: Sequence[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> dict[int, Outcome]:
    """What becomes of those that must not be created."""
    made = _made(entries, rules, terms, now).cte("made")
    allowed = may_be_written(
        terms, made.c.consented_objectives, made.c.refused_objectives, made.c.privacy_legislation
    )
    query = select(
        made.c.number,
        allowed.label("allowed"),
        refused(made.c.properties, summed(rules)).label("too_much"),
        too_long(_NOTHING, made.c.properties, rules).label("overlong"),
        made.c.id.in_(taken(made)).label("taken"),
    )
    outcomes = {}
    for row in database.execute(query):
        if not row.allowed:
            outcomes[row.number] = Outcome(State.CONSENT_MISMATCH)
        elif row.too_much:
            outcomes[row.number] = skipped("properties", TOO_LARGE)
        elif row.overlong:
            outcomes[row.number] = refused_as_too_long(row.overlong)
        elif row.taken:
            sentence = "One of its unique identifiers is another profile's."
            outcomes[row.number] = Outcome(State.NOTFOUND, errors={"matching": (sentence,)})
    return outcomes


def _insert(
    database: Database,
    entries: Sequence[StagedEntry],
    rules: Collection[tuple[str, Strategy]],
    terms: Terms,
    now: datetime,
) -> None:
    made = _made(entries, rules, terms, now).subquery("made")
    names = [column.name for column in profile.columns]
    rows = select(*(column for column in made.c if column.name != "number"))
    database.execute(insert(profile).from_select(names, rows))
    new = select(profile.c.id, profile.c.properties).where(
        profile.c.id.in_([each.target_id for each in entries])
    )
    names = ["property_id", "value", "profile_id"]
    identified = identifiers_of(new.subquery("new"))
    database.execute(insert(profile_identifier).from_select(names, identified))
