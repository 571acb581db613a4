"""Filter by consent: which matched profiles this tenant may process (SEMANTICS, Consent)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    null,
    select,
    true,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import ARRAY, array

from profile_exchange.domain.connection import ConsentRule, Unmatched
from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.package_ledger import decided
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import settle_anew, take_back
from profile_exchange.pipeline.side_by_side import for_each_range, within
from profile_exchange.store.consent import consented
from profile_exchange.store.definitions import objectives
from profile_exchange.store.tables import profile


def filter_by_consent(run: Run) -> int:
    """Withhold profiles without consent. Returns how many.

    A matched profile is judged by our own record of it, one about to be created by what came. A
    tenant behind REST API v2 judges when it writes.
    """
    if run.finished:
        return 0
    with at_work(run) as holder:
        if decided(holder, run):
            return 0
        with run.engine.begin() as database:
            take_back(database, run.staging, Step.FILTER_BY_CONSENT)
            objectives = objectives_of(database, run)
        if not run.connection.objectives or run.plan.remote:
            return 0
        return sum(for_each_range(run, partial(_withhold, run, objectives)))


def _withhold(run: Run, objectives: Sequence[Objective], database: Database, ids: IdRange) -> int:
    matched = run.staging.matched
    # Whom join has let through, no step before this one has settled.
    on_the_way = select(matched).where(*within(ids, matched.c.profile_id)).subquery("matched")
    withheld = without_consent(run, on_the_way, objectives).subquery("withheld")
    return settle_anew(database, run.staging, withheld, Fate.WITHHELD, Reason.NO_CONSENT)


def objectives_of(database: Database, run: Run) -> list[Objective]:
    """The connection's objectives, as our tenant defines them now. Unknown ones count for no."""
    return list(objectives(database, run.connection.objectives).values())


def without_consent(run: Run, profiles: FromClause, objectives: Sequence[Objective]) -> Select[Any]:
    """Of matched or mapped profiles: those that may not be used."""
    staged = run.staging.staged
    existing = (
        select(profiles.c.profile_id)
        .outerjoin_from(profiles, profile, profile.c.id == profiles.c.target_id)
        .where(~profiles.c.is_new, ~allowed(run, profile, objectives))
    )
    if run.goal.unmatched is not Unmatched.CREATE:
        return existing
    row = and_(staged.c.profile_id == profiles.c.profile_id, staged.c.segment == profiles.c.segment)
    new = (
        select(profiles.c.profile_id)
        .join_from(profiles, staged, row)
        .where(profiles.c.is_new, ~allowed_to_create(run, staged, objectives))
    )
    return select(existing.union_all(new).subquery("refused"))


def allowed(run: Run, record: FromClause, objectives: Sequence[Objective]) -> ColumnElement[bool]:
    """Whether a connection may process profiles of ours by these columns. Never null."""
    return _allowed(
        run, record, objectives, record.c.consented_objectives, record.c.refused_objectives
    )


def allowed_to_create(
    run: Run, staged: FromClause, objectives: Sequence[Objective]
) -> ColumnElement[bool]:
    """Whether a connection may create profiles by what came with these rows. Never null."""
    return _allowed(
        run,
        staged,
        objectives,
        in_our_words(run, staged.c.consented_objectives),
        in_our_words(run, staged.c.refused_objectives),
    )


def in_our_words(run: Run, theirs: ColumnElement[Any]) -> ColumnElement[Any]:
    """A list of their objectives as one of ours; without a map they are ours of the same id.

    With a map, what it does not name is of unknown meaning and left out.
    """
    if not run.goal.objective_map:
        return theirs
    named: dict[str, list[str]] = {}
    for their_id, our_id in run.goal.objective_map.items():
        named.setdefault(our_id, []).append(their_id)
    words = [
        case((theirs.op("&&", is_comparison=True)(cast(array(ids), ARRAY(Text))), our_id))
        for our_id, ids in named.items()
    ]
    return func.array_remove(cast(array(words), ARRAY(Text)), null(), type_=ARRAY(Text))


def _allowed(
    run: Run,
    record: FromClause,
    objectives: Sequence[Objective],
    given: ColumnElement[Any],
    refused: ColumnElement[Any],
) -> ColumnElement[bool]:
    if not run.connection.objectives:
        return true()
    consent = consented(
        given,
        refused,
        record.c.privacy_legislation,
        objectives,
        unneeded_counts=run.connection.consent is ConsentRule.CONSENTED_OR_UNNEEDED,
    )
    # A profile of ours that is gone has no record, and unknown is no.
    return func.coalesce(consent, false())
