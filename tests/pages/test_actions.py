"""What is done on a page, Airflow does for the person who asked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.pages.serving import Serving


@pytest.mark.usefixtures("folder")
def test_a_run_belongs_to_who_asked_for_it(knowing: Serving) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    answer = knowing.browser("user").post("/connections/taylor-times/preview")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/profile-exchange/connections/taylor-times?done=preview"
    with create_session() as session:
        run = session.scalars(select(DagRun).order_by(DagRun.id.desc())).first()
        said = session.scalars(select(Log).where(Log.event == "trigger_dag_run")).all()
        assert run is not None
        assert (run.dag_id, run.conf) == ("taylor-times", {"preview": True})
        assert (run.triggering_user_name, run.triggered_by.value) == ("user", "ui")
        assert [entry.owner for entry in said] == ["user"]


@pytest.mark.usefixtures("folder")
def test_a_connection_is_switched_on_and_off(knowing: Serving) -> None:
    from airflow.models.dag import DagModel

    browser = knowing.browser("user")
    for word, paused in (("true", False), ("false", True)):
        answer = browser.post("/connections/taylor-times/switch", data={"on": word})
        assert answer.status_code == 303
        found = DagModel.get_dagmodel("taylor-times")
        assert found is not None
        assert found.is_paused is paused
