"""A run that waits for a person: what is asked, and what a decision does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select

from profile_exchange.domain.errors import LimitExceeded, RunOvertaken, RunRefused
from profile_exchange.domain.fates import FateCounts
from profile_exchange.pipeline.approval import approve, expire, question, refuse
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.runs import Run, find_run
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from tests.pipeline.exchange import NOW, Exchange, furnish, ours
from tests.pipeline.test_repeating import GOAL, TYPES, people


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    mine = [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(8)]
    furnish(store_url, {"email": "EMAIL!"}, mine)
    goal = {**GOAL, "approval": {"when": "required", "timeout": "8h"}}
    return Exchange(store_url, goal, people(10), TYPES)


def recorded(exchange: Exchange) -> Any:
    query = select(tables.run).order_by(tables.run.c.seq.desc()).limit(1)
    with engine_for(exchange.store_url).connect() as database:
        return database.execute(query).mappings().one()


def written(exchange: Exchange, run: Run, admission: Any) -> FateCounts:
    for package in admission.packages:
        upsert(run, package, NOW)
    return report(run, NOW).counts


def test_the_question_has_the_figures_that_the_run_then_makes(exchange: Exchange) -> None:
    run, admission = exchange.gated()
    asked = question(run)
    assert asked == admission.forecast
    approve(run, "Alice", NOW)
    counts = written(exchange, run, admission)
    assert asked is not None
    assert counts == asked.counts == FateCounts(received=10, modified=8, unmatched=2)
    row = recorded(exchange)
    assert (row["state"], row["decided_by"], row["decided_at"]) == ("succeeded", "Alice", NOW)


def test_a_run_writes_nothing_before_somebody_has_decided(exchange: Exchange) -> None:
    before = ours(exchange.store_url)
    run, admission = exchange.gated()
    with pytest.raises(RunRefused, match="Nobody has approved run run-1 of taylor-times"):
        upsert(run, admission.packages[0], NOW)
    assert ours(exchange.store_url) == before


def test_a_refused_run_has_written_nothing_and_cannot_go_on(exchange: Exchange) -> None:
    before = ours(exchange.store_url)
    run, admission = exchange.gated()
    assert refuse(run, "Alice", NOW).startswith("The run was refused by Alice at 2026-11-02 09:00")
    row = recorded(exchange)
    assert (row["state"], row["decided_by"], row["decided_at"]) == ("refused", "Alice", NOW)
    with pytest.raises(RunRefused, match=r"refused by Alice .* trigger a new run"):
        find_run(exchange.store_url, exchange.connection, run.run_id)
    with pytest.raises(RunOvertaken):
        upsert(run, admission.packages[0], NOW)
    assert ours(exchange.store_url) == before
    assert nothing_staged(exchange)


def test_a_run_that_nobody_decided_on_in_time_has_written_nothing(exchange: Exchange) -> None:
    before = ours(exchange.store_url)
    run, _ = exchange.gated()
    assert expire(run, NOW) == "Nobody approved the run within 8:00:00: nothing was written."
    row = recorded(exchange)
    assert (row["state"], row["decided_by"], row["decided_at"]) == ("expired", "", None)
    assert ours(exchange.store_url) == before
    assert nothing_staged(exchange)


def nothing_staged(exchange: Exchange) -> bool:
    with engine_for(exchange.store_url).connect() as database:
        names = inspect(database).get_table_names(schema="exchange")
    return not [name for name in names if name.rpartition("_")[2].isdigit()]


def test_the_run_after_a_refused_one_is_asked_about_anew(exchange: Exchange) -> None:
    run, _ = exchange.gated()
    refuse(run, "Alice", NOW)
    run, admission = exchange.gated()
    assert question(run) is not None
    approve(run, "Alice", NOW)
    assert written(exchange, run, admission).modified == 8


def test_a_first_run_is_asked_about_until_one_has_succeeded(exchange: Exchange) -> None:
    exchange.goal = {**GOAL, "approval": "first_run"}
    exchange.preview()
    run, admission = exchange.gated()
    assert question(run) is not None
    approve(run, "Alice", NOW)
    written(exchange, run, admission)
    run, admission = exchange.gated()
    assert question(run) is None
    assert admission.forecast is None


def test_a_run_that_nobody_has_to_know_about_counts_nothing_beforehand(exchange: Exchange) -> None:
    exchange.goal = GOAL
    run, admission = exchange.gated()
    assert (question(run), admission.forecast, recorded(exchange)["forecast"]) == (None, None, None)


def test_too_many_modified_profiles_stop_the_run_before_anything_is_written(
    exchange: Exchange,
) -> None:
    exchange.goal = {**GOAL, "limits": {"max_modified_share": "50 %"}}
    before = ours(exchange.store_url)
    with pytest.raises(LimitExceeded, match=r"8 of the 10 .*80.0%.* allows \(50.0%\)"):
        exchange.run()
    assert ours(exchange.store_url) == before


def test_the_gate_of_a_waiting_run_can_be_repeated(exchange: Exchange) -> None:
    run, admission = exchange.gated()
    assert gate(run, exchange.profiles_per_part, exchange.max_parts) == admission
    exchange.now += timedelta(hours=1)
    approve(run, "Alice", NOW)
    assert written(exchange, run, admission).modified == 8
