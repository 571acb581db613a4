"""What Airflow answers is told in one sentence that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from profile_exchange.domain.errors import CredentialsRefused
from profile_exchange.installation.airflow_api import (
    AirflowApi,
    AirflowRefused,
    AirflowUnavailable,
    RunState,
    TaskState,
)

Answer = Callable[[httpx.Request], httpx.Response]


class Scripted:
    """An Airflow that answers by script; what it is asked is kept."""

    def __init__(self, **answers: Answer | httpx.Response) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        self.asked.append(name)
        if name == "token" and name not in self.answers:
            return httpx.Response(201, json={"access_token": "t"})
        answer = self.answers[name]
        return answer if isinstance(answer, httpx.Response) else answer(request)


def api(script: Scripted) -> AirflowApi:
    return AirflowApi("http://airflow", "admin", "password", httpx.MockTransport(script))


def test_nobody_there_is_transient_and_names_the_address() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with pytest.raises(AirflowUnavailable, match="http://airflow does not answer"):
        api(Scripted(token=refuse)).trigger("x")


def test_a_wrong_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(CredentialsRefused) as told:
        api(Scripted(token=httpx.Response(401, json={}))).trigger("x")
    assert "'admin'" in str(told.value)
    assert "password'" not in str(told.value).replace("password's", "")


def test_who_names_no_user_is_told_where_to_name_one() -> None:
    script = Scripted(token=httpx.Response(400, json={"detail": "Username must be provided"}))
    nobody = AirflowApi("http://airflow", "", "password", httpx.MockTransport(script))
    with pytest.raises(CredentialsRefused, match="set EXCHANGE_AIRFLOW_USER to one of its users"):
        nobody.trigger("x")


def test_an_expired_token_is_replaced_once() -> None:
    answers = iter([httpx.Response(401), httpx.Response(200, json={"dag_run_id": "r1"})])
    script = Scripted(dagRuns=lambda _: next(answers))
    assert api(script).trigger("x") == "r1"
    assert script.asked == ["token", "dagRuns", "token", "dagRuns"]


def test_a_refusal_repeats_what_airflow_says() -> None:
    script = Scripted(dagRuns=httpx.Response(403, json={"detail": "Forbidden"}))
    with pytest.raises(AirflowRefused, match=r"answers 403 to POST .*dagRuns: Forbidden\."):
        api(script).trigger("x")


def test_a_server_error_is_transient() -> None:
    with pytest.raises(AirflowUnavailable, match="answers 500"):
        api(Scripted(dagRuns=httpx.Response(500, text="oops"))).trigger("x")


def test_something_that_is_not_airflow_is_told() -> None:
    script = Scripted(token=httpx.Response(200, text="<html>"))
    with pytest.raises(AirflowRefused, match="does not answer like Airflow"):
        api(script).trigger("x")


def test_all_task_instances_are_read_however_many_pages_they_take() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        start, limit = (int(request.url.params[key]) for key in ("offset", "limit"))
        rows = [
            {"task_id": "pull", "map_index": index, "state": "success"}
            for index in range(start, min(start + limit, 250))
        ]
        return httpx.Response(200, json={"task_instances": rows, "total_entries": 250})

    script = Scripted(taskInstances=page, r1=httpx.Response(200, json={"state": "success"}))
    state = api(script).run("x", "r1")
    assert state.succeeded
    assert [task.map_index for task in state.tasks] == list(range(250))


def test_a_run_is_followed_to_its_end_and_asked_for_only_then() -> None:
    states = iter(["running"])

    def instances(request: httpx.Request) -> httpx.Response:
        row = {"task_id": "a", "map_index": -1, "state": next(states, "success")}
        return httpx.Response(200, json={"task_instances": [row], "total_entries": 1})

    script = Scripted(taskInstances=instances, r1=httpx.Response(200, json={"state": "success"}))
    seen = list(api(script).follow("x", "r1", every=0))
    assert seen == [
        RunState("r1", "running", (TaskState("a", -1, "running"),)),
        RunState("r1", "success", (TaskState("a", -1, "success"),)),
    ]
    assert script.asked.count("r1") == 1


def test_a_trigger_leaves_the_logical_date_open() -> None:
    def trigger(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content) == {"logical_date": None, "conf": {}}
        return httpx.Response(200, json={"dag_run_id": "r1"})

    assert api(Scripted(dagRuns=trigger)).trigger("x") == "r1"


def test_a_trigger_carries_the_runs_configuration() -> None:
    def trigger(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["conf"] == {"preview": True}
        return httpx.Response(200, json={"dag_run_id": "r1"})

    assert api(Scripted(dagRuns=trigger)).trigger("x", {"preview": True}) == "r1"


def test_runs_that_have_not_ended_are_going() -> None:
    def runs(request: httpx.Request) -> httpx.Response:
        assert request.url.params.get_list("state") == ["queued", "running"]
        return httpx.Response(200, json={"dag_runs": [{"dag_run_id": "r1"}]})

    assert api(Scripted(dagRuns=runs)).going("x") == ["r1"]


def test_health_of_a_part_that_never_reported_is_empty() -> None:
    answer = {"metadatabase": {"status": "healthy"}, "triggerer": {"status": None}}
    health = api(Scripted(health=httpx.Response(200, json=answer))).health()
    assert health == {
        "metadatabase": "healthy",
        "scheduler": "",
        "triggerer": "",
        "dag_processor": "",
    }
