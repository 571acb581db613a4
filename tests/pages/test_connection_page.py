"""One connection: goals, runs, quarantine, and what each role may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from profile_exchange.domain.checks import Found, FoundProperty, FoundSegment
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import adopted_property, profile_property, replay
from profile_exchange.tenants.postgres.last_checks import note_let_in
from profile_exchange.tenants.postgres.quarantined import asked
from tests.pages.past import FOUND, PROFILE, checked, full_past, pending, remember
from tests.pages.serving import Serving

NOW = datetime.now(UTC)
RULE = "expect_column_values_to_be_between"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def knowing(server: Serving) -> Serving:
    """The same, when it has read the sample's DAGs."""
    server.learn()
    return server


@pytest.fixture
def past(stores: dict[str, str]) -> dict[str, str]:
    full_past(stores["harbor-goods"])
    checked(stores["taylor-times"])
    return stores


def shown(server: Serving, name: str = "taylor-times", role: str = "viewer") -> str:
    answer = server.browser(role).get(f"/connections/{name}")
    assert answer.status_code == 200
    return answer.text


def test_runs_are_shown_with_their_counts_and_how_they_ended(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing)
    assert page.count('<li class="run">') == 12
    assert "does not accept the consumer key" in page
    assert 'aria-label="superseded 49, unmatched 1,722, ambiguous 43' in page
    assert "1,730</strong> would be modified" in page
    assert "took 42 s" in page
    assert page.count('<th scope="col" class="number">taken back</th>') == 1


def test_the_import_goal_is_shown_against_what_was_found(
    knowing: Serving, past: dict[str, str]
) -> None:
    gone = replace(FOUND, segments=FOUND.segments[:1], missing=("segment sports-readers",))
    note_let_in(past["harbor-goods"], "taylor-times", gone, now=NOW)
    page = shown(knowing)
    assert "4,102 profiles" in page
    assert "not exposed any more" in page
    assert "Named in the import goal and not exposed: segment sports-readers" in page
    assert "Favourite section" in page
    assert "RANGE" in page


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        (None, "was there before; if it holds values the run is refused"),
        ("another", "is written by another too: the run is refused"),
        ("taylor-times", ""),
    ],
)
def test_a_target_that_is_there_already_is_a_warning(
    knowing: Serving, stores: dict[str, str], owner: str | None, told: str
) -> None:
    with engine_for(stores["harbor-goods"]).begin() as database:
        known = {"id": "TaylorTimes_Section", "name": "Section", "filter_type": "SELECT"}
        database.execute(insert(profile_property).values(**known))
        if owner:
            mine = {"connection": owner, "property_id": known["id"], "adopted_at": NOW}
            database.execute(insert(adopted_property).values(**mine))
    page = shown(knowing)
    assert (told in page) if told else ('class="warning"' not in page)


def test_the_expose_goal_is_shown_with_what_may_leave(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing, "harbor-goods")
    assert "4,106 profiles" in page
    assert "<strong>4,000</strong> sent" in page
    assert "Subscriber number" in page


def test_the_quarantine_says_who_and_why_and_no_value(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing)
    assert str(PROFILE) in page
    assert "expect_column_values_to_be_between" in page
    assert "taken again next" in page


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
def test_nobody_is_offered_what_they_may_not_do(knowing: Serving, role: str) -> None:
    offered = shown(knowing, role=role).count('method="post"')
    assert offered == (0 if role == "viewer" else 7)


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


def test_a_check_that_is_refused_says_why_on_the_page(
    knowing: Serving, stores: dict[str, str]
) -> None:
    answer = knowing.browser("user").post("/connections/taylor-times/check")
    assert answer.status_code == 303
    page = shown(knowing)
    assert 'class="arrow red"' in page
    assert "names the Airflow connection taylor_times, which does not exist" in page


def test_consents_are_counted_when_somebody_asks(knowing: Serving, past: dict[str, str]) -> None:
    assert "Count the consents" in shown(knowing)
    answer = knowing.browser("viewer").get("/connections/taylor-times/consent")
    assert answer.status_code == 200
    assert "Of 0 profiles of ours" in answer.text
    kept = shown(knowing)
    assert "Of 0 profiles of ours, counted" in kept
    assert "Count again" in kept


def test_what_a_partner_calls_things_is_escaped(knowing: Serving, stores: dict[str, str]) -> None:
    hostile = Found(
        segments=(FoundSegment("subscribers", HOSTILE, 1),),
        properties=(FoundProperty("favourite_section", HOSTILE, "SELECT"),),
        missing=(HOSTILE,),
    )
    note_let_in(stores["harbor-goods"], "taylor-times", hostile, now=NOW)
    page = shown(knowing)
    assert HOSTILE not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_a_connection_whose_file_is_gone_keeps_its_history(
    knowing: Serving, past: dict[str, str], folder: Path
) -> None:
    (folder / "connections" / "taylor-times.yaml").unlink()
    page = shown(knowing)
    assert "taylor-times (not configured)" in page
    assert page.count('<li class="run">') == 12


@pytest.mark.usefixtures("stores")
def test_a_connection_just_saved_says_that_airflow_will_read_it(
    knowing: Serving, folder: Path
) -> None:
    text = (folder / "connections" / "taylor-times.yaml").read_text()
    (folder / "connections" / "just-saved.yaml").write_text(text)
    page = shown(knowing, "just-saved", "op")
    assert "Airflow has not read its file yet. It will by itself" in page
    assert 'id="live" data-live' in page
    assert ">Run now<" not in page
    assert "Airflow has not read its file yet. It will" not in shown(knowing)


@pytest.mark.usefixtures("stores")
def test_there_is_no_page_of_what_is_no_connection(knowing: Serving) -> None:
    answer = knowing.browser("viewer").get("/connections/nobody")
    assert answer.status_code == 404
    assert "taylor-times" not in answer.text


def test_a_run_that_did_not_come_to_counts_is_shown(
    knowing: Serving, stores: dict[str, str]
) -> None:
    remember(stores["harbor-goods"], [pending(0)])
    assert '<span class="state unknown">' in shown(knowing)
