"""A new connection in the form, and changes to one that is there."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from profile_exchange.config.registry import read_connection
from profile_exchange.config.settings import settings
from profile_exchange.orchestration.pages.filling_in import STEPS
from tests.pages.serving import Serving

EXPOSING = {
    "tenants": {
        "title": "Corner <Shop>",
        "id": "corner-shop",
        "tenant": "taylor-times",
        "partner.name": "Corner Shop",
        "partner.host": "corner.example.com",
        "goals": "expose",
    },
    "segments": {"expose.segments": ["subscribers", "avid-readers"], "expose.properties": "age"},
    "schedule": {
        "schedule_kind": "weekday_of_month",
        "schedule.which": "second",
        "schedule.weekday": "TUE",
        "schedule.timezone": "Europe/Amsterdam",
        "notifications.emails": "data@example.com",
    },
}


class Walk:
    """Somebody who walks through the form: each answer carries the draft on."""

    def __init__(self, browser: TestClient, path: str) -> None:
        self.browser = browser
        self.answer = browser.get(path)

    def send(self, step: str, go: str, **fields: object) -> str:
        carried = re.search(r'name="draft" value="([^"]*)"', self.answer.text)
        assert carried, self.answer.text
        data = {"draft": unescape(carried[1]), "step": step, "go": go, **fields}
        self.answer = self.browser.post("/draft", data=data)
        return self.answer.text


@pytest.fixture
def writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of connections, which the pages may write to."""
    monkeypatch.setenv("EXCHANGE_WRITE_CONNECTIONS", "true")
    settings.cache_clear()
    return folder / "connections"


def walked(server: Serving) -> Walk:
    walk = Walk(server.browser("op"), "/new")
    for step, fields in EXPOSING.items():
        walk.send(step, "step:review", **fields)
    return walk


def test_a_new_connection_is_written(server: Serving, writing: Path) -> None:
    walk = walked(server)
    assert "Corner &lt;Shop&gt;" in walk.answer.text
    walk.send("review", "save")
    assert walk.answer.status_code == 303, walk.answer.text
    made = read_connection(writing / "corner-shop.yaml")
    assert made.title == "Corner <Shop>"
    assert made.expose
    assert made.expose.segments == ("subscribers", "avid-readers")
    assert made.schedule
    assert made.schedule.crons == ("0 0 * * TUE#2",)
    assert (writing / "corner-shop.yaml").read_text().count("schema=connection.schema.json") == 1


@pytest.mark.usefixtures("folder")
def test_where_files_are_not_written_they_are_downloaded(server: Serving) -> None:
    walk = walked(server)
    assert 'value="save"' not in walk.answer.text
    assert "keeps its files to itself" in walk.send("review", "save")
    text = walked(server).send("review", "download")
    assert "segments: [subscribers, avid-readers]" in text


def test_a_file_that_is_there_is_not_written_over(server: Serving, writing: Path) -> None:
    walk = walked(server)
    (writing / "corner-shop.yaml").write_text("title: mine\n")
    assert "stays as it is" in walk.send("review", "save")
    assert (writing / "corner-shop.yaml").read_text() == "title: mine\n"


def test_mistakes_are_told_at_their_fields(server: Serving, writing: Path) -> None:
    walk = Walk(server.browser("op"), "/new")
    wrong = {**EXPOSING["tenants"], "id": "../up", "partner.host": "https://x"}
    text = walk.send("tenants", "step:tenants", **wrong)
    assert 'id="wrong-partner.host">write the host name alone' in text
    assert "Mend this first" in walk.send("review", "save")
    assert list(writing.parent.rglob("up*")) == []


def told_in(page: str) -> dict[str, str]:
    """What a page says is wrong, by the field that says it."""
    return dict(re.findall(r'id="wrong-([^"]+)">([^<]*)<', unescape(page)))


def test_mistakes_of_an_import_are_told_at_their_fields(server: Serving, writing: Path) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    wrong = {
        "import.limits.max_rejected_share": "many",
        "import.approval.when": "required",
        "import.approval.timeout": "soon",
        "import.keep.fate_days": "0",
    }
    text = walk.send("checks", "step:checks", **wrong)
    told = told_in(text)
    assert told["import.limits.max_rejected_share"].startswith("this is no share")
    assert told["import.approval.timeout"].startswith("this is no length of time")
    assert "1 or more" in told["import.keep.fate_days"]
    assert 'aria-invalid="true" aria-describedby="help-import.keep.fate_days wrong-' in text
    better = {
        "import.limits.max_rejected_share": "5 %",
        "import.approval.timeout": "8h",
        "import.complete_every_days": "3",
        "import.keep.fate_days": "1",
        "import.expectations[1].kwargs.column": "",
    }
    told = told_in(walk.send("checks", "step:checks", **better))
    assert told["import.complete_every_days"].startswith("every pull is complete")
    assert told["import.expectations[1].kwargs"].endswith("needs the argument column.")


