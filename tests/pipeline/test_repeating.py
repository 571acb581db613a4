"""Running again without fear: repeats, retries, interruptions and overtaking."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import QueuePool, cast, func, insert, inspect, select, update
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.domain.errors import (
    LimitExceeded,
    RunOvertaken,
    SourceUnavailable,
)
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.filter_by_consent import filter_by_consent
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.join import join
from profile_exchange.pipeline.map_properties import map_properties
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.received import Page
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.runs import Run, find_run, record_failure
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.pipeline.validate import validate
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from tests.pipeline.exchange import NOW, Exchange, InMemorySource, furnish, ours, profile_id

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "TaylorTimes_Sports"},
        {"from": "visits", "to": "TaylorTimes_Visits", "strategy": "SUM"},
    ],
}


LAX = {"max_rejected_share": 1, "max_drop_share": 1}


def people(number: int, **more: Any) -> list[dict[str, Any]]:
    """That many of their profiles, spread over all ids."""
    step = (1 << 32) // number
    return [
        {"id": n * step, "email": f"p{n}@example.com", "sports": "Rowing", "visits": n, **more}
        for n in range(number)
    ]


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    mine = [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(8)]
    furnish(store_url, {"email": "EMAIL!"}, mine)
    return Exchange(store_url, GOAL, people(10), TYPES, profiles_per_part=4)


def last_writes(store_url: str) -> Sequence[Any]:
    with engine_for(store_url).connect() as database:
        return sorted(database.execute(select(tables.profile.c.id, tables.profile.c.modified_at)))


def test_a_second_run_of_unchanged_data_updates_no_row(exchange: Exchange) -> None:
    first = exchange.counts()
    written = last_writes(exchange.store_url)
    second = exchange.counts()
    assert (first.modified, first.unmatched) == (8, 2)
    assert (second.modified, second.unchanged, second.unmatched) == (0, 8, 2)
    assert last_writes(exchange.store_url) == written


def test_a_run_leaves_the_connections_of_its_process_open(exchange: Exchange) -> None:
    """Also when Python has collected what Great Expectations looked at the values with."""
    exchange.run()
    gc.collect()
    pool = engine_for(exchange.store_url).pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() > 0


def test_ten_runs_sum_to_the_same_totals_as_one(exchange: Exchange) -> None:
    exchange.run()
    once = ours(exchange.store_url)
    for _ in range(9):
        exchange.run()
    assert ours(exchange.store_url) == once
    assert once[profile_id("ours-7")]["TaylorTimes_Visits"] == ["7"]


def test_a_sum_follows_its_source_up_and_down(exchange: Exchange) -> None:
    for visits in (5, 9, 3):
        exchange.theirs = people(10, visits=visits)
        exchange.run()
        held = ours(exchange.store_url)[profile_id("ours-1")]
        assert held["TaylorTimes_Visits"] == [str(visits)]


def test_a_package_that_was_written_is_not_written_again(exchange: Exchange) -> None:
    run, admission = exchange.gated()
    package = admission.packages[0]
    first = upsert(run, package, NOW)
    held = last_writes(exchange.store_url)
    assert upsert(run, package, NOW + timedelta(days=9)) == first
    assert last_writes(exchange.store_url) == held


def test_every_step_can_be_repeated(exchange: Exchange) -> None:
    run, admission = exchange.gated()
    for _ in range(2):
        join(run, NOW)
        filter_by_consent(run)
        validate(run, NOW)
        map_properties(run, NOW)
        again = gate(run, exchange.profiles_per_part, 16)
    assert again == admission
    for package in admission.packages:
        upsert(run, package, NOW)
    assert report(run, NOW).counts.modified == 8


@pytest.mark.parametrize("first", range(5))
def test_any_step_can_be_taken_again_between_two_packages(store_url: str, first: int) -> None:
    furnish(
        store_url, {"email": "EMAIL!"}, [{"id": n, "email": f"p{n}@example.com"} for n in (1, 2)]
    )
    last = (1 << 32) - 1
    theirs = [
        {"id": 5, "email": "p1@example.com", "sports": "Old", "visits": 1, "modified": 1},
        {"id": 6, "email": "p2@example.com", "sports": "Chess", "visits": 2},
        {"id": last, "email": "p1@example.com", "sports": "New", "visits": 4, "modified": 2},
    ]
    exchange = Exchange(store_url, GOAL, theirs, TYPES, profiles_per_part=1)
    run, admission = exchange.gated()
    upsert(run, admission.packages[1], NOW)
    for step in _steps(exchange, run)[first:]:
        again = step()
    assert again.packages == admission.packages
    for package in admission.packages:
        upsert(run, package, NOW)
    counts = report(run, NOW).counts
    assert (counts.modified, counts.superseded) == (2, 1)
    held = ours(store_url)[profile_id(1)]
    assert (held["TaylorTimes_Sports"], held["TaylorTimes_Visits"]) == (["New"], ["4"])


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with all that follow"])
def test_any_step_can_be_taken_again_before_the_first_package(
    store_url: str, first: int, alone: bool
) -> None:
    mine = [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(4)]
    consented = [{**given, "consented": ["offers"]} for given in mine[1:]]
    types = {"email": "EMAIL!", "Level": "RANGE"}
    furnish(store_url, types, [mine[0], *consented], [{"id": "offers"}])
    level = {"from": "sports", "to": "Level", "transforms": ["trim"]}
    goal = {"links": GOAL["links"], "mappings": [level, *GOAL["mappings"]]}
    theirs = [given | {"sports": "7"} for given in people(5)]
    theirs[1]["visits"], theirs[2]["sports"] = "twelve", "Rowing"
    settings = {"objectives": ["offers"]}
    exchange = Exchange(store_url, goal | {"limits": LAX}, theirs, TYPES, settings)
    run, admission = exchange.gated()
    for step in _steps(exchange, run)[first : first + 1 if alone else None]:
        step()
    for package in admission.packages:
        upsert(run, package, NOW)
    counts = report(run, NOW).counts
    assert (counts.withheld, counts.rejected, counts.modified, counts.unmatched) == (1, 2, 1, 1)


def _steps(exchange: Exchange, run: Run) -> list[Callable[[], Any]]:
    """The steps between pull and upsert."""
    return [
        lambda: join(run, NOW),
        lambda: filter_by_consent(run),
        lambda: validate(run, NOW),
        lambda: map_properties(run, NOW),
        lambda: gate(run, exchange.profiles_per_part, exchange.max_parts),
    ]


def test_a_limit_that_a_run_has_passed_does_not_stop_it_between_two_packages(
    exchange: Exchange,
) -> None:
    sums = {**GOAL["mappings"][1], "overwrite": True}
    exchange.goal = {**GOAL, "mappings": [GOAL["mappings"][0], sums]}
    run, admission = exchange.gated()
    # Totals that are too large only since then reject more profiles than the gate lets through.
    with engine_for(exchange.store_url).begin() as database:
        kind = {"id": "TaylorTimes_Visits", "name": "Visits", "filter_type": "RANGE"}
        database.execute(insert(tables.profile_property).values(**kind))
        full = cast({"TaylorTimes_Visits": ["2147483647"]}, JSONB)
        changed = update(tables.profile).values(properties=tables.profile.c.properties.concat(full))
        database.execute(changed)
    assert upsert(run, admission.packages[0], NOW).modified < 4
    assert gate(run, exchange.profiles_per_part, exchange.max_parts).packages == admission.packages


def test_steps_of_a_reported_run_have_nothing_left_to_do(exchange: Exchange) -> None:
    first = exchange.run()
    run = find_run(exchange.store_url, exchange.connection, "run-1")
    assert run.finished
    assert pull(run, exchange.source, requests_for(run, run.plan.segments)[0]) == 0
    join(run, NOW)
    validate(run, NOW)
    for package in gate(run, 4, 16).packages:
        upsert(run, package, NOW)
    assert report(run, NOW) == first


class Breaking(InMemorySource):
    """A source that goes away after a number of pages."""

    pages_left = 2

    def page(self, *asked: Any) -> Page:
        if not self.pages_left:
            raise SourceUnavailable("gone")
        self.pages_left -= 1
        return super().page(*asked)


def test_an_interrupted_pull_goes_on_where_it_was(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profile_exchange.pipeline.pull.PAGES_PER_COMMIT", 1)
    exchange.profiles_per_part = 100
    run = exchange.open()
    (request,) = requests_for(run, run.plan.segments)
    breaking = Breaking(exchange.theirs, exchange.source.known)
    with pytest.raises(SourceUnavailable):
        pull(run, breaking, request)
    breaking.pages_left = 3
    assert pull(run, breaking, request) == 10
    assert breaking.pages_left == 0
    assert _staged(run) == 10


def _staged(run: Run) -> int:
    with run.engine.connect() as database:
        query = select(func.count(), func.count(run.staging.staged.c.profile_id.distinct()))
        rows, profiles = database.execute(query).one()
    assert rows == profiles
    return int(rows)


def test_a_page_cursor_that_comes_again_ends_the_pull(exchange: Exchange) -> None:
    class Endless(InMemorySource):
        def page(self, *asked: Any) -> Page:
            return Page([], [], "the same")

    run = exchange.open()
    source = Endless(exchange.theirs, exchange.source.known)
    with pytest.raises(Exception, match="never end"):
        pull(run, source, requests_for(run, run.plan.segments)[0])


def test_an_overtaken_run_may_not_write(exchange: Exchange) -> None:
    old, admission = exchange.gated()
    exchange.open()
    before = last_writes(exchange.store_url)
    with pytest.raises(RunOvertaken, match="newer run"):
        upsert(old, admission.packages[0], NOW)
    assert last_writes(exchange.store_url) == before


def test_consent_withdrawn_after_the_pull_is_not_written(store_url: str) -> None:
    offers = [{"id": "offers", "legislations": ["GDPR"]}]
    mine = [{"id": "a", "email": "p0@example.com", "zone": "GDPR", "consented": ["offers"]}]
    furnish(store_url, {"email": "EMAIL!"}, mine, offers)
    exchange = Exchange(store_url, GOAL, people(1), TYPES, {"objectives": ["offers"]})
    run, admission = exchange.gated()
    with engine_for(store_url).begin() as database:
        database.execute(update(tables.profile).values(consented_objectives=[]))
    for package in admission.packages:
        upsert(run, package, NOW)
    counts = report(run, NOW).counts
    assert (counts.withheld, counts.modified) == (1, 0)
    assert "TaylorTimes_Sports" not in ours(store_url)[profile_id("a")]


def test_any_split_into_parts_gives_the_same_result(exchange: Exchange) -> None:
    for parts in (1, 3, 10):
        exchange.profiles_per_part = parts
        exchange.theirs = people(10, sports=f"Sport {parts}")
        assert exchange.counts().modified == 8


def test_unique_profiles_are_counted_once_over_the_connections_life(exchange: Exchange) -> None:
    assert exchange.run().unique_received == 10
    assert exchange.run().unique_received == 10
    exchange.theirs = [*people(10)[:5], {"id": "new", "email": "new@example.com"}]
    exchange.goal = {**GOAL, "limits": {"max_drop_share": 1}}
    assert exchange.run().unique_received == 11


def test_staged_profiles_are_gone_after_the_report_and_fates_stay(exchange: Exchange) -> None:
    exchange.run()
    with engine_for(exchange.store_url).connect() as database:
        names = inspect(database).get_table_names(schema="exchange")
    assert "fate_1" in names
    assert not {"staged_1", "matched_1", "mapped_1", "values_1"} & set(names)


def test_too_many_rejected_profiles_stop_the_run_before_anything_is_written(
    exchange: Exchange,
) -> None:
    exchange.theirs = people(10, visits="twelve")
    with pytest.raises(LimitExceeded, match=r"8 of 10 profiles .*80.0%.*max_rejected_share"):
        exchange.run()
    assert "TaylorTimes_Sports" not in ours(exchange.store_url)[profile_id("ours-1")]


def test_zero_profiles_where_the_last_run_had_some_stop_the_run(exchange: Exchange) -> None:
    exchange.run()
    exchange.theirs = []
    with pytest.raises(LimitExceeded, match="No profile was received"):
        exchange.run()


def test_a_large_drop_stops_the_run_and_says_both_figures(exchange: Exchange) -> None:
    exchange.run()
    exchange.theirs = people(10)[:4]
    with pytest.raises(LimitExceeded, match=r"4 profiles came, 60.0% fewer than the 10 .*50.0%"):
        exchange.run()


def test_a_failed_run_is_on_record_and_the_next_one_is_not_hindered(exchange: Exchange) -> None:
    exchange.pulled()
    record_failure(exchange.store_url, "taylor-times", "run-1", "pull: gone", NOW)
    assert exchange.counts().modified == 8
    with engine_for(exchange.store_url).connect() as database:
        rows = database.execute(
            select(tables.run.c.state, tables.run.c.failure).order_by(tables.run.c.seq)
        )
        assert [tuple(row) for row in rows] == [("failed", "pull: gone"), ("succeeded", "")]


def test_two_packages_written_at_once_lose_nothing(exchange: Exchange) -> None:
    exchange.theirs = people(8)
    run, _ = exchange.gated()
    packages = [IdRange(part, 4) for part in range(4)]
    together = Barrier(4)

    def write(package: IdRange) -> int:
        together.wait()
        return upsert(run, package, NOW).modified

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(write, packages)) == 8
    assert report(run, NOW).counts.modified == 8


def test_two_connections_that_write_one_profile_at_once_both_get_through(
    exchange: Exchange,
) -> None:
    goal = {**GOAL, "mappings": [{"from": "sports", "to": "Other_Sports"}]}
    theirs = people(10, sports="Chess")
    second = Exchange(exchange.store_url, goal, theirs, TYPES, connection_id="other")
    runs = [exchange.gated(), second.gated()]
    together = Barrier(2)

    def write(gated: Any) -> int:
        run, admission = gated
        together.wait()
        return sum(upsert(run, package, NOW).modified for package in admission.packages)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(write, runs)) == [8, 8]
    held = ours(exchange.store_url)[profile_id("ours-1")]
    assert (held["TaylorTimes_Sports"], held["Other_Sports"]) == (["Rowing"], ["Chess"])
