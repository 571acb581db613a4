"""The pages in a real browser: light, dark and narrow, by keyboard, and for screen readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.pages.browsing import picture
from tests.pages.past import checked, full_past
from tests.pages.serving import Serving

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1180, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1180, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 800}},
}
PAGES = {
    "all": "",
    "importing": "connections/taylor-times",
    "exposing": "connections/harbor-goods",
    "consents": "connections/taylor-times/consent",
    "refused": "connections/nobody",
}
GRAVE = {"serious", "critical"}


@pytest.fixture(autouse=True)
def furnished(server: Serving, stores: dict[str, str]) -> None:
    """Connections with a past."""
    server.learn()
    full_past(stores["harbor-goods"])
    checked(stores["taylor-times"])


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(window: Callable[..., Page], look: str, name: str) -> None:
    page = window("op", **LOOKS[look])
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"/profile-exchange/{PAGES[name]}")
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")
    picture(page, f"{name}-{look}", full_page=True)
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "it is wider than the window"
    assert [each for each in complaints if "404" not in each] == []
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"]) for each in found if each["impact"] in GRAVE] == []


@pytest.mark.parametrize(("chosen", "color"), [("dark", "17, 17, 20"), ("light", "255, 255, 255")])
def test_the_theme_is_the_one_chosen_in_airflow(
    window: Callable[..., Page], chosen: str, color: str
) -> None:
    other = {"dark": "light", "light": "dark"}[chosen]
    page = window("viewer", color_scheme=other)
    page.goto("/profile-exchange/")
    page.evaluate("chosen => localStorage.setItem('theme', chosen)", chosen)
    page.reload()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == f"rgb({color})"


def test_it_can_be_walked_through_with_the_keyboard(window: Callable[..., Page]) -> None:
    page = window("viewer", **LOOKS["light"])
    page.goto("/profile-exchange/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Taylor Times":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections/taylor-times")


def test_consents_appear_where_they_were_asked_for(window: Callable[..., Page]) -> None:
    page = window("viewer", **LOOKS["light"])
    page.goto("/profile-exchange/connections/taylor-times")
    page.get_by_role("link", name="Count the consents").click()
    page.get_by_text("Unknown counts as no.").wait_for()
    assert page.url.endswith("/connections/taylor-times")
