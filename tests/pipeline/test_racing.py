"""At the same moment: runs, repetitions and connections that meet on one profile or property."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection as Database
from sqlalchemy import func, select, text

from profile_exchange.domain.errors import RunOvertaken, TargetRefused
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline import upsert as upserting
from profile_exchange.pipeline.filter_by_consent import filter_by_consent
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.join import join
from profile_exchange.pipeline.map_properties import map_properties
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.targets import prepare_targets
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.pipeline.validate import validate
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from tests.pipeline.exchange import NOW, Exchange, furnish, ours, profile_id, replace_ours
from tests.pipeline.racing import PATIENCE, at_once, overtaking, paused_at, until_waiting

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
LINK = [{"theirs": "email", "ours": "email"}]
SUM = {"from": "visits", "to": "Visits", "strategy": "SUM", "overwrite": True}
SPORTS = {"from": "sports", "to": "Sports"}


def people(number: int, **more: Any) -> list[dict[str, Any]]:
    """That many of their profiles, spread over all ids."""
    step = (1 << 32) // number
    plain = {"sports": "Rowing", "visits": 3}
    return [{"id": n * step, "email": f"p{n}@example.com", **plain, **more} for n in range(number)]


@pytest.fixture
def store(store_url: str) -> str:
    furnish(
        store_url,
        {"email": "EMAIL!"},
        [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(8)],
    )
    return store_url


def exchange(store: str, connection: str, *mappings: Any, **more: Any) -> Exchange:
    goal = {"links": LINK, "mappings": list(mappings), **more.pop("goal", {})}
    theirs = people(8, **more.pop("theirs", {}))
    types = {**TYPES, **more.pop("types", {})}
    return Exchange(store, goal, theirs, types, connection_id=connection, **more)


def write(gated: tuple[Run, Any]) -> Any:
    run, admission = gated
    return [upsert(run, package, NOW) for package in admission.packages]


def names_of(outcomes: Any) -> list[str]:
    return [type(each).__name__ for each in outcomes]


# --- two connections -------------------------------------------------------------------------


def test_two_connections_that_sum_into_one_property_of_one_profile_add_up(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = exchange(store, "first", SUM)
    second = exchange(store, "second", SUM, theirs={"visits": 4})
    runs = [first.gated(), second.gated()]
    with paused_at("upsert.remember_received", monkeypatch) as pause:
        done = overtaking(store, pause, lambda: write(runs[0]), lambda: write(runs[1]))
    assert [sum(part.modified for part in parts) for parts in done] == [8, 8]
    for gated in runs:
        assert report(gated[0], NOW).counts.modified == 8
    assert ours(store)[profile_id("ours-1")]["Visits"] == ["7"]
    for again in (first, second, first):
        again.run()
    assert ours(store)[profile_id("ours-1")]["Visits"] == ["7"]


def test_of_two_connections_that_make_one_property_the_first_has_it(store: str) -> None:
    gated = exchange(store, "first", SPORTS).gated()
    other = exchange(store, "second", SPORTS, theirs={"sports": "Chess"}).gated()
    outcomes = at_once(lambda: write(gated), lambda: write(other))
    assert sorted(names_of(outcomes)) == ["TargetRefused", "list"]
    written = "Rowing" if isinstance(outcomes[0], list) else "Chess"
    assert {held["Sports"][0] for held in ours(store).values()} == {written}


def test_a_property_that_another_connection_makes_meanwhile_is_waited_for(store: str) -> None:
    first, second = (exchange(store, name, SPORTS).gated() for name in ("first", "second"))
    with engine_for(store).begin() as database:
        prepare_targets(database, first[0], NOW)

        def release() -> None:
            until_waiting(store)
            database.commit()

        outcomes = at_once(lambda: write(second), release)
    assert isinstance(outcomes[0], TargetRefused)
    assert "which belongs to connection first" in str(outcomes[0])


def test_values_that_have_come_since_the_run_started_are_not_written_over(store: str) -> None:
    gated = exchange(store, "first", SPORTS).gated()
    theirs = {"id": "ours-1", "email": "p1@example.com", "Sports": "Chess"}
    replace_ours(store, [theirs])
    with pytest.raises(TargetRefused, match="already holds values that it did not write"):
        write(gated)
    assert [held["Sports"] for held in ours(store).values() if "Sports" in held] == [["Chess"]]
    exchange(store, "first", {**SPORTS, "overwrite": True}).run()
    assert ours(store)[profile_id("ours-1")]["Sports"] == ["Rowing"]


def test_what_one_package_has_written_first_is_no_collision_for_the_others(store: str) -> None:
    run, admission = exchange(store, "first", SPORTS, profiles_per_part=1).gated()
    assert len(admission.packages) > 2
    at_once(*(lambda part=part: upsert(run, part, NOW) for part in admission.packages))
    assert report(run, NOW).counts.modified == 8


def test_a_property_made_with_another_type_meanwhile_is_not_written_to(store: str) -> None:
    mapping = {**SPORTS, "overwrite": True}
    texts = exchange(store, "texts", mapping)
    numbers = exchange(store, "numbers", mapping, types={"sports": "RANGE"}, theirs={"sports": 5})
    runs = [texts.gated(), numbers.gated()]
    write(runs[1])
    with pytest.raises(TargetRefused, match="has created as RANGE since"):
        write(runs[0])
    assert {held["Sports"][0] for held in ours(store).values()} == {"5"}


def test_both_write_to_one_property_when_both_say_overwrite(store: str) -> None:
    mapping = {**SPORTS, "strategy": "ADD", "overwrite": True}
    runs = [
        exchange(store, "first", mapping).gated(),
        exchange(store, "second", mapping, theirs={"sports": "Chess"}).gated(),
    ]
    done = at_once(*(lambda gated=gated: write(gated) for gated in runs))
    assert names_of(done) == ["list", "list"]
    assert {tuple(sorted(held["Sports"])) for held in ours(store).values()} == {("Chess", "Rowing")}


def test_two_connections_that_create_one_person_create_one(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(store_url, {"email": "EMAIL!"}, [])
    creates = {"unmatched": "create"}
    first = exchange(store_url, "first", SPORTS, goal=creates)
    other = {"from": "sports", "to": "Other"}
    second = exchange(store_url, "second", other, goal=creates, theirs={"sports": "Chess"})
    runs = [first.gated(), second.gated()]
    with paused_at("upsert.remember_received", monkeypatch) as pause:
        done = overtaking(store_url, pause, lambda: write(runs[0]), lambda: write(runs[1]))
    assert [parts[0].created for parts in done] == [8, 0]
    assert report(runs[1][0], NOW).counts.unmatched == 8
    assert second.counts().modified == 8, "who came second finds them at its next run"
    held = ours(store_url).values()
    assert len(held) == 8
    assert {(one["Sports"][0], one["Other"][0]) for one in held} == {("Rowing", "Chess")}


def test_a_package_that_is_in_a_deadlock_is_written_after_all(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = exchange(store, "first", SPORTS).gated()

    def other_writer(database: Database) -> None:
        database.execute(text("update tenant.profile set modified_at = modified_at"))
        database.commit()

    with (
        engine_for(store).connect() as database,
        paused_at("upsert.remember_received", monkeypatch) as pause,
    ):
        # The package is the one to find out, and so the one that PostgreSQL ends.
        database.execute(text("set deadlock_timeout = '1h'"))
        database.execute(text("lock table exchange.exchanged_profile in access exclusive mode"))
        done = overtaking(store, pause, lambda: write(gated), lambda: other_writer(database))
    assert names_of(done) == ["list", "NoneType"]
    assert report(gated[0], NOW).counts.modified == 8


def test_many_connections_that_write_the_same_profiles_all_get_through(store: str) -> None:
    runs = [exchange(store, f"c{n}", SUM, profiles_per_part=2).gated() for n in range(4)]
    packages = [(run, package) for run, admission in runs for package in admission.packages]
    writers = [lambda run=run, part=part: upsert(run, part, NOW) for run, part in packages]
    assert sum(written.modified for written in at_once(*writers)) == 4 * 8
    assert {held["Visits"][0] for held in ours(store).values()} == {"12"}


# --- two runs of one connection --------------------------------------------------------------


def test_a_new_run_waits_for_a_package_in_the_middle_and_overtakes_the_rest(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = exchange(store, "first", SPORTS, profiles_per_part=4)
    run, admission = one.gated()
    assert len(admission.packages) == 2
    with paused_at("upsert.remember_received", monkeypatch) as pause:
        written, newer = overtaking(store, pause, lambda: write((run, admission)), one.open)
    assert isinstance(written, RunOvertaken)
    assert sum("Sports" in held for held in ours(store).values()) == 4, "a whole package"
    assert isinstance(newer, Run)
    assert states(store) == [("failed", True), ("running", False)]


def states(store: str) -> list[tuple[str, bool]]:
    columns = tables.run.c.state, tables.run.c.failure
    with engine_for(store).connect() as database:
        rows = database.execute(select(*columns).order_by(tables.run.c.seq))
        return [(row.state, bool(row.failure)) for row in rows]


def test_of_two_runs_that_start_at_once_one_goes_on_and_one_is_overtaken(store: str) -> None:
    runs = at_once(*(exchange(store, "first", SPORTS).open for _ in range(4)))
    assert names_of(runs) == ["Run"] * 4
    assert sorted(states(store)) == [("failed", True)] * 3 + [("running", False)]
    newest = max(runs, key=lambda run: run.seq)
    source = exchange(store, "first", SPORTS).source
    for run in runs:
        if run.seq != newest.seq:
            with pytest.raises(RunOvertaken, match="a newer run has started"):
                pull(run, source, requests_for(newest, ["everybody"])[0])
    assert pull(newest, source, requests_for(newest, ["everybody"])[0]) == 8


@pytest.mark.parametrize("step", [join, filter_by_consent, gate, report])
def test_no_step_of_an_overtaken_run_does_anything(store: str, step: Any) -> None:
    one = exchange(store, "first", SPORTS)
    old = one.pulled()
    one.open()
    arguments = {join: (NOW,), gate: (100, 16), report: (NOW,)}.get(step, ())
    with pytest.raises(RunOvertaken, match="trigger a new run"):
        step(old, *arguments)


# --- a task and its repetition ---------------------------------------------------------------


def test_a_package_that_is_written_twice_at_once_is_written_once(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = exchange(store, "first", SPORTS, SUM)
    one.run()
    run, admission = one.gated()
    with paused_at("upsert.remember_received", monkeypatch) as pause:
        done = overtaking(
            store, pause, lambda: write((run, admission)), lambda: write((run, admission))
        )
    assert done[0] == done[1]
    assert report(run, NOW).counts.unchanged == 8


def test_a_package_that_starts_in_the_middle_of_an_earlier_step_writes_what_the_step_has_left(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = exchange(store, "first", SPORTS).gated()
    take_turn = upserting.take_turn
    with (
        ThreadPoolExecutor(2) as threads,
        paused_at("map_properties.for_each_range", monkeypatch) as pause,
    ):

        def once_the_step_is_half_done(*arguments: Any, **named: Any) -> None:
            monkeypatch.setattr(upserting, "take_turn", take_turn)
            threads.submit(map_properties, run, NOW)
            pause.wait()
            take_turn(*arguments, **named)

        monkeypatch.setattr(upserting, "take_turn", once_the_step_is_half_done)
        written = threads.submit(upsert, run, IdRange(0, 1), NOW)
        until_waiting(store)
        pause.go_on()
        assert written.result(PATIENCE).modified == 8
    assert report(run, NOW).counts.modified == 8


def test_steps_that_are_repeated_while_they_are_at_work_come_to_the_same(store: str) -> None:
    one = exchange(store, "first", SPORTS, SUM)
    run = one.pulled()
    for step, *arguments in (
        (join, run, NOW),
        (filter_by_consent, run),
        (validate, run, NOW),
        (map_properties, run, NOW),
        (gate, run, 100, 16),
    ):
        first, second = at_once(
            lambda: step(*arguments),  # noqa: B023 -- called before the next round
            lambda: step(*arguments),  # noqa: B023
        )
        assert not isinstance(first, BaseException), first
        assert first == second
    for kind in (run.staging.matched, run.staging.mapped):
        assert count(store, kind) == 8
    write((run, gate(run, 100, 16)))
    reports = at_once(lambda: report(run, NOW), lambda: report(run, NOW))
    assert reports[0] == reports[1]
    assert reports[0].counts.modified == 8


def count(store: str, table: Any) -> int:
    with engine_for(store).connect() as database:
        return int(database.execute(select(func.count()).select_from(table)).scalar_one())


def test_an_id_range_that_is_pulled_twice_at_once_is_staged_once(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profile_exchange.pipeline.pull.PAGES_PER_COMMIT", 1)
    one = exchange(store, "first", SPORTS)
    run = one.open()
    (request,) = requests_for(run, run.plan.segments)
    pulls = [lambda: pull(run, one.source, request)] * 3
    assert at_once(*pulls) == [8, 8, 8]
    assert count(store, run.staging.staged) == 8


def test_packages_of_one_run_do_not_wait_for_each_other(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = exchange(store, "first", SPORTS).gated()
    with paused_at("upsert.remember_received", monkeypatch) as pause:

        def while_the_first_is_paused() -> Any:
            pause.wait()
            written = upsert(run, IdRange(1, 2), NOW + timedelta(days=1))
            pause.go_on()
            return written

        done = at_once(lambda: upsert(run, IdRange(0, 2), NOW), while_the_first_is_paused)
    assert [written.modified for written in done] == [4, 4]
