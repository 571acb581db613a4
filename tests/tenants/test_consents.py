"""How many consented to an objective: counted now, kept, and counted again after a day."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import objective, profile
from profile_exchange.tenants.postgres.consents import (
    count_consents,
    kept_consents,
    renew_consents,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def add(url: str, consented: list[str], refused: list[str]) -> None:
    row = {
        "id": uuid.uuid4(),
        "created_at": NOON,
        "modified_at": NOON,
        "consented_objectives": consented,
        "refused_objectives": refused,
    }
    with engine_for(url).begin() as database:
        database.execute(insert(profile).values(**row))


def told(url: str, *objectives: str) -> list[tuple[str, int, int, int]]:
    kept = kept_consents(url, objectives)
    return [(each.name, each.consented, each.refused, each.profiles) for each in kept]


def test_what_was_counted_is_kept_in_the_order_asked_for(store_url: str) -> None:
    with engine_for(store_url).begin() as database:
        database.execute(insert(objective).values(id="ads", name="Better ads"))
    add(store_url, ["ads", "mails"], [])
    add(store_url, ["ads"], ["mails"])
    add(store_url, [], [])
    assert told(store_url, "mails", "ads") == []
    counted = count_consents(store_url, ["mails", "ads"], NOON)
    assert counted == kept_consents(store_url, ["mails", "ads"])
    assert told(store_url, "mails", "ads") == [("mails", 1, 1, 3), ("Better ads", 2, 0, 3)]
    assert {each.counted_at for each in counted} == {NOON}


def test_runs_count_once_a_day_and_what_is_new(store_url: str) -> None:
    add(store_url, ["ads"], [])
    renew_consents(store_url, ["ads"], NOON)
    add(store_url, ["ads", "mails"], [])
    renew_consents(store_url, ["ads"], NOON + timedelta(hours=23))
    assert told(store_url, "ads") == [("ads", 1, 0, 1)]
    renew_consents(store_url, ["ads"], NOON + timedelta(days=1))
    assert told(store_url, "ads") == [("ads", 2, 0, 2)]
    renew_consents(store_url, ["ads", "mails"], NOON + timedelta(days=1))
    assert told(store_url, "ads", "mails") == [("ads", 2, 0, 2), ("mails", 1, 0, 2)]


def test_without_objectives_nothing_is_counted(store_url: str) -> None:
    renew_consents(store_url, [], NOON)
    assert count_consents(store_url, [], NOON) == ()
