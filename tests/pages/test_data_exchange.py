"""Unique profiles by day: what the store says of them, and the chart that is made of it."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from profile_exchange.orchestration.pages import configured
from profile_exchange.orchestration.pages.data_exchange import exchanged
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import exchanged_profile, exposure_check
from profile_exchange.tenants.postgres.run_history import received_by_day, sent_by_day
from tests.pages.past import NOON, checked, past_run, pending, remember
from tests.pages.serving import Serving, shown

FIRST = date(2026, 5, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_each_day_is_what_its_last_run_left(store_url: str) -> None:
    late = NOON + timedelta(hours=11, minutes=59)
    runs = [
        past_run(0, unique_received=100),
        past_run(0, run_id="again", finished_at=late, unique_received=130),
        past_run(1, unique_received=150, connection="another"),
        past_run(2, preview=True, state="previewed", unique_received=999),
        past_run(3, unique_received=140),
        pending(4),
    ]
    remember(store_url, runs)
    assert received_by_day(store_url, "taylor-times", 10) == {day(0): 130, day(3): 140}
    assert received_by_day(store_url, "taylor-times", 1) == {day(3): 140}


def test_the_same_of_what_was_sent(store_url: str) -> None:
    counted = {0: 10, 1: None, 2: 30}
    rows = [
        {"connection": "us", "run_id": f"r{n}", "at": NOON + timedelta(days=n), "unique_sent": sent}
        for n, sent in counted.items()
    ]
    with engine_for(store_url).begin() as database:
        database.execute(insert(exposure_check), rows)
    assert sent_by_day(store_url, "us", 10) == {day(0): 10, day(2): 30}


def test_the_chart_goes_by_days_and_lists_what_each_added() -> None:
    found = exchanged({day(0): 100, day(5): 150}, {day(0): 20, day(10): 200})
    assert found
    received, sent = found.plot.lines
    assert received.points == "0.0,80.0 320.0,40.0 640.0,40.0"
    assert sent.points == "0.0,144.0 640.0,0.0"
    assert (found.plot.start, found.plot.end, found.plot.most) == (day(0), day(10), 200)
    assert [(each.day, each.added, each.total) for each in found.days] == [
        (day(10), {"received": 0, "sent": 180}, {"received": 150, "sent": 200}),
        (day(5), {"received": 50, "sent": 0}, {"received": 150, "sent": 20}),
        (day(0), {"received": 100, "sent": 20}, {"received": 100, "sent": 20}),
    ]


def test_a_year_is_a_line_with_one_dot_and_its_last_days() -> None:
    found = exchanged({day(number): number for number in range(366)}, {})
    assert found
    (line,) = found.plot.lines
    assert line.dots == ((640.0, 0.0),)
    assert len(line.points.split()) == 366
    assert [each.day for each in found.days][:2] == [day(365), day(364)]
    assert len(found.days) == 14


def test_before_the_first_run_there_is_no_chart() -> None:
    assert exchanged({}, {}) is None


def left(url: str, number: int, direction: str = "sent", connection: str = "harbor-goods") -> None:
    """Enter profiles into the ledger of what was exchanged."""
    common = {"connection": connection, "direction": direction, "first_at": NOON}
    rows = [{**common, "profile_id": UUID(int=each)} for each in range(number)]
    with engine_for(url).begin() as database:
        database.execute(insert(exchanged_profile), rows)


def test_what_was_sent_is_told_before_the_first_check(
    knowing: Serving, stores: dict[str, str]
) -> None:
    assert "Data exchange" not in shown(knowing, "harbor-goods")
    left(stores["taylor-times"], 647)
    page = shown(knowing, "harbor-goods")
    assert "<strong>647</strong> sent" in page
    assert "unique profiles sent by" not in page
    assert "the first run" in page.split("Data exchange", 1)[1]


def test_the_figures_are_the_ledgers_and_the_curve_is_of_the_checks(
    knowing: Serving, stores: dict[str, str]
) -> None:
    checked(stores["taylor-times"])
    left(stores["taylor-times"], 4321)
    left(stores["taylor-times"], 12, "received")
    page = shown(knowing, "harbor-goods")
    assert "<strong>12</strong> received" in page
    assert "<strong>4,321</strong> sent" in page
    assert "4,000 unique profiles sent by" in page


def test_where_the_ledger_is_slow_the_curve_says_what_it_was(
    knowing: Serving, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(stores["taylor-times"])
    monkeypatch.setattr(configured, "STATEMENT_SECONDS", 0.3)
    with engine_for(stores["taylor-times"]).begin() as database:
        database.execute(text("lock table exchange.exchanged_profile in access exclusive mode"))
        page = shown(knowing, "harbor-goods")
    assert "The unique profiles: The profile store at 127.0.0.1" in page
    assert "<strong>4,000</strong> sent" in page
