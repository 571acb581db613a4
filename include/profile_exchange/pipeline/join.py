"""Join: which of our profiles each received profile is (SEMANTICS, Matching).

Set by set, for all profiles at once. Without links a profile matches the one of
ours with its id. With links, each alternative proposes the profiles of ours that agree on all
its identifier pairs; the first alternative that proposes exactly one decides, one that
proposes several is discarded, and a profile for which only discarded ones are left is
ambiguous. Of several received profiles for one of ours, or for one person who is about to be
created (`creating`), the one modified last goes on. Where profiles are created, one with too many
values to be told apart by is rejected (`crowded`).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Insert,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    intersect,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import array, distinct_on
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.connection import IdentifierPair, Link, Unmatched
from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import LAST_MODIFIED_DATE, VISITED_CHANNEL, FilterType
from profile_exchange.pipeline.creating import compared_as, find_persons, identified, new_id
from profile_exchange.pipeline.crowded import enter_crowded, is_crowded
from profile_exchange.pipeline.package_ledger import decided
from profile_exchange.pipeline.remote.matching import unresolved
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import (
    counts_by_reason,
    settled,
    take_back,
    take_back_of_others,
)
from profile_exchange.pipeline.side_by_side import for_each_range, within
from profile_exchange.store.database import rows_written
from profile_exchange.store.identifiers import normalised
from profile_exchange.store.json_lists import has_value, values_of
from profile_exchange.store.refinement import moment
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile, profile_identifier, pull_progress
from profile_exchange.store.tables import run as runs

_MATCHED = "matched"
_DIGITS = "0123456789"
_MAX_DIGITS = 15


def join(run: Run, now: datetime) -> dict[str, int]:
    """Match what was pulled. Returns how many went on, and how many were settled by reason."""
    if run.finished:
        return {}
    tables = run.staging
    # Held over all the transactions that follow: two at once would share the table of proposals.
    with at_work(run) as holder:
        if decided(holder, run):
            return {}
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
            return {_MATCHED: _count(database, run, pulled), **by_reason}


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
        partition_by=key, order_by=[modified(run).desc().nulls_last(), row.desc()]
    )
    rows = (
        select(row.label("row"), newest.label("place"))
        .join_from(staged, repeated, _same_row(repeated, staged))
        .subquery("rows")
    )
    older = select(rows.c.row).where(rows.c.place > 1)
    database.execute(delete(staged).where(row.in_(older)))


def _proposed(run: Run, ids: IdRange) -> Select[Any]:
    """Each received profile once: what it matches, or why not.

    Of a profile that came in several segments, the row that was modified last stands for it; it
    may have changed between the pages.
    """
    staged = run.staging.staged
    query = _matching(run, ids)
    order: list[ColumnElement[Any]] = [staged.c.segment]
    if len(run.plan.segments) > 1:
        order = [modified(run).desc().nulls_last(), staged.c.segment]
    return (
        query.ext(distinct_on(staged.c.profile_id))
        .where(~settled(run.staging, staged, before=Step.JOIN), *within(ids, staged.c.profile_id))
        .order_by(staged.c.profile_id, *order)
    )


def _matching(run: Run, ids: IdRange) -> Select[Any]:
    if run.plan.remote:
        known = VISITED_CHANNEL in run.plan.sources
        seen = visited(run.staging.staged.c.properties) if known else true()
        return unresolved(run, _MATCHED, modified(run), seen)
    return _by_links(run, ids) if run.goal.links else _by_profile_id(run)


def modified(run: Run) -> ColumnElement[int]:
    """When the other tenant last modified a profile, in epoch milliseconds; null if unknown."""
    told = run.staging.staged.c.properties[LAST_MODIFIED_DATE][0].astext
    # A regular expression would cost more than all the rest of the row.
    only_digits = func.translate(told, _DIGITS, "") == ""
    is_number = and_(only_digits, func.length(told).between(1, _MAX_DIGITS))
    written_out = moment(func.btrim(told, BLANKS)) / literal(1000, BigInteger)
    return case((is_number, cast(told, BigInteger)), else_=cast(written_out, BigInteger))


def _by_profile_id(run: Run) -> Select[Any]:
    staged = run.staging.staged
    outcome = case(
        (profile.c.id.is_(None), Reason.NO_MATCH.value),
        (~_visited_both(run), Reason.NO_VISITED_CHANNEL.value),
        else_=_MATCHED,
    )
    return select(
        staged.c.profile_id,
        staged.c.segment,
        profile.c.id.label("target_id"),
        literal(False, Boolean).label("is_new"),
        modified(run).label("modified"),
        outcome.label("outcome"),
        cast(None, Text).label("person"),
    ).select_from(staged.outerjoin(profile, profile.c.id == staged.c.profile_id))


def _visited_both(run: Run) -> ColumnElement[bool]:
    """Whether the visitor has been at both tenants (SEMANTICS, Matching 1).

    The exposing side judges by its own record before a profile leaves. Where it shows us that
    record, we hold it to it.
    """
    records = [profile.c.properties]
    if VISITED_CHANNEL in run.plan.sources:
        records.append(run.staging.staged.c.properties)
    return and_(*map(visited, records))


def visited(properties: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a profile with these properties has visited any channel."""
    return has_value(properties[VISITED_CHANNEL])


