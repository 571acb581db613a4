"""Pull: the exposed profiles of one id range, page by page, into staging.

Rows travel as COPY text, a block for each page, and are committed every few pages together with
the cursor they end at: a repeated task goes on where the last one was.
"""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection as Database
from sqlalchemy import func, select

from profile_exchange.domain.errors import FatalError, ProtocolViolation
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.page_chain import PageChain
from profile_exchange.pipeline.ports import Source
from profile_exchange.pipeline.received import MalformedProfile, Page
from profile_exchange.pipeline.runs import Run, check_holder
from profile_exchange.pipeline.staged_rows import COLUMNS, Known, copy_block, stand_in_id
from profile_exchange.store.database import connect, store_errors
from profile_exchange.store.fingerprints import PURPOSE, Fingerprints
from profile_exchange.store.tables import pull_progress

PAGES_PER_COMMIT = 50


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What one mapped task pulls: some segments, whole or one id range of them."""

    segments: tuple[str, ...]
    id_range: IdRange
    properties: tuple[str, ...]


def pull(run: Run, source: Source, request: PullRequest) -> int:
    """Bring the profiles of a request into staging. Returns how many rows it staged in all."""
    if run.finished:
        return 0
    received, known = 0, Known(len(request.segments))
    with connect(run.store_url) as database, _collector_at_rest(), store_errors(run.store_url):
        for segment in request.segments:
            progress = _Progress(run, request.id_range.part, segment, known)
            received += _pull_segment(run, source, request, progress, database)
            known.close_segment()
    return received


def _pull_segment(
    run: Run,
    source: Source,
    request: PullRequest,
    progress: _Progress,
    database: psycopg.Connection[Any],
) -> int:
    segment = progress.segment
    progress.wait_for_turn(database)
    cursor, received, complete = progress.read(database)
    if complete:
        return received
    if cursor is None and request.id_range.parts > 1:
        cursor = _range_start(run, source, segment, request.id_range)
    pages = _pages(run, source, segment, cursor, request.properties)
    while not complete:
        cursor, staged = progress.stage(database, islice(pages, PAGES_PER_COMMIT))
        received += staged
        progress.write(database, cursor, received)
        database.commit()
        complete = cursor is None
    return received


def _range_start(run: Run, source: Source, segment: str, id_range: IdRange) -> str:
    ranges = source.ranges(segment, id_range.parts, run.plan.pull.spans)
    if ranges is None or len(ranges) != id_range.parts:
        raise ProtocolViolation(
            f"The other tenant offered id ranges for segment {segment} when the run started and "
            "does not any more: trigger a new run."
        )
    return ranges[id_range.part]


def _pages(
    run: Run, source: Source, segment: str, cursor: str | None, properties: Sequence[str]
) -> Iterator[tuple[Page, str | None]]:
    """Every page from a cursor on, each with the cursor after it; None after the last."""
    chain = PageChain(segment, cursor)
    while True:
        page = source.page(segment, cursor, properties, run.plan.pull.spans)
        cursor = chain.follow(page)
        yield page, cursor
        if cursor is None:
            return


class _Progress:
    """How far one part of one segment has come, and the way into its staging table."""

    def __init__(self, run: Run, part: int, segment: str, known: Known) -> None:
        self.segment = segment
        place = run.plan.segments.index(segment)
        self._run = run
        self._known = known
        self._key = (run.seq, part, place)
        table = sql.Identifier(*_table_name(run.staging.staged))
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        self._copy = sql.SQL("copy {} ({}) from stdin").format(table, columns)
        self._suffix = f"\t{part}\t{place}\t"

    def wait_for_turn(self, database: psycopg.Connection[Any]) -> None:
        """Let a task that was repeated while it was alive come to its end, until ours does."""
        name = "pull {}/{}/{}".format(*self._key)
        database.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])

    def _hold_pen(self, database: psycopg.Connection[Any]) -> None:
        """Keep other runs from starting while pages are staged, or learn that one has."""
        query = "select run_seq from exchange.pen where connection = %s for share"
        holder = database.execute(query, [self._run.pen]).fetchone()
        check_holder(self._run, holder[0] if holder else None)

    def read(self, database: psycopg.Connection[Any]) -> tuple[str | None, int, bool]:
        """The cursor to go on from, the rows staged so far, and whether that was all."""
        row = database.execute(
            "select cursor, received, complete from exchange.pull_progress"
            " where run_seq = %s and part = %s and segment = %s",
            self._key,
        ).fetchone()
        return row or (None, 0, False)

    def write(self, database: psycopg.Connection[Any], cursor: str | None, received: int) -> None:
        """Remember the cursor after the last staged page; None means that it was the last."""
        database.execute(
            "insert into exchange.pull_progress"
            " (run_seq, part, segment, cursor, received, complete)"
            " values (%s, %s, %s, %s, %s, %s)"
            " on conflict (run_seq, part, segment) do update set cursor = excluded.cursor,"
            " received = excluded.received, complete = excluded.complete",
            (*self._key, cursor, received, cursor is None),
        )

    def stage(
        self, database: psycopg.Connection[Any], pages: Iterable[tuple[Page, str | None]]
    ) -> tuple[str | None, int]:
        """Stage some pages; profiles that cannot be read are rejected.

        Returns the cursor after the last of them, and how many rows it staged.
        """
        self._hold_pen(database)
        cursor, staged = None, 0
        unreadable: list[MalformedProfile] = []
        with database.cursor().copy(self._copy) as copy:
            for page, after in pages:
                cursor = after
                malformed = self._copied(copy, page)
                staged += len(page.profiles) + len(page.malformed) - len(malformed)
                unreadable += malformed
        if unreadable:
            self._reject(database, unreadable)
        return cursor, staged

    def _copied(self, copy: psycopg.Copy, page: Page) -> list[MalformedProfile]:
        # Apart from `stage`, so that no frame that waits for the next page holds this one's text.
        block, malformed = copy_block(page, self._suffix, self._known)
        copy.write(block)
        return malformed

    def _reject(self, database: psycopg.Connection[Any], malformed: list[MalformedProfile]) -> None:
        table = sql.Identifier(*_table_name(self._run.staging.fate))
        fates = sql.SQL("insert into {} values (%s, %s, %s) on conflict do nothing").format(table)
        quarantine = sql.SQL(
            "insert into exchange.quarantine"
            " (run_seq, reason, profile_id, property_id, rule, fingerprint, quarantined_at)"
            " values (%s, %s, %s, %s, %s, %s, now()) on conflict do nothing"
        )
        cursor = database.cursor()
        reason = Reason.MALFORMED_PROFILE.value
        entries = list(_entries(malformed, self._run, _fingerprints(database)))
        cursor.executemany(fates, [(key, Fate.REJECTED.value, reason) for key, *_ in entries])
        cursor.executemany(quarantine, [(self._key[0], reason, *entry) for entry in entries])


def _fingerprints(database: psycopg.Connection[Any]) -> Fingerprints:
    query = "select key from exchange.signing_key where purpose = %s"
    found = database.execute(query, [PURPOSE]).fetchone()
    if found is None:
        raise FatalError(
            "The store has no key for fingerprints: trigger a new run, which makes it."
        )
    return Fingerprints(found[0])


def _entries(
    malformed: Iterable[MalformedProfile], run: Run, fingerprints: Fingerprints
) -> Iterator[tuple[uuid.UUID, str, str, str]]:
    """``(profile id, property id, rule, fingerprint)``; only properties that we know are named."""
    for profile in malformed:
        property_id = profile.property_id if profile.property_id in run.plan.sources else ""
        fingerprint = fingerprints.of(profile.value or profile.id)
        yield stand_in_id(profile.id), property_id, profile.rule, fingerprint


def _table_name(table: Any) -> tuple[str, str]:
    return table.schema, table.name


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Pages hold many small objects and no cycles: collecting would only look at them again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def requests_for(run: Run, segments: Iterable[str]) -> list[PullRequest]:
    """The requests that together pull a run: by id range, else one for each segment."""
    properties = tuple(sorted(run.plan.sources))
    wanted = tuple(segments)
    if run.plan.ranges:
        parts = run.plan.parts
        return [PullRequest(wanted, IdRange(part, parts), properties) for part in range(parts)]
    return [PullRequest((segment,), IdRange(0, 1), properties) for segment in wanted]


def check_complete(database: Database, run: Run) -> None:
    """Raise `FatalError` unless every page of a run has been staged.

    A task that somebody marks as done while it is at work leaves its part as it was.
    """
    parts = run.plan.parts if run.plan.ranges else 1
    wanted = parts * len(run.plan.segments)
    progress = pull_progress.c
    query = select(func.count()).where(progress.run_seq == run.seq, progress.complete)
    complete = database.execute(query).scalar_one()
    if complete < wanted:
        raise FatalError(
            f"Run {run.run_id} of {run.connection.id} has {complete} of its {wanted} parts pulled "
            "to the end: clear its task pull, all parts of it and what follows, and they go on "
            "where they were."
        )
