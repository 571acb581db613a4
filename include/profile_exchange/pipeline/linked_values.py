"""Linked values: whether a profile about to be created can hold the identifiers that came with it.

What is matched is only compared. What is created gets the linked values as its own identifiers, and
those are held to their type and limits like every value that is written (SEMANTICS, Mapping and
writing 4).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import func, or_, select

from profile_exchange.domain.connection import IdentifierPair, Unmatched
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.pipeline.creating import row_of
from profile_exchange.pipeline.quarantining import Breach, enter, entries
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled
from profile_exchange.store.json_lists import values_of
from profile_exchange.store.value_forms import is_too_long, misfits


def enter_unfit(database: Database, run: Run, now: datetime) -> None:
    """Put those about to be created into quarantine that came with an identifier none can hold."""
    if run.goal.unmatched is not Unmatched.CREATE or run.plan.remote:
        return
    for pair in dict.fromkeys(pair for link in run.goal.links for pair in link):
        _enter(database, run, pair, now)


def _enter(database: Database, run: Run, pair: IdentifierPair, now: datetime) -> None:
    staged, matched = run.staging.staged, run.staging.matched
    theirs = run.plan.sources[pair.theirs].filter_type
    ours = run.plan.identifier_types[pair.ours]
    each = values_of(staged.c.properties[pair.theirs])
    trimmed = func.btrim(each.c.value, BLANKS)
    does_not_fit = or_(
        is_too_long(each.c.value),
        *(misfits(trimmed, kind) for kind in dict.fromkeys((theirs, ours))),
    )
    unfit = select(each.c.value).where(does_not_fit).limit(1).scalar_subquery()
    breach = Breach(Reason.VALUE_TYPE, pair.theirs, f"fits {ours.value} of {pair.ours}")
    rows = (
        entries(run.seq, breach, matched.c.profile_id, unfit, now)
        .select_from(matched.join(staged, row_of(matched, staged)))
        .where(matched.c.is_new, ~settled(run.staging, matched), unfit.isnot(None))
    )
    enter(database, rows)
