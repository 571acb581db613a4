"""Accepting the entries of one request: all of them in one transaction, with the record of it.

The transaction reads one snapshot, as a package of an import does (`pipeline.upsert`): if
somebody else writes the same profile meanwhile, PostgreSQL refuses the later of the two, and the
request is tried again on what is there then.

A partner gives an answer up after a while, and sends again what it has no answer for. Nothing
that it gave up may be written after that, so a request has only so many seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from math import inf
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection as Database
from sqlalchemy import Text, Uuid, cast, event, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from profile_exchange.domain.connection import Connection, Strategy
from profile_exchange.domain.entries import Entry, Outcome, State
from profile_exchange.domain.errors import ConfigurationError, StoreUnavailable
from profile_exchange.domain.identifiers import normalise
from profile_exchange.store.database import LOST_RACES, engine_for, store_errors
from profile_exchange.store.tables import exchanged_profile, submission
from profile_exchange.tenants.postgres.accepting.changing import change
from profile_exchange.tenants.postgres.accepting.creating import create
from profile_exchange.tenants.postgres.accepting.introducing import introduce, looked_for
from profile_exchange.tenants.postgres.accepting.matching import Match, compared, find
from profile_exchange.tenants.postgres.accepting.permitting import (
    only_new,
    refusal,
    refusal_of_values,
)
from profile_exchange.tenants.postgres.accepting.rounds import rounds
from profile_exchange.tenants.postgres.accepting.staged import StagedEntry
from profile_exchange.tenants.postgres.accepting.terms import Terms, read_terms
from profile_exchange.tenants.postgres.role_rights import TOO_POWERFUL
from profile_exchange.tenants.postgres.writing_role import RECEIVED

ATTEMPTS = 12
#: Seconds in all. Our own client waits for 60 (`tenants.rest.network.Patience`), others not less.
WITHIN = 45.0


#: What was done to a profile, whose id the published API tells.
_DONE = frozenset({State.CREATED, State.MODIFIED})
#: Whoever came in: to be written, or so already.
_RECEIVED = _DONE | {State.UNCHANGED}


def until_when() -> float:
    """When a request that is here now has to be written, by the monotonic clock."""
    return time.monotonic() + WITHIN


@dataclass(frozen=True, slots=True)
class Submission:
    """The entries of one request: whose, with which credential, for which objectives, when.

    ``until`` is when it has to be written (`until_when`).
    """

    connection: Connection
    client_id: str
    entries: Sequence[Entry]
    objectives: Collection[str]
    at: datetime
    until: float

    def time_left(self) -> float:
        """The seconds that are left. Raises `StoreUnavailable` when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise StoreUnavailable(
                f"A partner's entries were given up after {WITHIN:.0f} s: the profile store is "
                "busy, and the partner is told to try again."
            )
        return left


def accept(url: str, submission: Submission) -> list[Outcome]:
    """Write a submission, and return what became of each entry, in their order.

    ``url`` is the store's for the writing role. Raises `StoreUnavailable` when others kept
    changing the same profiles, or when it takes too long.
    """
    attempts = Retrying(
        retry=retry_if_exception(_lost_a_race),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        stop=stop_after_attempt(ATTEMPTS),
    )
    with store_errors(url):
        _refuse_power(url)
        try:
            return attempts(_attempt, url, submission)
        except RetryError:
            raise StoreUnavailable(
                "A partner's entries were given up because others kept changing the same "
                "profiles: the partner is told to try again."
            ) from None


@lru_cache(maxsize=32)
def _refuse_power(url: str) -> None:
    """Raise `ConfigurationError` for a user whom PostgreSQL would let do more than write."""
    with engine_for(url).connect() as database:
        if database.scalar(text(TOO_POWERFUL)) is not False:
            raise ConfigurationError(
                "The database user that writes what partners send owns the profile store, or may "
                "do as much: give it a user of its own, and let `exchange migrate` grant what it "
                "needs."
            )


