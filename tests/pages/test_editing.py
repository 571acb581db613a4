"""A new connection in the form, and changes to one that is there."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, text

from profile_exchange.config.registry import read_connection
from profile_exchange.config.settings import settings
from profile_exchange.orchestration.pages import configured
from profile_exchange.orchestration.pages.filling_in import STEPS
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE
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


LINES = """\
description: |
  As agreed in spring:
    every segment,
  and renewed

  in autumn.
"""


class Fields(HTMLParser):
    """The fields of a page's form, as a browser sends them back."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._within, self._text = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name, kind = said.get("name") or "", said.get("type") or ""
        self._within, self._text = (name if tag == "textarea" else ""), ""
        chosen = "checked" in said if kind in ("checkbox", "radio") else kind != "hidden"
        if tag == "input" and chosen:
            self._send(name, (said.get("value") or "").replace("\n", ""))
        if tag == "select":
            self._select = name
        if tag == "option" and "selected" in said:
            self._send(self._select, said.get("value") or "")

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._send(self._within, self._text.removeprefix("\n").replace("\n", "\r\n"))

    def _send(self, name: str, value: str) -> None:
        self.sent.setdefault(name, []).append(value)


def kept(walk: Walk, **changed: str) -> dict[str, object]:
    """The fields of a step as they are shown, but for some."""
    return {**Fields(walk.answer.text).sent, **changed}


def shown_in(walk: Walk, name: str) -> str:
    (told,) = Fields(walk.answer.text).sent[name]
    return told


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_description_keeps_its_lines(server: Serving, writing: Path, end: str) -> None:
    path = writing / "harbor-goods.yaml"
    before = re.sub("description: .*\n", LINES, path.read_text()).replace("\n", end)
    path.write_bytes(before.encode())
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    assert ">Nothing.<" in walk.send("tenants", "step:review", **kept(walk))
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    told = shown_in(walk, "description").replace("spring:", "spring, by mail:")
    walk.send("tenants", "step:review", **kept(walk, description=told))
    walk.send("review", "save")
    assert walk.answer.status_code == 303, walk.answer.text
    assert path.read_bytes().decode() == before.replace("spring:", "spring, by mail:")


LABELS = """labels: ["Q1, Q2", 'the "big" one', '"so-called"', retail, 2024, retail]\n"""


