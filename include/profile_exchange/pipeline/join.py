"""Join: which of our profiles each received profile is (SEMANTICS, Matching).

Set by set, for all profiles at once. Each received one is proposed for the profile of ours that it
matches (`matching`). Of several for one of ours, or for one person who is about to be created
(`creating`), the one modified last goes on. Where profiles are created, one with too many values
to be told apart by is rejected (`crowded`).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Text,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.connection import Unmatched
from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.creating import find_persons, row_of
from profile_exchange.pipeline.crowded import enter_crowded
from profile_exchange.pipeline.matching import MATCHED, matching
from profile_exchange.pipeline.package_ledger import decided
from profile_exchange.pipeline.pull import check_complete
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import counts_by_reason, take_back, take_back_of_others
from profile_exchange.pipeline.side_by_side import for_each_range, within
from profile_exchange.store.database import rows_written
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import pull_progress
from profile_exchange.store.tables import run as runs


def join(run: Run, now: datetime) -> dict[str, int]:
    """Match what was pulled. Returns how many went on, and how many were settled by reason.

    Raises `FatalError` when a part of the pull has not come to its end.
    """
    if run.finished:
        return {}
    tables = run.staging
    # Held over all the transactions that follow: two at once would share the table of proposals.
    with at_work(run) as holder:
        if decided(holder, run):
            return {}
        check_complete(holder, run)
        with run.engine.begin() as database:
            analyze(database, tables.staged, "profile_id", "segment")
            take_back(database, tables, Step.JOIN)
            database.execute(delete(tables.matched))
            database.execute(DropTable(tables.proposed, if_exists=True))
            database.execute(CreateTable(tables.proposed))
        met = _decide(run, now)
        with run.engine.begin() as database:
            database.execute(DropTable(tables.proposed))
            analyze(database, tables.matched, "profile_id", "segment", "target_id")
            analyze(database, tables.fate, "profile_id")
            by_reason = counts_by_reason(database, tables)
            # Those that could never be read were settled by the pull.
            pulled = met + by_reason.get(Reason.MALFORMED_PROFILE.value, 0)
            return {MATCHED: _count(database, run, pulled), **by_reason}


def _count(database: Database, run: Run, pulled: int) -> int:
    """How many profiles go on. How many came, and match one of ours, is kept with the run."""
    matched = run.staging.matched
    query = select(func.count(), func.count().filter(~matched.c.is_new)).select_from(matched)
    all_of_them, ours = database.execute(query).one()
    remember = update(runs).where(runs.c.seq == run.seq)
    known = None if run.plan.remote else ours
    database.execute(remember.values(pulled=pulled, matched=known))
    return int(all_of_them)


def _decide(run: Run, now: datetime) -> int:
    """Insert the matched profiles into ``matched``, all others with their fate into ``fate``.

    Returns how many different profiles there were.
    """
    met = _propose(run)
    with run.engine.begin() as database:
        if run.goal.unmatched is Unmatched.CREATE and not run.plan.remote:
            enter_crowded(database, run, now)
            find_persons(database, run)
        database.execute(_matched(run))
        take_back_of_others(database, run.staging, Step.JOIN, run.staging.matched)
    for_each_range(run, lambda database, ids: database.execute(_settled_here(run, ids)))
    return met


def _propose(run: Run) -> int:
    """Fill ``proposed`` with each received profile once: what it matches, or why not.

    Returns how many that are.
    """
    several = len(run.plan.segments) > 1
    proposed = sum(for_each_range(run, partial(_propose_range, run, once=several)))
    with run.engine.connect() as database:
        staged = _staged_rows(database, run)
    if not several and proposed < staged:
        # Some profile came twice in its one segment; that is rare, so it is looked for only now.
        with run.engine.begin() as database:
            database.execute(delete(run.staging.proposed))
        proposed = sum(for_each_range(run, partial(_propose_range, run, once=True)))
    return proposed


def _propose_range(run: Run, database: Database, ids: IdRange, *, once: bool) -> int:
    # The planner takes the values of JSON lists for a few different ones, and would look each
    # of them up in the index in the hope of meeting it again.
    database.execute(text("set local enable_memoize = off"))
    if once:
        _drop_repeats(database, run, ids)
    proposed = run.staging.proposed
    names = [column.name for column in proposed.columns]
    return rows_written(database, insert(proposed).from_select(names, _proposed(run, ids)))


def _staged_rows(database: Database, run: Run) -> int:
    """How many rows were pulled, as counted when they came: no need to look at them again."""
    progress = pull_progress
    query = select(func.sum(progress.c.received)).where(progress.c.run_seq == run.seq)
    return int(database.execute(query).scalar_one() or 0)


def _drop_repeats(database: Database, run: Run, ids: IdRange) -> None:
    """Keep one row of a profile that a segment's pages showed twice: as it was modified last.

    It changed while it was pulled, and so moved to another page.
    """
    staged = run.staging.staged
    row: ColumnElement[Any] = literal_column(f"{staged.name}.ctid")
    key = (staged.c.profile_id, staged.c.segment)
    mine = select(*key).where(*within(ids, staged.c.profile_id))
    repeated = mine.group_by(*key).having(func.count() > 1).subquery("repeated")
    newest = func.row_number().over(
        partition_by=key, order_by=[staged.c.modified.desc().nulls_last(), row.desc()]
    )
    rows = (
        select(row.label("row"), newest.label("place"))
        .join_from(staged, repeated, row_of(repeated, staged))
        .subquery("rows")
    )
    older = select(rows.c.row).where(rows.c.place > 1)
    database.execute(delete(staged).where(row.in_(older)))


def _proposed(run: Run, ids: IdRange) -> Select[Any]:
    """Each received profile once: what it matches, or why not.

    Of a profile that came in several segments, the row that was modified last stands for it; it
    may have changed between the pages.
    """
    rows, query = matching(run, ids)
    order: list[ColumnElement[Any]] = [rows.c.segment]
    if len(run.plan.segments) > 1:
        order = [rows.c.modified.desc().nulls_last(), rows.c.segment]
    return query.ext(distinct_on(rows.c.profile_id)).order_by(rows.c.profile_id, *order)


def _matched(run: Run) -> Insert:
    """Of received profiles that are the same one of ours, the one modified last goes on."""
    proposed = run.staging.proposed
    same: ColumnElement[Any] = proposed.c.target_id
    if run.plan.remote:
        same = proposed.c.person
    elif run.goal.unmatched is Unmatched.CREATE:
        same = case((proposed.c.is_new, proposed.c.person), else_=cast(same, Text))
    columns = [column.name for column in run.staging.matched.columns]
    rows = (
        select(*(proposed.c[name] for name in columns))
        .ext(distinct_on(proposed.c.is_new, same))
        .where(proposed.c.outcome == MATCHED)
        .order_by(
            proposed.c.is_new, same, proposed.c.modified.desc().nulls_last(), proposed.c.profile_id
        )
    )
    return insert(run.staging.matched).from_select(columns, rows)


def _settled_here(run: Run, ids: IdRange) -> Insert:
    """Everybody else, with fate and reason, in the order of ids, which indexes like."""
    matched, proposed = run.staging.matched, run.staging.proposed
    others = [*within(ids, proposed.c.profile_id)]
    went_on = exists().where(matched.c.profile_id == proposed.c.profile_id)
    reason = case(
        (proposed.c.outcome == MATCHED, Reason.OLDER_DUPLICATE.value), else_=proposed.c.outcome
    )
    fates = {
        Reason.OLDER_DUPLICATE.value: Fate.SUPERSEDED.value,
        Reason.SEVERAL_MATCHES.value: Fate.AMBIGUOUS.value,
        Reason.NO_VISITED_CHANNEL.value: Fate.WITHHELD.value,
        Reason.VALUE_LIMIT.value: Fate.REJECTED.value,
    }
    fate = case(fates, value=reason, else_=Fate.UNMATCHED.value)
    rows = select(proposed.c.profile_id, fate, reason).where(~went_on, *others)
    rows = rows.order_by(proposed.c.profile_id)
    return insert(run.staging.fate).from_select(["profile_id", "fate", "reason"], rows)
