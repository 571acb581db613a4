"""Crowded: profiles that came with so many linked values that nobody can tell whose they are.

Where profiles are created, each received one is known by every combination of its values for the
pairs of an alternative (`creating`). Their number is a product: a single profile with a thousand
values for each of two pairs would keep a run busy for minutes. Nobody has that many.
"""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import mul
from typing import Any

from sqlalchemy import ColumnElement, Float, Text, cast, null, or_
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import Link
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.identifiers import MAX_COMBINATIONS
from profile_exchange.pipeline.creating import row_of
from profile_exchange.pipeline.quarantining import Breach, enter, entries, forget
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.json_lists import length_of

RULE = f"at most {MAX_COMBINATIONS} combinations of linked values"


def is_crowded(run: Run) -> ColumnElement[bool]:
    """Whether a staged profile has more combinations than are looked at. Never null."""
    return or_(*(_crowds(run, link) for link in run.goal.links))


def _crowds(run: Run, link: Link) -> ColumnElement[bool]:
    # As a float: lengths that came from elsewhere must not overflow a whole number.
    properties = run.staging.staged.c.properties
    numbers: list[ColumnElement[Any]] = [
        cast(length_of(properties[pair.theirs]), Float) for pair in link
    ]
    return reduce(mul, numbers) > MAX_COMBINATIONS


def enter_crowded(database: Database, run: Run, now: datetime) -> None:
    """Put the crowded ones that join has found into quarantine, for each property of a link."""
    staged, proposed = run.staging.staged, run.staging.proposed
    forget(database, run.seq, Reason.VALUE_LIMIT)
    for link in run.goal.links:
        for pair in link:
            breach = Breach(Reason.VALUE_LIMIT, pair.theirs, RULE)
            rows = (
                entries(run.seq, breach, proposed.c.profile_id, cast(null(), Text), now)
                .select_from(proposed.join(staged, row_of(proposed, staged)))
                .where(proposed.c.outcome == Reason.VALUE_LIMIT.value, _crowds(run, link))
            )
            enter(database, rows)
