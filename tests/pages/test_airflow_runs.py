"""What Airflow knows of a connection's runs: which of them a page shows, and what it offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert

from tests.pages.past import NOON
from tests.pages.serving import Serving, shown

NAME = "taylor-times"
Add = Callable[..., None]


@pytest.fixture
def runs(knowing: Serving, stores: dict[str, str]) -> Iterator[Add]:
    """Adds runs of a connection that Airflow knows, by their number; each starts a day later."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    def add(*numbers: int, state: str = "success", started: int | None = None) -> None:
        day = timedelta(days=1)
        rows = [
            {
                "dag_id": NAME,
                "run_id": f"manual__{number}",
                "run_type": "manual",
                "state": state,
                "queued_at": NOON + number * day,
                "start_date": None
                if state == "queued"
                else NOON + (number if started is None else started) * day,
                "run_after": NOON,
                "conf": {},
                "clear_number": 0,
                "span_status": "ended",
            }
            for number in numbers
        ]
        with create_session() as session:
            session.execute(insert(DagRun.__table__), rows)

    yield add
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == NAME))


def told(server: Serving) -> list[tuple[str, str]]:
    """The runs on the page of the connection: their states and numbers."""
    history = shown(server).split('id="history"', 1)[1]
    found = re.findall(
        r'<li class="run">.*?<span class="state (\w+)">.*?/runs/manual__(\d+)"', history, re.DOTALL
    )
    return [(state, number) for state, number in found]


def test_an_old_run_that_was_cleared_is_shown_first(knowing: Serving, runs: Add) -> None:
    runs(0, state="running", started=99)
    runs(*range(1, 31))
    first, *others = told(knowing)
    assert first == ("running", "0")
    assert others == [("succeeded", str(number)) for number in range(30, 6, -1)]


def test_a_run_that_is_going_is_shown_however_many_wait_for_it(knowing: Serving, runs: Add) -> None:
    runs(0, 1)
    runs(2, state="running")
    runs(*range(3, 33), state="queued")
    first, *others = told(knowing)
    assert first == ("running", "2")
    assert others == [("queued", str(number)) for number in range(32, 7, -1)]
    earlier = re.findall(rf"{NAME}\?before=([^\"#]*)#history", shown(knowing))
    assert [each[:10] for each in earlier] == [f"{NOON + timedelta(days=8):%Y-%m-%d}"]
    page = shown(knowing, f"{NAME}?before={earlier[0]}")
    assert page.count('<li class="run">') == 8


def test_of_runs_that_are_going_the_list_tells_of_the_one_at_work(
    knowing: Serving, runs: Add
) -> None:
    runs(1, state="running")
    runs(2, state="queued")
    page = knowing.browser("viewer").get("/").text
    assert '<span class="state running">' in page
    assert '<span class="state queued">' not in page


@pytest.fixture
def stale(knowing: Serving, stores: dict[str, str]) -> Iterator[Serving]:
    """The same server, when Airflow holds the DAG as one that its file does not make any more."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    def hold(*, stale: bool, paused: bool) -> None:
        with create_session() as session:
            known = session.get_one(DagModel, NAME)
            known.is_stale, known.is_paused = stale, paused

    hold(stale=True, paused=False)
    yield knowing
    hold(stale=False, paused=True)


def test_nothing_is_offered_that_needs_a_dag_which_airflow_does_not_have(stale: Serving) -> None:
    page = shown(stale, role="op")
    assert "Airflow has not read its file yet" in page
    assert "as those of every new connection are" not in page
    for offered in (">Run now<", ">Preview<", ">Switch runs"):
        assert offered not in page
    assert ">Check now<" in page
    assert " data-live=" in page


def test_the_list_tells_of_a_dag_that_airflow_does_not_have(stale: Serving) -> None:
    page = stale.browser("viewer").get("/").text
    row = page.split(f'/connections/{NAME}"', 1)[1].split("</tr>", 1)[0]
    assert "Airflow has not read it yet" in row
    assert "when asked to" not in row


@pytest.mark.parametrize("action", ["run", "preview"])
def test_what_is_asked_of_it_all_the_same_is_told_apart_from_a_page(
    stale: Serving, action: str
) -> None:
    answer = stale.browser("op").post(f"/connections/{NAME}/{action}")
    assert answer.status_code == 409
    assert "Airflow has no DAG of it now" in answer.text
    assert "There is no such page" not in answer.text
    assert stale.browser("op").post(f"/connections/nobody/{action}").status_code == 404
