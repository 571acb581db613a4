"""The form in a real browser: an import, with what another tenant exposes right now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from profile_exchange.config.registry import read_connection
from profile_exchange.config.settings import settings
from profile_exchange.domain.connection import IdentifierPair, Strategy
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


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [1180, 390])
def test_an_import_is_made_in_the_form(
    window: Callable[..., Page], writing: Path, partner: ScriptedPartner, scripts: bool, width: int
) -> None:
    page = window("op", viewport={"width": width, "height": 900}, java_script_enabled=scripts)
    look = looked_at if scripts else lambda *_: None
    following = page.get_by_role("button", name="Next", exact=True).last
    page.goto("/profile-exchange/")
    page.get_by_role("link", name="New connection").click()
    page.get_by_label("Title").fill("The Journal")
    page.get_by_label("Our tenant").select_option("harbor-goods")
    page.get_by_label("Name of the other tenant").fill("The Journal")
    page.get_by_label("Its host name").fill("journal.example.com")
    page.get_by_label("imports from the other tenant").check()
    look(page, "tenants")
    following.click()

    page.get_by_label("Airflow connection").fill("nobody")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "no Airflow connection nobody" in page.get_by_role("alert").inner_text()
    page.get_by_label("Airflow connection").fill("journal")
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_role("img", name="authenticated").wait_for()
    look(page, "credentials")
    following.click()

    page.get_by_label("these only").check()
    page.get_by_label(HOSTILE).check()
    page.get_by_role("button", name="Suggest links").click()
    look(page, "segments")
    following.click()

    page.get_by_label("Sports SELECT").check()
    page.get_by_role("button", name="Map the chosen ones").click()
    look(page, "mappings")
    following.click()

    page.get_by_label("so many times a day").check()
    page.get_by_label("Times a day", exact=True).fill("2")
    page.get_by_role("button", name="Show the next five runs").click()
    page.get_by_role("heading", name="The next five runs").wait_for()
    look(page, "schedule")
    following.click()

    look(page, "review")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/connections/the-journal")
    made = read_connection(writing / "the-journal.yaml").importing
    assert made
    assert made.segments == ("readers",)
    assert made.links == ((IdentifierPair("email", "email"),),)
    (mapping,) = made.mappings
    assert (mapping.source, mapping.target) == ("sports", "TheJournal_Sports")
    assert mapping.strategy is Strategy.ADD
    assert SECRET not in (writing / "the-journal.yaml").read_text()
