"""What a tenant's answers mean: each is a fate (SEMANTICS, Fates and counts)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, insert, literal, or_, select
from sqlalchemy import Connection as Database

from profile_exchange.domain.entries import State
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.quarantining import Breach, enter, entries
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import settled

#: States of our own, of profiles that were written but for a sum.
SUM_REFUSED = "SUM_REFUSED"
SUM_UNSETTLED = "SUM_UNSETTLED"

PROCESSED = (State.CREATED.value, State.MODIFIED.value, State.UNCHANGED.value)

_FATES: dict[str, tuple[Fate, Reason]] = {
    State.CREATED: (Fate.CREATED, Reason.WRITTEN),
    State.MODIFIED: (Fate.MODIFIED, Reason.WRITTEN),
    State.UNCHANGED: (Fate.UNCHANGED, Reason.SAME),
    State.NOTFOUND: (Fate.UNMATCHED, Reason.NO_MATCH),
    State.CONSENT_MISMATCH: (Fate.WITHHELD, Reason.NO_CONSENT),
    State.RESTRICTION_MISMATCH: (Fate.WITHHELD, Reason.NO_VISITED_CHANNEL),
    SUM_REFUSED: (Fate.REJECTED, Reason.TOTAL_LIMIT),
    SUM_UNSETTLED: (Fate.REJECTED, Reason.SUM_UNSETTLED),
}
#: What a tenant skips an entry for, if it is not a value: it means several, or nobody who visited.
_SKIPPED: dict[str, tuple[Fate, Reason]] = {
    "": (Fate.AMBIGUOUS, Reason.SEVERAL_MATCHES),
    "matching": (Fate.AMBIGUOUS, Reason.SEVERAL_MATCHES),
    "profileId": (Fate.WITHHELD, Reason.NO_VISITED_CHANNEL),
}
_OTHERWISE = (Fate.REJECTED, Reason.REFUSED_BY_TENANT)
_RULES = {
    Reason.REFUSED_BY_TENANT: "is accepted by the tenant",
    Reason.TOTAL_LIMIT: "total is accepted by the tenant",
    Reason.SUM_UNSETTLED: "sum is known to be added or not",
}


def settle_answers(database: Database, run: Run, package: IdRange, now: datetime) -> None:
    """Give every answered profile of a package its fate; rejected ones go to quarantine."""
    sent, fate = run.staging.sent, run.staging.fate
    here = and_(sent.c.profile_id.between(package.first, package.last), ~settled(run.staging, sent))
    rows = (
        select(sent.c.profile_id, _word(run, 0), _word(run, 1))
        .where(here, sent.c.state.isnot(None))
        .order_by(sent.c.profile_id)
    )
    database.execute(insert(fate).from_select(["profile_id", "fate", "reason"], rows))
    for reason, rule in _RULES.items():
        for about in (*run.goal.targets, ""):
            _quarantine(database, run, package, Breach(reason, about, rule), now)


def _word(run: Run, place: int) -> ColumnElement[str]:
    """The fate (0) or the reason (1) that an answer means."""
    sent = run.staging.sent
    skipped = sent.c.state == State.SKIPPED.value
    whens = [
        *((sent.c.state == str(state), words[place].value) for state, words in _FATES.items()),
        *(
            (and_(skipped, sent.c.about == about), words[place].value)
            for about, words in _SKIPPED.items()
        ),
    ]
    return cast(case(*whens, else_=_OTHERWISE[place].value), Text)


def _quarantine(
    database: Database, run: Run, package: IdRange, breach: Breach, now: datetime
) -> None:
    sent, fate = run.staging.sent, run.staging.fate
    value: ColumnElement[Any] = cast(sent.c.profile_id, Text)
    about = sent.c.about == breach.property_id
    if not breach.property_id:
        about = or_(about, sent.c.about.not_in(run.goal.targets))
    rows = (
        entries(run.seq, breach, sent.c.profile_id, value, now)
        .join_from(sent, fate, fate.c.profile_id == sent.c.profile_id)
        .where(sent.c.profile_id.between(package.first, package.last))
        .where(fate.c.reason == literal(breach.reason.value), about)
    )
    enter(database, rows)
