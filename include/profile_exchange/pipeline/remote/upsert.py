"""Upsert at a tenant behind REST API v2: one package, sent, answered, and entered into the ledger.

What is asked, and what came of it, is committed request by request (staging table ``sent``), so
that a repetition sends only what is not known to be done. Sets, defaults, additions and removals
go first, and may be repeated; their answers tell which of the tenant's profiles each one is. Sums
go by its id, and are never repeated (`sums`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection as Database
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.entries import Entry, State
from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import summed
from profile_exchange.pipeline.package_ledger import (
    Written,
    fill_entry,
    is_written,
    open_entry,
    remember_received,
    written,
)
from profile_exchange.pipeline.ports import Result, Target
from profile_exchange.pipeline.remote import rows, sums
from profile_exchange.pipeline.remote.asking import Asking, Endurance
from profile_exchange.pipeline.remote.naming import name_all, understood
from profile_exchange.pipeline.remote.outcomes import PROCESSED, settle_answers
from profile_exchange.pipeline.remote.properties import make_missing
from profile_exchange.pipeline.remote.rivals import winners_over
from profile_exchange.pipeline.remote.tally import tally_of
from profile_exchange.pipeline.runs import Run, hold_pen
from profile_exchange.pipeline.targets import are_own, prepare_targets
from profile_exchange.store.database import store_errors


def upsert(
    run: Run,
    package: IdRange,
    now: datetime,
    target: Target | None,
    endurance: Endurance | None = None,
) -> Written:
    """Write one package to the tenant, unless that has been done.

    Raises what `Target` raises, `TargetRefused`, and `RunOvertaken`.
    """
    if target is None:
        raise FatalError(
            f"The profiles of tenant {run.connection.tenant} are behind REST API v2, and this step "
            "was not given the way there. This is a defect: open a bug report."
        )
    with store_errors(run.store_url), _at_work(run, package) as guard:
        if is_written(guard, run, package):
            return written(guard, run, package)
        _prepare(run, target, now)
        asking = Asking(target, run.connection.objectives, endurance or Endurance())
        _ask_for_all(guard, run, package, asking, now)
        if summed(run.goal):
            name_all(run, package, target)
        _write_winners_again(run, package, asking, now)
        if summed(run.goal):
            sums.take_turn(guard, run)
            doubtful = sums.settle_open(run, asking, package)
            sums.add_up(run, asking, package, now, doubtful)
        return _enter(run, package, now)


@contextmanager
def _at_work(run: Run, package: IdRange) -> Iterator[Database]:
    """No run may overtake this package, and no repetition meet it, while it talks to the tenant."""
    name = f"package {run.seq} {package.part}"
    with run.engine.begin() as guard:
        guard.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
        hold_pen(guard, run)
        yield guard


def _prepare(run: Run, target: Target, now: datetime) -> None:
    """Target properties that are missing are made there before they are this connection's own."""
    with run.engine.connect() as database:
        if are_own(database, run.connection, sorted(run.goal.targets)):
            return
    with run.engine.begin() as database:
        prepare_targets(database, run, now, lambda: make_missing(database, run, target))


def _ask_for_all(
    guard: Database, run: Run, package: IdRange, asking: Asking, now: datetime
) -> None:
    while True:
        with run.engine.begin() as database:
            # One more than is asked about tells that there are more.
            entries = rows.unanswered(database, run, package, asking.size + 1, asking.aside)
            _note_sent(database, run, asking.turn(entries), now)
        if not entries:
            return
        with _turn(guard, run, alone=asking.alone):
            reply = asking.ask(entries)
            results = {
                name: understood(asking.target, entries[name], result)
                for name, result in reply.results.items()
            }
        with run.engine.begin() as database:
            refused = rows.refused_as_new(database, run, entries, results)
            _note_answers(database, run, {**results, **refused}, now)


@contextmanager
def _turn(guard: Database, run: Run, *, alone: bool) -> Iterator[None]:
    """Packages ask side by side; once the tenant finds that too much, one after another."""
    key = func.hashtextextended(f"asking {run.connection.tenant}", 0)
    shared = "" if alone else "_shared"
    guard.execute(select(getattr(func, f"pg_advisory_lock{shared}")(key)))
    try:
        yield
    finally:
        guard.execute(select(getattr(func, f"pg_advisory_unlock{shared}")(key)))


def _note_sent(database: Database, run: Run, entries: Mapping[str, Entry], now: datetime) -> None:
    if entries:
        sent = run.staging.sent
        intents = [{"profile_id": UUID(name), "first_at": now} for name in entries]
        database.execute(insert(sent).on_conflict_do_nothing(), intents)


def _note_answers(
    database: Database, run: Run, results: Mapping[str, Result], now: datetime
) -> None:
    if not results:
        return
    sent = run.staging.sent
    answers = [
        {
            "profile_id": UUID(name),
            "first_at": now,
            "state": result.state,
            "about": next(iter(sorted(result.about)), ""),
            "target_id": result.profile_id,
        }
        for name, result in results.items()
    ]
    row = insert(sent).values(answers)
    told = {name: row.excluded[name] for name in ("state", "about", "target_id")}
    database.execute(row.on_conflict_do_update(index_elements=["profile_id"], set_=told))


def _write_winners_again(run: Run, package: IdRange, asking: Asking, now: datetime) -> None:
    """By their ids; by their identifiers where the tenant takes no ids, or not theirs.

    Of those that are not written in either way, the answer is their fate.
    """
    with run.engine.begin() as database:
        winners = winners_over(database, run, package)
        waiting = rows.entries_to(database, run, winners) if winners else {}
    results = _ask_for_each(asking, waiting)
    untaken = {UUID(name) for name, result in results.items() if _takes_no_id(result)}
    with run.engine.begin() as database:
        named = rows.entries_by_identifiers(database, run, untaken) if untaken else {}
    results |= _ask_for_each(asking, named)
    failed = {
        name: Result(result.state, winners[UUID(name)], result.about)
        for name, result in results.items()
        if result.state not in PROCESSED
    }
    with run.engine.begin() as database:
        _note_answers(database, run, failed, now)


def _takes_no_id(result: Result) -> bool:
    unauthorized = result.state == State.UNAUTHORIZED.value
    return unauthorized or (result.state == State.SKIPPED.value and "profileId" in result.about)


def _ask_for_each(asking: Asking, waiting: Mapping[str, Entry]) -> dict[str, Result]:
    results: dict[str, Result] = {}
    while waiting:
        reply = asking.ask(waiting)
        waiting = {name: e for name, e in waiting.items() if name not in reply.results}
        results |= reply.results
    return results


def _enter(run: Run, package: IdRange, now: datetime) -> Written:
    """The fates, the ledger of unique profiles and the package's entry, in one transaction."""
    with run.engine.begin() as database:
        open_entry(database, run, package, now)
        settle_answers(database, run, package, now)
        sums.forget_replaced(database, run, package)
        tally, by_fate = tally_of(database, run, package)
        received = remember_received(database, run, package, now)
        done = Written(received, by_fate["created"], by_fate["modified"], by_fate["unchanged"])
        fill_entry(database, run, package, done, tally)
        return done
