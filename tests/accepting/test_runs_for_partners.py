"""A partner sees the runs of its own connection, in BlueConic's states, and no count of ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from profile_exchange.domain.scopes import Scope
from profile_exchange.pipeline.runs import EXPIRED, FAILED, LEFT_OUT, REFUSED, RUNNING, SUCCEEDED
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import exposure_check, run
from tests.accepting.conftest import Writer
from tests.exposure.conftest import START, Installation

PATH = "/connections/harbor-goods/runs"


def imported(installation: Installation, run_id: str, state: str, hour: int, **more: Any) -> None:
    started = START + timedelta(hours=hour)
    row = {"connection": "harbor-goods", "run_id": run_id, "state": state, "started_at": started}
    if state != RUNNING:
        more = {"finished_at": started + timedelta(minutes=1), **more}
    with engine_for(installation.store).begin() as database:
        database.execute(insert(run).values({**row, **more}))


def checked(installation: Installation, run_id: str, hour: int, failure: str = "") -> None:
    at = START + timedelta(hours=hour)
    row = {"connection": "harbor-goods", "run_id": run_id, "at": at, "failure": failure}
    with engine_for(installation.store).begin() as database:
        database.execute(insert(exposure_check).values(row))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (RUNNING, "RUNNING"),
        (SUCCEEDED, "FINISHED"),
        (FAILED, "FAILED"),
        (REFUSED, "STOPPED"),
        (EXPIRED, "STOPPED"),
        (LEFT_OUT, "STOPPED"),
    ],
)
def test_states(writer: Writer, installation: Installation, ours: str, theirs: str) -> None:
    imported(installation, "one", ours, 0, failure="The store at 10.0.0.7 is away.", received=7)
    [told] = writer.api.ok(PATH)["runs"]
    assert told["state"] == theirs
    assert ("endDate" in told) == (ours != RUNNING)
    assert set(told) <= {"runId", "runCount", "state", "startDate", "endDate", "goalStatistics"}
    assert "10.0.0.7" not in str(told)


def test_runs_come_newest_first_each_once_with_all_of_its_goals(
    writer: Writer, installation: Installation
) -> None:
    imported(installation, "first", FAILED, 0)
    imported(installation, "first", SUCCEEDED, 1)
    imported(installation, "preview", "previewed", 2, preview=True)
    checked(installation, "first", 1)
    checked(installation, "second", 3, failure="A key is about to end.")
    imported(installation, "third", SUCCEEDED, 4)
    answer = writer.api.ok(PATH)
    assert answer["totalResults"] == 3
    assert [(each["runId"], each["runCount"], each["state"]) for each in answer["runs"]] == [
        ("third", 3, "FINISHED"),
        ("second", 2, "FAILED"),
        ("first", 1, "FINISHED"),
    ]
    statistics = [
        {each["id"]: each["values"] for each in told["goalStatistics"]} for told in answer["runs"]
    ]
    assert statistics[1:] == [
        {"SUCCESS": ["0"], "FAILED": ["1"], "TOTAL": ["1"]},
        {"SUCCESS": ["2"], "FAILED": ["0"], "TOTAL": ["2"]},
    ]
    [middle] = writer.api.ok(PATH, startIndex=1, count=1)["runs"]
    assert (middle["runId"], middle["runCount"]) == ("second", 2)
    assert writer.api.ok(PATH, startIndex=9)["runs"] == []


def test_the_connection_is_told_with_its_last_run(
    writer: Writer, installation: Installation
) -> None:
    [own] = writer.api.ok("/connections")["connections"]
    assert own == {
        "id": "harbor-goods",
        "name": "Harbor Goods",
        "isEnabled": True,
        "scheduleMode": "SCHEDULED",
        "tags": [],
        "roles": [],
    }
    imported(installation, "one", SUCCEEDED, 0)
    [own] = writer.api.ok("/connections")["connections"]
    assert own["lastRun"]["runId"] == "one"
    assert writer.api.ok("/connections", startIndex=1)["connections"] == []


def test_nobody_sees_the_runs_of_another_connection_or_without_leave_to_write(
    writer: Writer, installation: Installation
) -> None:
    imported(installation, "one", SUCCEEDED, 0)
    installation.connect("another")
    assert writer.api.get("/connections/another/runs").status_code == 404
    assert writer.api.get("/connections/unheard_of/runs").status_code == 404
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    for path in ("/connections", PATH):
        assert writer.api.get(path).status_code == 403
