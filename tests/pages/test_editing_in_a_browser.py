"""The form in a real browser: an import, with what another tenant exposes right now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from profile_exchange.config.registry import read_connection
from profile_exchange.config.settings import settings
from profile_exchange.domain.connection import (
    Approval,
    ApprovalRule,
    IdentifierPair,
    ImportGoal,
    Keep,
    Limits,
    Pull,
    Strategy,
)
from profile_exchange.domain.transforms import ValueMap
from profile_exchange.orchestration.pages.filling_in import STEPS
from tests.pages.browsing import picture
from tests.tenants.scripted_partner import KEY, SECRET, Answer, Request, ScriptedPartner

HOSTILE = "<script>alert(1)</script>"
EXPOSED = {
    "segments": [{"id": "readers", "name": HOSTILE, "profileCount": 12}],
    "profileProperties": [
        {"id": "email", "name": "Email", "filterType": "EMAIL", "indexed": True},
        {"id": "sports", "name": "Sports", "filterType": "SELECT"},
        {"id": "evil", "name": HOSTILE, "filterType": "RANGE"},
    ],
}
GRAVE = {"serious", "critical"}


def respond(request: Request) -> Answer:
    return Answer({name: items for name, items in EXPOSED.items() if name in request.path})


@pytest.fixture
def partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedPartner]:
    """Another tenant, and the Airflow connection to it."""
    with ScriptedPartner(respond).running() as running:
        kept = {
            "conn_type": "http",
            "host": "journal.example.com",
            "login": KEY,
            "password": SECRET,
            "extra": {"base_url": running.base_url},
        }
        monkeypatch.setenv("AIRFLOW_CONN_JOURNAL", json.dumps(kept))
        yield running


@pytest.fixture
def writing(folder: Path, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of connections, which the pages may write to."""
    monkeypatch.setenv("EXCHANGE_WRITE_CONNECTIONS", "true")
    settings.cache_clear()
    return folder / "connections"


def looked_at(page: Page, step: str) -> None:
    """Everybody can use the step, and it is as wide as its window."""
    picture(page, f"edit-{step}-{page.viewport_size['width']}", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"]) for each in found if each["impact"] in GRAVE] == []
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "it is wider than the window"


def fill_in_tenants(page: Page) -> None:
    page.get_by_label("Title").fill("The Journal")
    page.get_by_label("Our tenant").select_option("harbor-goods")
    page.get_by_label("Name of the other tenant").fill("The Journal")
    page.get_by_label("Its host name").fill("journal.example.com")
    page.get_by_label("imports from the other tenant").check()


def fill_in_credentials(page: Page) -> None:
    page.get_by_label("Airflow connection").fill("nobody")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "no Airflow connection nobody" in page.get_by_role("alert").inner_text()
    page.get_by_label("Airflow connection").fill("journal")
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_role("img", name="authenticated").wait_for()


def choose_segments(page: Page) -> None:
    page.get_by_label("these only").check()
    page.get_by_label(HOSTILE).check()
    page.get_by_role("button", name="Suggest links").click()


def choose_mappings(page: Page) -> None:
    page.get_by_label("Sports SELECT").check()
    page.get_by_role("button", name="Map the chosen ones").click()
    page.get_by_text("Transforms: none").click()
    page.get_by_label("Transform to add to mapping 1").select_option("values")
    page.get_by_role("button", name="Add a transform").click()
    page.get_by_label("As it comes").fill("Football")
    page.get_by_label("written instead").fill("Soccer")
    page.get_by_role("button", name="One more value").click()
    page.get_by_label("As it comes").last.fill("Cricket, indoors")
    page.get_by_label("written instead").last.fill("Cricket")
    page.get_by_label("All others").fill("Other")


def choose_checks(page: Page) -> None:
    page.get_by_label("Expectation to add").select_option("expect_column_values_to_be_in_set")
    page.get_by_role("button", name="Add an expectation").click()
    page.get_by_label("column", exact=True).fill("sports")
    page.get_by_label("value_set").fill("Football, 2")
    page.get_by_label("Rejected at most").fill("2 %")
    page.get_by_label("Modified at most").fill("0.25")
    page.get_by_label("Who lets a run write").select_option("first_run")
    page.get_by_label("How long a run waits").fill("8 hours")
    page.get_by_label("A run asks for").select_option("changed")
    page.get_by_label("Everything after so many days").fill("3")
    page.get_by_label("Days that a rejected profile stays").fill("60")


def choose_schedule(page: Page) -> None:
    page.get_by_label("so many times a day").check()
    page.get_by_label("Times a day", exact=True).fill("2")
    page.get_by_role("button", name="Show the next five runs").click()
    page.get_by_role("heading", name="The next five runs").wait_for()


STEPS_TAKEN = {
    "tenants": fill_in_tenants,
    "credentials": fill_in_credentials,
    "segments": choose_segments,
    "mappings": choose_mappings,
    "checks": choose_checks,
    "schedule": choose_schedule,
}


def assert_it_is_what_was_chosen(made: ImportGoal) -> None:
    assert made.segments == ("readers",)
    assert made.links == ((IdentifierPair("email", "email"),),)
    (mapping,) = made.mappings
    assert (mapping.source, mapping.target) == ("sports", "TheJournal_Sports")
    assert mapping.strategy is Strategy.ADD
    values = ("Football", "Soccer"), ("Cricket, indoors", "Cricket")
    assert mapping.transforms == (ValueMap(values, "Other"),)
    (expectation,) = made.expectations
    assert expectation.kwargs == {"column": "sports", "value_set": ["Football", 2]}
    assert made.limits == Limits(max_rejected_share=0.02, max_modified_share=0.25)
    assert made.approval == Approval(ApprovalRule.FIRST_RUN, timedelta(hours=8))
    assert (made.pull, made.complete_every_days) == (Pull.CHANGED, 3)
    assert made.keep == Keep(quarantine_days=60)


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [1180, 390])
def test_an_import_is_made_in_the_form(
    window: Callable[..., Page], writing: Path, partner: ScriptedPartner, scripts: bool, width: int
) -> None:
    page = window("op", viewport={"width": width, "height": 900}, java_script_enabled=scripts)
    look = looked_at if scripts else lambda *_: None
    page.goto("/profile-exchange/")
    page.get_by_role("link", name="New connection").click()
    for step, take in STEPS_TAKEN.items():
        take(page)
        look(page, step)
        page.get_by_role("button", name="Next", exact=True).last.click()
    look(page, "review")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/connections/the-journal?done=saved")
    made = read_connection(writing / "the-journal.yaml").importing
    assert made
    assert_it_is_what_was_chosen(made)
    assert SECRET not in (writing / "the-journal.yaml").read_text()


