"""A connection's profiles in quarantine: who is there, and who is taken again."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import insert, select

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import (
    quarantine,
    replay,
)
from profile_exchange.tenants.postgres.quarantined import asked
from tests.pages.past import PROFILE, held, past_run, remember
from tests.pages.serving import Serving, shown

RULE = "expect_column_values_to_be_between"


def test_the_quarantine_says_who_and_why_and_no_value(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing)
    assert str(PROFILE) in page
    assert "expect_column_values_to_be_between" in page
    assert "taken again next" in page


def test_taking_profiles_again_is_asked_of_the_next_run(
    knowing: Serving, past: dict[str, str]
) -> None:
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    url = past["harbor-goods"]
    browser = knowing.browser("user")
    assert browser.post("/connections/taylor-times/replay", data={"reason": "?"}).status_code == 400
    answer = browser.post("/connections/taylor-times/replay", data={"reason": "expectation"})
    assert answer.status_code == 303
    assert asked(url, "taylor-times") == 3
    with create_session() as session:
        said = session.scalars(select(Log).where(Log.event == "profile_exchange_replay"))
        assert {(entry.owner, entry.dag_id) for entry in said} == {("user", "taylor-times")}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"profile": [str(PROFILE)]}, [0, 1]),
        ({"reason": "expectation", "property": "articles_read", "rule": RULE}, [0, 1, 2]),
        ({"reason": "expectation", "property": "articles_read", "rule": "another"}, [1]),
        ({"everything": "true"}, [0, 1, 2]),
    ],
)
def test_those_that_were_chosen_are_taken_again(
    knowing: Serving, past: dict[str, str], chosen: dict[str, object], expected: list[int]
) -> None:
    answer = knowing.browser("user").post("/connections/taylor-times/replay", data=chosen)
    assert answer.status_code == 303
    with engine_for(past["harbor-goods"]).connect() as database:
        found = database.execute(select(replay.c.profile_id).order_by(replay.c.profile_id))
        assert [each.int - PROFILE.int for each in found.scalars()] == expected


def test_without_a_choice_nobody_is_taken_again(knowing: Serving, past: dict[str, str]) -> None:
    answer = knowing.browser("user").post("/connections/taylor-times/replay", data={})
    assert answer.status_code == 400
    assert "Tick the profiles" in answer.text
    assert asked(past["harbor-goods"], "taylor-times") == 1


def test_every_profile_in_quarantine_can_be_gone_to_and_looked_up(
    knowing: Serving, stores: dict[str, str]
) -> None:
    (seq,) = remember(stores["harbor-goods"], [past_run(0)])
    with engine_for(stores["harbor-goods"]).begin() as database:
        database.execute(insert(quarantine), [held(seq, number) for number in range(23)])
    last = str(UUID(int=PROFILE.int + 22))
    page = shown(knowing)
    assert last not in page
    assert "?after=20#quarantine" in page
    assert last in shown(knowing, "taylor-times?after=20")
    page = shown(knowing, f"taylor-times?profile={last}")
    assert page.count(f'<th scope="row"><code>{last}</code></th>') == 1
    assert str(PROFILE) not in page
    nobody = UUID(int=0)
    assert "not in quarantine" in shown(knowing, f"taylor-times?profile={nobody}")
