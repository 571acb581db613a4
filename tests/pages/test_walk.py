"""Through Airflow's own UI with a real browser: what people of each role see and can do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from profile_exchange.installation.launch import Installation
from profile_exchange.sample import loading
from tests.folders import enterable
from tests.pages.browsing import log_in, picture

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]

USERS = {"admin": "admin", "vera": "viewer", "otto": "op"}
PROFILES = 1500
#: Milliseconds that a run may take.
A_RUN = 180_000
#: Milliseconds for everything else: the machine may be busy with other tests.
AT_MOST = 60_000


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation with the sample tenants, and users of three roles."""

    def fill(tenant_id: str, url: str) -> None:
        loading.load(tenant_id, url, PROFILES, now=datetime.now(UTC))

    expect.set_options(timeout=AT_MOST)
    state = enterable(tmp_path_factory.mktemp("installation"))
    with Installation(state, fill=fill, users=USERS) as running:
        for dag_id in ("taylor-times", "harbor-goods"):
            running.switch_on(dag_id)
        yield running
    expect.set_options(timeout=None)


def enter(browser: Browser, installation: Installation, user: str, **options: Any) -> Page:
    """Airflow's UI, with somebody logged in."""
    context = browser.new_context(
        base_url=installation.airflow_url,
        viewport={"width": 1280, "height": 900},
        **options,
    )
    context.set_default_timeout(AT_MOST)
    page = context.new_page()
    log_in(page, installation.airflow_url, user, installation.password)
    return page


def pages(page: Page) -> FrameLocator:
    """Our pages, in the frame in which Airflow shows them."""
    return page.frame_locator("iframe")


def test_a_viewer_finds_the_page_in_the_navigation_and_is_offered_nothing(
    installation: Installation, chromium: Browser
) -> None:
    page = enter(chromium, installation, "vera")
    page.get_by_text("Profile exchange", exact=True).first.click()
    pages(page).get_by_role("link", name="Taylor Times").click()
    expect(pages(page).get_by_role("heading", level=1)).to_contain_text("Taylor Times")
    expect(pages(page).get_by_role("button")).to_have_count(0)
    picture(page, "viewer")
    page.context.close()


def test_an_operator_checks_previews_runs_and_reads_what_came_of_it(
    installation: Installation, chromium: Browser
) -> None:
    page = enter(chromium, installation, "otto")
    page.goto("/dags/taylor-times/plugin/exchange")
    shown = pages(page)
    shown.get_by_role("button", name="Check now").click()
    expect(shown.get_by_text("Authenticated", exact=False).first).to_be_visible()
    shown.get_by_role("button", name="Preview").click()
    expect(shown.get_by_text("would be modified")).to_be_visible(timeout=A_RUN)
    shown.get_by_role("button", name="Run now").click()
    first = shown.locator("li.run").first
    expect(first.locator(".line .state")).to_have_text("succeeded", timeout=A_RUN)
    shown.get_by_text("by profile id").click()
    expect(shown.get_by_role("region", name="Profiles in quarantine")).to_be_visible()
    first.get_by_text("Counts by fate").click()
    expect(first.get_by_text("the sum, always")).to_be_visible()
    expect(first.get_by_role("rowheader", name="authenticate")).to_be_visible()
    picture(page, "operator-after-a-run")
    first.get_by_role("link", name="Run and logs in Airflow").click()
    page.wait_for_url("**/dags/taylor-times/runs/**")
    page.context.close()


def test_an_administrator_switches_a_connection_off_and_on(
    installation: Installation, chromium: Browser
) -> None:
    page = enter(chromium, installation, "admin", color_scheme="dark")
    page.goto("/plugin/profile-exchange")
    shown = pages(page)
    expect(shown.get_by_role("link", name="Harbor Goods")).to_be_visible()
    picture(page, "administrator")
    shown.get_by_role("link", name="Harbor Goods").click()
    shown.get_by_role("button", name="Switch off").click()
    expect(shown.get_by_text("The connection is switched off")).to_be_visible()
    shown.get_by_role("button", name="Switch on").click()
    expect(shown.get_by_text("The connection is switched on")).to_be_visible()
    page.context.close()