def _by_links(run: Run, ids: IdRange) -> Select[Any]:
    staged = run.staging.staged
    rows: FromClause = staged
    links = enumerate(run.goal.links)
    alternatives = [_alternative(run, ids, number, link) for number, link in links]
    for alternative in alternatives:
        rows = rows.outerjoin(alternative, _same_row(alternative, staged))
    target = func.coalesce(*(case((a.c.proposed == 1, a.c.target_id)) for a in alternatives), None)
    several = or_(false(), *(func.coalesce(a.c.proposed > 1, False) for a in alternatives))
    creates = run.goal.unmatched is Unmatched.CREATE
    crowded = is_crowded(run) if creates else false()
    is_new = and_(target.is_(None), ~several, identified(run), ~crowded) if creates else false()
    outcome = case(
        *([(crowded, Reason.VALUE_LIMIT.value)] if creates else []),
        (target.isnot(None), _MATCHED),
        (several, Reason.SEVERAL_MATCHES.value),
        *([(is_new, _MATCHED)] if creates else []),
        (~_has_identifiers(run), Reason.NO_IDENTIFIER.value),
        else_=Reason.NO_MATCH.value,
    )
    return select(
        staged.c.profile_id,
        staged.c.segment,
        func.coalesce(target, case((is_new, new_id(run)))).label("target_id"),
        is_new.label("is_new"),
        modified(run).label("modified"),
        outcome.label("outcome"),
        cast(None, Text).label("person"),
    ).select_from(rows)


def _same_row(rows: FromClause, staged: FromClause) -> ColumnElement[bool]:
    return and_(rows.c.profile_id == staged.c.profile_id, rows.c.segment == staged.c.segment)


def _alternative(run: Run, ids: IdRange, number: int, link: Link) -> Subquery:
    """For each staged row that agrees with any of ours on every pair: how many, and one of them."""
    pairs = [_pair(run, ids, pair) for pair in link]
    agreed = (intersect(*pairs) if len(pairs) > 1 else pairs[0]).subquery()
    return (
        select(
            agreed.c.profile_id,
            agreed.c.segment,
            func.count(agreed.c.target_id.distinct()).label("proposed"),
            func.array_agg(agreed.c.target_id)[1].label("target_id"),
        )
        .group_by(agreed.c.profile_id, agreed.c.segment)
        .subquery(f"alternative_{number}")
    )


def _pair(run: Run, ids: IdRange, pair: IdentifierPair) -> Select[Any]:
    """``(profile_id, segment, target_id)`` of all that agree on one identifier.

    What identifies nobody is not stored as ours (`store.identifiers`), and so agrees with none.
    """
    theirs = _compared(run, ids, pair)
    ours = profile_identifier.alias()
    value: ColumnElement[Any] = ours.c.value
    if compared_as(run, pair) is not run.plan.identifier_types[pair.ours]:
        value = normalised(value, FilterType.EMAIL)
    agrees = and_(ours.c.property_id == pair.ours, value == theirs.c.value)
    columns = (theirs.c.profile_id, theirs.c.segment, ours.c.profile_id.label("target_id"))
    return select(*columns).join_from(theirs, ours, agrees)


def _compared(run: Run, ids: IdRange, pair: IdentifierPair) -> Subquery:
    """The values of one of their identifiers as they are compared, a row for each."""
    staged, filter_type = run.staging.staged, compared_as(run, pair)
    row = (staged.c.profile_id, staged.c.segment)
    values = staged.c.properties[pair.theirs]
    each = values_of(values)
    mine = within(ids, staged.c.profile_id)
    # Nearly every list has one value; only the others pay for being taken apart.
    one = select(*row, normalised(values[0].astext, filter_type).label("value"))
    several = select(*row, normalised(each.c.value, filter_type)).join_from(staged, each, true())
    return union_all(
        one.where(func.jsonb_array_length(values) == 1, *mine),
        several.where(func.jsonb_array_length(values) > 1, *mine),
    ).subquery()


def _has_identifiers(run: Run) -> ColumnElement[bool]:
    """Whether a profile has a value for every identifier of at least one alternative."""
    return or_(
        *(
            run.staging.staged.c.properties.has_all(array([pair.theirs for pair in link]))
            for link in run.goal.links
        )
    )


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
        .where(proposed.c.outcome == _MATCHED)
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
        (proposed.c.outcome == _MATCHED, Reason.OLDER_DUPLICATE.value), else_=proposed.c.outcome
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