def _lost_a_race(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") in LOST_RACES


def _attempt(url: str, submission: Submission) -> list[Outcome]:
    submission.time_left()
    engine = engine_for(url).execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as database:
        _hold_to(database, submission)
        terms = read_terms(database, submission.connection, submission.objectives)
        numbered = dict(enumerate(submission.entries))
        refused = {number: refusal(entry, terms) for number, entry in numbered.items()}
        outcomes = {number: outcome for number, outcome in refused.items() if outcome}
        asked = {n: entry for n, entry in numbered.items() if n not in outcomes}
        outcomes |= _write(database, asked, terms, submission.at)
        _enter_received(database, submission, outcomes.values())
        _record(database, submission, outcomes.values())
        return [_told(outcomes[number], terms) for number in numbered]


def _hold_to(database: Database, submission: Submission) -> None:
    """No statement from now on may take longer than is left of the request's time."""
    told = inf

    def limit(_: Database, cursor: Any, *__: Any) -> None:
        nonlocal told
        left = submission.time_left()
        if left < told - 1:
            told = left
            cursor.execute(f"set local statement_timeout = {max(1, int(left * 1000))}")

    event.listen(database, "before_cursor_execute", limit)


def _write(
    database: Database, entries: Mapping[int, Entry], terms: Terms, now: datetime
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    matches = find(database, entries, terms)
    for turn, numbers in enumerate(rounds(_keys(entries, matches, terms))):
        some = {number: entries[number] for number in numbers}
        # What an earlier round has created is there to be found only now.
        found = matches if turn == 0 else find(database, some, terms)
        outcomes |= _write_round(database, some, found, terms, now)
    return outcomes


def _keys(
    entries: Mapping[int, Entry], matches: Mapping[int, Match], terms: Terms
) -> dict[int, set[Hashable]]:
    """What entries may share: the profile that they match, and identifiers that they name."""
    keys: dict[int, set[Hashable]] = {number: set() for number in entries}
    for number, entry in entries.items():
        if matches[number].target_id is not None:
            keys[number].add(matches[number].target_id)
        for alternative in entry.matching if entry.profile_id is None else ():
            keys[number] |= compared(alternative, terms)
        for rule in entry.rules:
            if kind := terms.identifiers.get(rule.property):
                keys[number] |= {(rule.property, normalise(v, kind)) for v in rule.values}
    return keys


def _write_round(
    database: Database,
    entries: Mapping[int, Entry],
    matches: Mapping[int, Match],
    terms: Terms,
    now: datetime,
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    existing: list[StagedEntry] = []
    new: list[StagedEntry] = []
    rules: dict[bool, set[tuple[str, Strategy]]] = {True: set(), False: set()}
    for number, entry in entries.items():
        match = matches[number]
        if match.outcome is not None:
            outcomes[number] = match.outcome
            continue
        is_new = match.target_id is None
        taken_on = looked_for(entry, terms) if is_new else {}
        if refused := refusal_of_values(entry, terms, taken_on, is_new=is_new):
            outcomes[number] = refused
            continue
        staged = StagedEntry(number, match.target_id or uuid4(), entry.segment)
        if is_new:
            introduce(staged, entry, taken_on, terms)
        rules[is_new] |= _stage(staged, entry, terms, is_new=is_new)
        (new if is_new else existing).append(staged)
    outcomes |= change(database, existing, rules[False], terms, now)
    outcomes |= create(database, new, rules[True], terms, now)
    return outcomes


def _stage(
    staged: StagedEntry, entry: Entry, terms: Terms, *, is_new: bool
) -> set[tuple[str, Strategy]]:
    """Take what applies of an entry into its row; returns the properties and strategies."""
    applied = set()
    for rule in entry.rules:
        if rule.applies(is_new=is_new) and not only_new(rule, terms):
            staged.add(rule)
            applied.add((rule.property, rule.strategy))
    return applied


def _told(outcome: Outcome, terms: Terms) -> Outcome:
    """An outcome as its partner may know it: who may not read back learns of no profile's id by
    asking for what changes nothing, or is not done."""
    if outcome.state in _DONE or terms.goal.read_back:
        return outcome
    return replace(outcome, profile_id=None)


def _enter_received(database: Database, asked: Submission, outcomes: Collection[Outcome]) -> None:
    """Enter our profiles that came in into the ledger of unique ones, those that are new to it."""
    ids = {outcome.profile_id for outcome in outcomes if outcome.state in _RECEIVED}
    if not ids:
        return
    each = func.unnest(cast(sorted(filter(None, ids)), ARRAY(Uuid)))
    connection, direction = literal(asked.connection.id, Text), literal(RECEIVED, Text)
    rows = select(connection, direction, each, literal(asked.at))
    names = ["connection", "direction", "profile_id", "first_at"]
    entered = insert_into(exchanged_profile).from_select(names, rows)
    database.execute(entered.on_conflict_do_nothing())


def _record(database: Database, asked: Submission, outcomes: Collection[Outcome]) -> None:
    """One row about the request: who, when, how many profiles came in, and what became of them."""
    states = Counter(outcome.state.value for outcome in outcomes)
    row = {
        "at": asked.at,
        "connection": asked.connection.id,
        "client_id": asked.client_id,
        "entries": len(asked.entries),
        "states": dict(states),
    }
    # Inline, because the writing role may not read the number that a row is given.
    database.execute(insert(submission).inline().values(row))
