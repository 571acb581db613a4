"""What a tenant's answers mean: each is a fate (SEMANTICS, Fates and counts)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, insert, literal, select
from sqlalchemy import Connection as Database

from profile_exchange.domain.entries import State
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.quarantining import Breach, enter, entries
from profile_exchange.pipeline.remote.new_profiles import UNFIT
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
    UNFIT: (Fate.REJECTED, Reason.VALUE_TYPE),
    SUM_REFUSED: (Fate.REJECTED, Reason.TOTAL_LIMIT),
    SUM_UNSETTLED: (Fate.REJECTED, Reason.SUM_UNSETTLED),
}
#: Of one that the tenant knows nobody for, and could not create: somebody else has an identifier.
_TAKEN = "matching"
#: What a tenant skips an entry for, if it is not a value: it means several, or nobody who visited.
_SKIPPED: dict[str, tuple[Fate, Reason]] = {
    "": (Fate.AMBIGUOUS, Reason.SEVERAL_MATCHES),
    "matching": (Fate.AMBIGUOUS, Reason.SEVERAL_MATCHES),
    "profileId": (Fate.WITHHELD, Reason.NO_VISITED_CHANNEL),
}
_OTHERWISE = (Fate.REJECTED, Reason.REFUSED_BY_TENANT)
_RULES = {
    Reason.VALUE_TYPE: "fits the property of a new profile",
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
    for reason, target in _refused(database, run, package):
        rule = _RULES[reason]
        of_target = [mapping for mapping in run.goal.mappings if mapping.target == target]
        breaches = [Breach(reason, m.label, f"{rule}, as {target}") for m in of_target]
        for breach in breaches or [Breach(reason, "", rule)]:
            _quarantine(database, run, package, breach, now, about=target)


def _word(run: Run, place: int) -> ColumnElement[str]:
    """The fate (0) or the reason (1) that an answer means."""
    sent = run.staging.sent
    skipped = sent.c.state == State.SKIPPED.value
    taken = and_(sent.c.state == State.NOTFOUND.value, sent.c.about == _TAKEN)
    whens = [
        (taken, (Fate.UNMATCHED, Reason.IDENTIFIER_TAKEN)[place].value),
        *((sent.c.state == str(state), words[place].value) for state, words in _FATES.items()),
        *(
            (and_(skipped, sent.c.about == about), words[place].value)
            for about, words in _SKIPPED.items()
        ),
    ]
    return cast(case(*whens, else_=_OTHERWISE[place].value), Text)


def _refused(database: Database, run: Run, package: IdRange) -> list[tuple[Reason, str]]:
    """What profiles of a package were rejected for: each reason, and what it was about."""
    sent, fate = run.staging.sent, run.staging.fate
    query = (
        select(fate.c.reason, sent.c.about)
        .distinct()
        .join_from(sent, fate, fate.c.profile_id == sent.c.profile_id)
        .where(sent.c.profile_id.between(package.first, package.last))
        .where(fate.c.reason.in_([reason.value for reason in _RULES]), sent.c.state.isnot(None))
    )
    found = database.execute(query.order_by(fate.c.reason, sent.c.about))
    return [(Reason(reason), about) for reason, about in found]


def _quarantine(
    database: Database, run: Run, package: IdRange, breach: Breach, now: datetime, *, about: str
) -> None:
    sent, fate = run.staging.sent, run.staging.fate
    value: ColumnElement[Any] = cast(sent.c.profile_id, Text)
    rows = (
        entries(run.seq, breach, sent.c.profile_id, value, now)
        .join_from(sent, fate, fate.c.profile_id == sent.c.profile_id)
        .where(sent.c.profile_id.between(package.first, package.last))
        .where(fate.c.reason == literal(breach.reason.value), sent.c.about == about)
    )
    enter(database, rows)