EVERYTHING = """\
# What we take from the Journal.
title: The Journal
tenant: harbor-goods
partner: {name: The Journal, host: journal.example.com}
description: |
  As agreed in spring,
  and renewed in autumn.
labels: ["Q1, Q2", 'their "best"', retail]
enabled: false
objectives: [partner_data]   # asked for on our site
schedule: {cron: 30 6 * * *, timezone: Europe/Amsterdam}
notifications:
  emails: [data@example.com]
  smtp: another_server   # the one in the cellar
import:
  credentials: journal
  segments: [readers, gone]
  links:
    - {theirs: email, ours: email}
    - [{theirs: email, ours: email}, {theirs: card, ours: loyalty_card}]
  unmatched: create
  objective_map: {sharing: partner_data}
  pull: changed
  complete_every_days: 3
  keep: {quarantine_days: 60}   # our lawyers' wish
  limits:
    max_rejected_share: 5 %   # never more
    max_modified_share: off
  approval: {timeout: 8h}
  mappings:
    - {from: evil, to: TheJournal_Evil, strategy: INCREMENT}
    - from: sports
      to: TheJournal_Sports
      transforms:
        - trim
        - {values: {"1": one, A b: 'Alpha, "beta"'}, default: Other}   # see their manual
        - first
    - {text: "from the Journal", to: TheJournal_Source, restriction: NEW_PROFILES_ONLY}
    - {segments: true, to: TheJournal_Segments, strategy: ADD, overwrite: true}
    - {from: since, to: TheJournal_Since, transforms: [{date: DD-MM-YYYY}]}
  expectations:
    - type: expect_column_values_to_be_in_set
      kwargs: {column: sports, value_set: ["1", Football, "a, b"], mostly: 0.9}
    - type: expect_column_values_to_match_regex
      kwargs: {column: sports, regex: "[A-Z][a-z]+: .*"}   # as their manual says
    - type: expect_column_values_to_be_between
      kwargs: {column: evil, min_value: 1, max_value: 1.50, strict_min: true}
    - type: expect_column_quantile_values_to_be_between
      kwargs: {column: evil, quantile_ranges: {quantiles: [0.5], value_ranges: [[0, 9]]}}
"""


@pytest.mark.parametrize("scripts", [True, False])
def test_what_nobody_changes_stays_to_the_letter(
    window: Callable[..., Page], writing: Path, partner: ScriptedPartner, scripts: bool
) -> None:
    path = writing / "the-journal.yaml"
    path.write_text(EVERYTHING)
    read_connection(path)
    page = window("op", java_script_enabled=scripts)
    page.goto("/profile-exchange/connections/the-journal/edit")
    for _ in range(len(STEPS) - 1):
        page.get_by_role("button", name="Next", exact=True).last.click()
    assert page.get_by_role("region", name="What changes").inner_text() == "Nothing."
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/connections/the-journal?done=saved")
    assert path.read_text() == EVERYTHING


def test_one_change_is_one_line_of_the_file(
    window: Callable[..., Page], writing: Path, partner: ScriptedPartner
) -> None:
    path = writing / "the-journal.yaml"
    path.write_text(EVERYTHING)
    page = window("op", java_script_enabled=False)
    page.goto("/profile-exchange/connections/the-journal/edit")
    page.get_by_role("button", name="Checks and limits").click()
    page.get_by_label("Rejected at most").fill("3 %")
    page.get_by_label("How long a run waits").fill("2h")
    page.get_by_label("regex", exact=True).fill("[A-Z]+")
    page.get_by_role("button", name="Mappings").click()
    page.get_by_label("written instead").first.fill("two")
    page.get_by_role("button", name="The file").click()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/connections/the-journal?done=saved")
    wanted = {
        "max_rejected_share: 5 %": "max_rejected_share: 3 %",
        "timeout: 8h": "timeout: 2h",
        '"[A-Z][a-z]+: .*"': "'[A-Z]+'",
        '"1": one': '"1": two',
    }
    expected = EVERYTHING
    for old, new in wanted.items():
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert path.read_text() == expected
