"""Upsert: one package of a run into our profiles, with its ledger, in one transaction.

The transaction reads one snapshot (repeatable read): if another connection writes the same
profile meanwhile, PostgreSQL refuses the later of the two, and the package is tried again on
what is there then. Repeating a committed package does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    case,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from profile_exchange.domain.connection import Unmatched
from profile_exchange.domain.errors import RunRefused, StoreUnavailable
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.approval import check_decided
from profile_exchange.pipeline.claiming import claim
from profile_exchange.pipeline.contributions import (
    forget_emptied,
    has_few,
    remember,
    summed,
    take_out_of_left,
)
from profile_exchange.pipeline.creating import about_to_be, taken_since
from profile_exchange.pipeline.filter_by_consent import objectives_of, without_consent
from profile_exchange.pipeline.merged_profiles import PLACE, existing_after, new_after
from profile_exchange.pipeline.merging import refused
from profile_exchange.pipeline.package_ledger import (
    Written,
    fill_entry,
    open_entry,
    remember_received,
    take_turn,
    written,
)
from profile_exchange.pipeline.ports import Target
from profile_exchange.pipeline.refused_totals import quarantine_totals
from profile_exchange.pipeline.runs import Run, hold_pen
from profile_exchange.pipeline.settling import settle, settled
from profile_exchange.pipeline.tally import Tally, brought_in, changed, offered, settle_and_tally
from profile_exchange.pipeline.targets import prepare_targets
from profile_exchange.store import tables
from profile_exchange.store.database import LOST_RACES, store_errors
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.tables import profile


def _lost_a_race(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") in LOST_RACES


def upsert(run: Run, package: IdRange, now: datetime, target: Target | None = None) -> Written:
    """Write one package and its ledger entry, unless that has been done.

    ``target`` is our tenant where its profiles are not in this database.

    Raises `RunRefused` before a person has let the run write, `TargetRefused` when somebody else
    came first with a target, `RunOvertaken`, and `StoreUnavailable` when others kept changing the
    same profiles.
    """
    if run.preview:
        raise RunRefused(f"Run {run.run_id} is a preview: it must not write. Trigger a new run.")
    if run.finished:
        return Written(0, 0, 0, 0)
    check_decided(run)
    if run.plan.remote:
        # Only a connection that writes over REST API v2 needs all that goes with it.
        from profile_exchange.pipeline.remote.upsert import upsert as write_remotely

        return write_remotely(run, package, now, target)
    with store_errors(run.store_url):
        # New target properties come first, in a transaction of their own: packages would
        # otherwise wait for each other's, and be written one after the other.
        with run.engine.begin() as database:
            hold_pen(database, run)
            prepare_targets(database, run, now)
        try:
            return _write(run, package, now)
        except RetryError:
            raise StoreUnavailable(
                f"Part {package.part + 1} of {package.parts} was given up because others kept "
                "changing the same profiles: it is tried again."
            ) from None


def _write(run: Run, package: IdRange, now: datetime) -> Written:
    """Try until nobody has changed the same profiles meanwhile."""
    attempts = Retrying(
        retry=retry_if_exception(_lost_a_race),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(12),
    )
    return attempts(_attempt, run, package, now, attempts.statistics)


def _attempt(run: Run, package: IdRange, now: datetime, so_far: Mapping[str, Any]) -> Written:
    engine = run.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as database:
        take_turn(database, alone=so_far["attempt_number"] > 1)
        if not open_entry(database, run, package, now):
            return written(database, run, package)
        hold_pen(database, run)
        objectives = objectives_of(database, run)
        forget_emptied(database, run, package)
        few = bool(summed(run.goal)) and has_few(database, run)
        modified = _modify(database, run, package, objectives, now, few=few)
        _withhold_withdrawn(database, run, package, objectives)
        created = _create(database, run, package, now)
        unchanged = _leave(database, run, package)
        tally = modified + created + unchanged
        if tally.refused:
            quarantine_totals(database, run, package, objectives, now)
        tally += Tally(taken_back=take_out_of_left(database, run, package, objectives, now))
        remember(database, run, package, few=few)
        received = remember_received(database, run, package, now)
        done = Written(received, created.profiles, modified.profiles, unchanged.profiles)
        fill_entry(database, run, package, done, tally)
        return done


def _in(package: IdRange, profile_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return profile_id.between(package.first, package.last)


def _on_the_way(run: Run, package: IdRange) -> Subquery:
    """The mapped profiles of a package that have no fate yet."""
    mapped = run.staging.mapped
    query = select(mapped).where(_in(package, mapped.c.profile_id), ~settled(run.staging, mapped))
    return query.subquery("mapped")


def _left_over(run: Run, package: IdRange) -> Subquery:
    """The same once those that change are written: by far the fewest, so that the planner is kept
    from reading all of ours for them."""
    return select(_on_the_way(run, package)).offset(0).subquery("mapped")


def _withhold_withdrawn(
    database: Database, run: Run, package: IdRange, objectives: Sequence[Objective]
) -> None:
    """Judge consent again, inside the transaction that writes (SEMANTICS, Consent 3).

    Those that were modified just now are settled: writing asked the same of each of them.
    """
    if run.connection.objectives:
        withdrawn = without_consent(run, _left_over(run, package), objectives)
        profiles = withdrawn.subquery("withdrawn")
        settle(database, run.staging, profiles, Fate.WITHHELD, Reason.CONSENT_WITHDRAWN)


def _modify(
    database: Database,
    run: Run,
    package: IdRange,
    objectives: Sequence[Objective],
    now: datetime,
    *,
    few: bool,
) -> Tally:
    """Write what changes. A profile whose total is refused is written as it was, and rejected."""
    mapped = _on_the_way(run, package)
    computed = existing_after(run, mapped, objectives, few=few).subquery("computed")
    before, after = computed.c.before, computed.c.after
    too_much = refused(after, run.goal.mappings)
    written = (
        update(profile)
        .where(profile.c.id == computed.c.target_id, computed.c.place == PLACE)
        .where(after.is_distinct_from(before))
        .values(
            properties=case((too_much, before), else_=after),
            modified_at=case((too_much, profile.c.modified_at), else_=now),
        )
        .returning(
            computed.c.profile_id,
            too_much.label("refused"),
            *changed(run.goal, before, after),
            *(computed.c[column.name] for column in offered(run.goal, run.staging.mapped)),
        )
        .cte("written")
    )
    return settle_and_tally(database, run, written, Fate.MODIFIED, Reason.WRITTEN)


def _leave(database: Database, run: Run, package: IdRange) -> Tally:
    """What is left: ours that already are as they should be, and ours that are gone."""
    left = _left_over(run, package)
    rows = select(
        left.c.profile_id, profile.c.id.is_(None).label("gone"), *offered(run.goal, left)
    ).outerjoin_from(left, profile, profile.c.id == left.c.target_id)
    return settle_and_tally(database, run, rows.cte("left_over"), Fate.UNCHANGED, Reason.SAME)


def _create(database: Database, run: Run, package: IdRange, now: datetime) -> Tally:
    if run.goal.unmatched is not Unmatched.CREATE:
        return Tally()
    _leave_taken(database, run, package, now)
    mapped = _on_the_way(run, package)
    rows = new_after(run, mapped, now).subquery("computed")
    fitting = select(rows).where(~refused(rows.c.properties, run.goal.mappings))
    names = [column.name for column in profile.columns]
    made = (
        insert_into(profile)
        .from_select(names, fitting)
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(profile.c.id)
        .cte("made")
    )
    new = (
        select(mapped.c.profile_id, *brought_in(run.goal, mapped))
        .join_from(mapped, made, made.c.id == mapped.c.target_id)
        .cte("new")
    )
    created = settle_and_tally(database, run, new, Fate.CREATED, Reason.WRITTEN)
    if created.profiles:
        _identify(database, run, package)
    return created + _refuse_new(database, run, package, now)


def _refuse_new(database: Database, run: Run, package: IdRange, now: datetime) -> Tally:
    """Reject those who were not created because a sum of theirs is too large."""
    if not summed(run.goal):
        return Tally()
    mapped = _on_the_way(run, package)
    rows = new_after(run, mapped, now).subquery("computed")
    too_much = (
        select(mapped.c.profile_id)
        .join_from(mapped, rows, rows.c.id == mapped.c.target_id)
        .where(refused(rows.c.properties, run.goal.mappings))
        .subquery("too_much")
    )
    number = settle(database, run.staging, too_much, Fate.REJECTED, Reason.TOTAL_LIMIT)
    return Tally(refused=number)


def _leave_taken(database: Database, run: Run, package: IdRange, now: datetime) -> None:
    """Create nobody whose identifier has come to be that of a profile of ours since the join."""
    mapped = _on_the_way(run, package)
    claim(database, run.seq, about_to_be(run, mapped), now)
    late = taken_since(run, mapped).subquery("late")
    settle(database, run.staging, late, Fate.UNMATCHED, Reason.IDENTIFIER_TAKEN)


def _identify(database: Database, run: Run, package: IdRange) -> None:
    """Enter the unique identifiers of the profiles that this package created."""
    mapped, fate = run.staging.mapped, run.staging.fate
    new = (
        select(profile.c.id, profile.c.properties)
        .join_from(profile, mapped, mapped.c.target_id == profile.c.id)
        .join(fate, fate.c.profile_id == mapped.c.profile_id)
        .where(_in(package, mapped.c.profile_id), fate.c.fate == Fate.CREATED.value)
        .subquery("new")
    )
    names = ["property_id", "value", "profile_id"]
    rows = insert_into(tables.profile_identifier).from_select(names, identifiers_of(new))
    database.execute(rows.on_conflict_do_nothing())