def test_what_has_a_comma_is_one_label(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    before = path.read_text().replace("labels: [retail, sample]\n", LABELS)
    path.write_text(before)
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    assert ">Nothing.<" in walk.send("tenants", "step:review", **kept(walk))
    path.write_text(before.replace(", 2024, retail", ""))
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    told = shown_in(walk, "labels")
    more = kept(walk, labels=f'{told}, more, "Q3, Q4"')
    walk.send("tenants", "step:review", **more)
    walk.send("review", "save")
    assert walk.answer.status_code == 303, walk.answer.text
    labels = ("Q1, Q2", 'the "big" one', '"so-called"', "retail", "more", "Q3, Q4")
    assert read_connection(path).labels == labels


def test_what_has_a_comma_is_one_address_and_one_segment(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    strange = "notifications: {emails: ['a, b']}\nexpose:\n  networks: ['10.0.0.1, 10.0.0.2']\n"
    before = path.read_text().replace("expose:\n", strange)
    path.write_text(before.replace("  segments: [", "  segments: ['x, y', "))
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    for step in ("credentials", "segments", "schedule"):
        walk.send("review", f"step:{step}")
        page = walk.send(step, "step:review", **kept(walk))
        assert ">Nothing.<" in page, step


@pytest.mark.usefixtures("folder")
def test_lines_in_a_field_of_one_line_are_told_apart(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    path.write_text(path.read_text().replace("title: Harbor Goods", 'title: "Harbor\\nGoods"'))
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    assert shown_in(walk, "title") == "Harbor Goods"
    assert ">Nothing.<" in walk.send("tenants", "step:review", **kept(walk))


def test_an_edit_of_a_file_that_changed_meanwhile_is_refused(
    server: Serving, writing: Path
) -> None:
    path = writing / "harbor-goods.yaml"
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    path.write_text(f"# mine\n{path.read_text()}")
    walk.send("review", "save")
    assert walk.answer.status_code == 409
    assert path.read_text().startswith("# mine\n")


def test_what_was_filled_in_meanwhile_can_be_seen_and_downloaded(
    server: Serving, writing: Path
) -> None:
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    (writing / "harbor-goods.yaml").write_text("title: somebody else's\n")
    page = unescape(walk.send("tenants", "step:review", **{**EXPOSING["tenants"], "title": "Mine"}))
    assert "The file of harbor-goods has changed since you began" in page
    assert "title: Mine" in page.split('aria-label="The file"', 1)[1]
    text = walk.send("review", "download")
    assert walk.answer.status_code == 200
    assert "title: Mine" in text
    assert "somebody else" not in text


@pytest.mark.parametrize("name", ["日本", "é", "a\nb", "../up"])
@pytest.mark.usefixtures("folder")
def test_a_download_has_a_name_that_every_system_takes(server: Serving, name: str) -> None:
    walk = Walk(server.browser("op"), "/new")
    walk.send("tenants", "download", **{**EXPOSING["tenants"], "id": name})
    assert walk.answer.status_code == 200
    named = walk.answer.headers["content-disposition"]
    assert named == 'attachment; filename="connection.yaml"'


#: What somebody writes into the schedule of a connection that has none.
STRAY = {
    "schedule.times_per_day": ("", "2"),
    "schedule.start": ("cron", "06:30"),
    "schedule.time": ("times_per_day", "06:30"),
    "schedule.days_of_week": ("", ["TUE", "FRI"]),
    "schedule.day_of_month": ("days_of_week", "last"),
    "schedule.cron": ("", "0 6 * * *"),
    "schedule.which": ("", "last"),
}


@pytest.mark.parametrize("field", STRAY)
def test_a_field_of_another_kind_of_schedule_is_not_lost_unseen(
    server: Serving, writing: Path, field: str
) -> None:
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    kind, told = STRAY[field]
    untouched = {"schedule.which": "first", "schedule.weekday": "MON", "schedule_kind": kind}
    page = walk.send("schedule", "step:schedule", **{**untouched, field: told})
    name = field.replace("which", "weekday_of_month")
    assert told_in(page)[name].startswith("this is filled in, and goes with '")
    if isinstance(told, str) and field != "schedule.which":
        assert f'name="{field}" value="{told}"' in page
    assert "Mend this first" in walk.send("review", "save")
    page = walk.send("schedule", "step:schedule", **untouched)
    assert name not in told_in(page)


def test_another_kind_of_schedule_can_be_chosen(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    path.write_text(path.read_text() + "schedule: {days_of_week: [tuesday], time: '06:30'}\n")
    walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
    fields = {
        "schedule_kind": "cron",
        "schedule.cron": "0 6 * * *",
        "schedule.days_of_week": ["TUE"],
        "schedule.time": "06:30",
        "schedule.which": "first",
        "schedule.weekday": "MON",
    }
    assert told_in(walk.send("schedule", "step:schedule", **fields)) == {}
    walk.send("review", "save")
    assert walk.answer.status_code == 303, walk.answer.text
    found = read_connection(path).schedule
    assert found is not None
    assert found.crons == ("0 6 * * *",)


def test_a_connection_is_switched_off_in_its_file(server: Serving, writing: Path) -> None:
    path = writing / "harbor-goods.yaml"
    before = path.read_text()
    for word in ("false", "true"):
        walk = Walk(server.browser("op"), "/connections/harbor-goods/edit")
        fields = {**EXPOSING["tenants"], "enabled": word}
        walk.send("tenants", "step:review", **fields)
        walk.send("review", "save")
        assert walk.answer.status_code == 303
        assert read_connection(path).enabled is (word == "true")
    assert "enabled: true" in path.read_text()
    assert "enabled" not in before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("connection", "there"), [("harbor-goods", False), ("taylor-times", True)])
def test_only_runs_of_an_import_may_meet(server: Serving, connection: str, there: bool) -> None:
    walk = Walk(server.browser("op"), f"/connections/{connection}/edit")
    page = walk.send("review", "step:schedule")
    assert ('name="schedule.while_running"' in page) is there


@pytest.mark.usefixtures("folder")
def test_a_time_zone_is_chosen_from_those_that_there_are(server: Serving) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    page = walk.send("review", "step:schedule")
    assert '<option value="Europe/Amsterdam"></option>' in page
    assert 'list="zones"' in page


@pytest.mark.usefixtures("folder")
def test_credentials_are_chosen_from_those_of_other_tenants(server: Serving) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    kept = {"of_a_tenant": CONNECTION_TYPE, "of_a_printer": "http"}
    with create_session() as session:
        session.add_all(Connection(*each) for each in kept.items())
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    page = walk.send("review", "step:credentials")
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(kept)))
    assert '<option value="of_a_tenant"></option>' in page
    assert "of_a_printer" not in page


@pytest.mark.usefixtures("folder")
def test_why_the_other_tenant_says_nothing_stands_on_top(server: Serving) -> None:
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    page = walk.send("review", "step:segments")
    refusal = page.index("There is no Airflow connection taylor_times")
    assert refusal < page.index("Segments to import")


def test_collisions_are_looked_for_where_they_are_told(
    server: Serving, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "STATEMENT_SECONDS", 0.3)
    walk = Walk(server.browser("op"), "/connections/taylor-times/edit")
    with engine_for(stores["harbor-goods"]).begin() as database:
        database.execute(text("lock table exchange.adopted_property in access exclusive mode"))
        for step in ("tenants", "segments", "review"):
            assert "could not be told" not in walk.send("review", f"step:{step}")
        page = walk.send("review", "step:mappings")
    assert "Whether our properties hold values that this connection did not write could" in page
    assert "could not be told" not in walk.send("review", "step:mappings")


@pytest.mark.parametrize("role", ["viewer", "user"])
@pytest.mark.usefixtures("folder")
def test_editing_is_a_right_of_its_own(server: Serving, role: str) -> None:
    browser = server.browser(role)
    assert browser.get("/new").status_code == 403
    assert browser.get("/connections/harbor-goods/edit").status_code == 403
    assert browser.post("/draft", data={}).status_code == 403


@pytest.mark.parametrize(
    "draft", ["[", "[]", '{"id": 1}', '{"data": []}', '{"else": 1}', '{"left": 1}']
)
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