def test_mistakes_of_transforms_are_told_at_their_fields(server: Serving, writing: Path) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    transforms = {"import.mappings[1].to": "x", "import.mappings[1].transforms+": "date"}
    walk.send("mappings", "add:import.mappings[1].transforms", **transforms)
    form = {"import.mappings[1].to": "x", "import.mappings[1].transforms[0].date": "tomorrow"}
    told = told_in(walk.send("mappings", "step:mappings", **form))
    assert told["import.mappings[1].transforms[0].date"].startswith("write a form of YYYY")


@pytest.mark.parametrize("what", ["import", "import.mappings[0]", "import.mappings[99].transforms"])
@pytest.mark.usefixtures("folder")
def test_a_row_is_added_to_no_list_but_the_forms(server: Serving, what: str) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    text = walk.send("review", f"add:{what}", **{f"{what}+": "trim"})
    assert walk.answer.status_code == 200
    assert ">Nothing.<" in text


def test_an_edit_keeps_comments_and_shows_what_changes(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    before = path.read_text()
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    fields = {
        "title": "Harbor & Goods",
        "description": "What our retail partner may read, as agreed in the contract of sharing.",
        "labels": "retail, sample",
        "tenant": "taylor-times",
        "partner.name": "Harbor Goods",
        "partner.host": "harbor-goods.localhost",
        "goals": "expose",
    }
    text = unescape(walk.send("tenants", "step:review", **fields))
    assert "-title: Harbor Goods\n+title: Harbor & Goods" in text
    walk.send("review", "save")
    assert walk.answer.status_code == 303
    assert path.read_text() == before.replace("title: Harbor Goods", "title: Harbor & Goods")


def test_an_edit_of_a_file_that_changed_meanwhile_is_refused(
    server: Serving, writing: Path
) -> None:
    path = writing / "harbor-goods.yaml"
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    path.write_text(f"# mine\n{path.read_text()}")
    walk.send("review", "save")
    assert walk.answer.status_code == 409
    assert path.read_text().startswith("# mine\n")


@pytest.mark.parametrize("role", ["viewer", "user"])
@pytest.mark.usefixtures("folder")
def test_editing_is_a_right_of_its_own(server: Serving, role: str) -> None:
    browser = server.browser(role)
    assert browser.get("/new").status_code == 403
    assert browser.get("/connections/harbor-goods/edit").status_code == 403
    assert browser.post("/draft", data={}).status_code == 403


@pytest.mark.parametrize("draft", ["[", "[]", '{"id": 1}', '{"data": []}', '{"else": 1}'])
@pytest.mark.usefixtures("folder")
def test_a_draft_that_is_none_is_refused(server: Serving, draft: str) -> None:
    assert server.browser("op").post("/draft", data={"draft": draft}).status_code == 400


@pytest.mark.parametrize("step", ["tenants", "credentials", "segments", "mappings", "schedule"])
@pytest.mark.usefixtures("folder")
def test_every_step_shows_an_import(server: Serving, step: str) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    text = walk.send("review", f"step:{step}")
    assert walk.answer.status_code == 200
    carried = re.search(r'name="draft" value="([^"]*)"', text)
    assert carried
    assert json.loads(unescape(carried[1]))["data"]["title"] == "Taylor Times"


@pytest.mark.parametrize(
    "shape",
    [
        "import: hello",
        "import: [1]",
        "import: {mappings: hello}",
        "import: {mappings: [3, {from: [a], to: {}}], links: [a, [b], [{theirs: [1]}]]}",
        "import: {segments: {a: 1}, credentials: [1], mappings: [{transforms: 3, text: {}}]}",
        "partner: x\nimport: {}",
        "partner: [1]\nlabels: {a: 1}\nobjectives: 3\ntitle: [1]",
        "schedule: 5\nnotifications: [1]",
        "schedule: {times_per_day: [1], weekday_of_month: 3}\nnotifications: {emails: {a: 1}}",
        "expose: {segments: {}, properties: 3, identifiers: [[1]]}",
        "expose: 1\naccept: 2\ntenant: [3]",
        "import: {expectations: [3, {type: [1], kwargs: {mostly: {}}}], limits: 3, keep: [1]}",
        "import: {expectations: {a: 1}, approval: [1], pull: {}, limits: {max_drop_share: [1]}}",
        "import: {mappings: [{transforms: [[1], {values: 3}, {date: {}}, {values: {a: [1]}}]}]}",
    ],
)
def test_a_file_of_the_wrong_shape_can_be_mended(
    server: Serving, writing: Path, shape: str
) -> None:
    (writing / "harbor-goods.yaml").write_text(shape + "\n")
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    for step in STEPS:
        walk.send("review", f"step:{step}")
        assert walk.answer.status_code == 200, step
    for step in reversed(STEPS):
        walk.send(step, f"step:{step}", goals=["import", "expose"])
        assert walk.answer.status_code == 200, step
    assert "Mend this first" in walk.send("review", "save")
