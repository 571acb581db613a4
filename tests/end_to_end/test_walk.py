"""Through Airflow's own UI with a real browser: what people of each role see and can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect
from sqlalchemy import func, select

from profile_exchange.installation.launch import Installation
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile
from tests.end_to_end.configured import CAREFUL
from tests.end_to_end.driving import everyone_reads_more
from tests.pages.browsing import browsing, log_in, picture, picture_of_the_readme

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(420)]

#: Milliseconds that a run may take.
A_RUN = 180_000
#: Milliseconds for everything else: the machine may be busy with other tests.
AT_MOST = 60_000


@pytest.fixture(scope="module")
def logged_in(installation: Installation) -> Iterator[Callable[[str], BrowserContext]]:
    """A real browser's windows in which somebody has logged in, as a person does it: once."""
    expect.set_options(timeout=AT_MOST)
    with browsing() as browser:

        @cache
        def windows_of(user: str) -> BrowserContext:
            context = browser.new_context(
                base_url=installation.airflow_url, viewport={"width": 1280, "height": 900}
            )
            context.set_default_timeout(AT_MOST)
            with context.new_page() as page:
                log_in(page, installation.airflow_url, user, installation.password)
            return context

        yield windows_of
    expect.set_options(timeout=None)


def pages(page: Page) -> FrameLocator:
    """Our pages, in the frame in which Airflow shows them."""
    return page.frame_locator("iframe")


def newest(shown: FrameLocator) -> Locator:
    """The newest run in the history."""
    return shown.locator("li.run").first


def figure(rows: Locator, name: str) -> int:
    """The figure of a table beside its name."""
    row = rows.locator("tr", has=rows.page.get_by_role("rowheader", name=name))
    return int(row.locator("td").first.inner_text().replace(",", ""))


def filled(installation: Installation, property_id: str) -> int:
    """How many profiles of ours hold a property."""
    query = select(func.count()).where(profile.c.properties.has_key(property_id))
    with engine_for(installation.store_url("harbor-goods")).connect() as database:
        return database.execute(query).scalar_one()


def test_a_viewer_finds_the_page_in_the_navigation_and_is_offered_nothing(
    installation: Installation, logged_in: Callable[[str], BrowserContext]
) -> None:
    page = logged_in("vera").new_page()
    page.goto("/")
    page.get_by_text("Profile exchange", exact=True).first.click()
    pages(page).get_by_role("link", name="Taylor Times").click()
    expect(pages(page).get_by_role("heading", level=1)).to_contain_text("Taylor Times")
    expect(pages(page).get_by_role("button")).to_have_count(0)
    picture(page, "viewer")
    page.close()


def test_an_operator_checks_previews_runs_and_reads_what_came_of_it(
    installation: Installation, logged_in: Callable[[str], BrowserContext]
) -> None:
    everyone_reads_more(installation)
    page = logged_in("otto").new_page()
    page.goto("/dags/taylor-times/plugin/exchange")
    shown = pages(page)
    shown.get_by_role("button", name="Check now").click()
    # That it is authenticated may stand there from before: the answer to this click is awaited.
    expect(shown.get_by_text("was asked, and lets us in")).to_be_visible()
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
    expect(shown.get_by_role("link", name="Count again")).to_be_visible()
    shown.get_by_role("region", name="Run history").evaluate("each => each.scrollIntoView()")
    picture_of_the_readme(page, "connection-after-a-run")
    first.get_by_role("link", name="Run and logs in Airflow").click()
    page.wait_for_url("**/dags/taylor-times/runs/**")
    page.close()


def test_an_administrator_switches_a_connection_off_and_on(
    installation: Installation, logged_in: Callable[[str], BrowserContext]
) -> None:
    page = logged_in("admin").new_page()
    page.emulate_media(color_scheme="dark")
    page.goto("/plugin/profile-exchange")
    shown = pages(page)
    expect(shown.get_by_role("link", name="Harbor Goods")).to_be_visible()
    picture(page, "administrator")
    shown.get_by_role("link", name="Harbor Goods").click()
    shown.get_by_role("button", name="Switch runs off").click()
    expect(shown.get_by_text("Runs are switched off")).to_be_visible()
    shown.get_by_role("button", name="Switch runs on").click()
    expect(shown.get_by_text("Runs are switched on")).to_be_visible()
    page.close()


def fill_in_the_form(shown: FrameLocator) -> None:
    """A new connection, step by step: what the other tenant really exposes is chosen from."""
    following = shown.get_by_role("button", name="Next", exact=True).last
    shown.get_by_label("Title").fill("Sports desk")
    shown.get_by_label("Our tenant").select_option("harbor-goods")
    shown.get_by_label("Name of the other tenant").fill("Taylor Times")
    shown.get_by_label("Its host name").fill("taylor-times.localhost")
    shown.get_by_label("imports from the other tenant").check()
    following.click()
    shown.get_by_label("Airflow connection").fill("taylor_times")
    shown.get_by_role("button", name="Check", exact=True).click()
    expect(shown.get_by_role("img", name="authenticated")).to_be_visible()
    following.click()
    shown.get_by_label("these only").check()
    shown.get_by_label("Sports readers").check()
    shown.get_by_label("Partner data").check()
    shown.get_by_role("button", name="Suggest links").click()
    expect(shown.get_by_label("Theirs", exact=True)).to_have_value("email")
    following.click()
    shown.get_by_label("Engagement score").check()
    shown.get_by_role("button", name="Map the chosen ones").click()
    expect(shown.get_by_label("Our property")).to_have_value("TaylorTimes_EngagementScore")
    shown.get_by_role("button", name="The file").click()
    expect(shown.locator("pre", has_text="sports-readers")).to_be_visible()


def test_a_person_makes_a_connection_runs_it_and_changes_it(
    installation: Installation, logged_in: Callable[[str], BrowserContext]
) -> None:
    page = logged_in("otto").new_page()
    page.goto("/plugin/profile-exchange")
    shown = pages(page)
    shown.get_by_role("link", name="New connection").click()
    fill_in_the_form(shown)
    shown.get_by_role("button", name="Save").click()
    expect(
        shown.get_by_text("Airflow has not read its file yet. It will by itself")
    ).to_be_visible()
    picture(page, "just-saved")
    shown.get_by_role("button", name="Switch runs on").click()
    expect(shown.get_by_text("Runs are switched on")).to_be_visible()

    shown.get_by_role("button", name="Preview").click()
    expect(newest(shown).get_by_text("would be modified")).to_be_visible(timeout=A_RUN)
    assert filled(installation, "TaylorTimes_EngagementScore") == 0
    shown.get_by_role("button", name="Run now").click()
    expect(newest(shown).locator(".line .state")).to_have_text("succeeded", timeout=A_RUN)
    newest(shown).get_by_text("Counts by fate").click()
    written = figure(newest(shown), "TaylorTimes_EngagementScore")
    assert written == filled(installation, "TaylorTimes_EngagementScore") > 0
    assert figure(newest(shown), "modified") == written
    picture(page, "the-new-connection-after-a-run")

    path = installation.project.connections / "sports-desk.yaml"
    agreed = "# as agreed with their newsroom\ntitle: Sports desk\n"
    path.write_text(path.read_text().replace("title: Sports desk\n", agreed))
    shown.get_by_role("link", name="Edit").click()
    shown.get_by_label("What it is for").fill("Who reads about sports.")
    shown.get_by_role("button", name="The file").click()
    changes = shown.get_by_role("region", name="What changes")
    expect(changes).to_contain_text("+description: Who reads about sports.")
    picture(page, "what-changes")
    before = path.read_text()
    shown.get_by_role("button", name="Save").click()
    expect(shown.get_by_text("Who reads about sports.", exact=True)).to_be_visible()
    described = "description: Who reads about sports.\n"
    assert path.read_text().replace(described, "") == before
    assert described in path.read_text()
    page.close()


def test_a_person_refuses_what_a_run_would_do_and_approves_it_another_time(
    installation: Installation, logged_in: Callable[[str], BrowserContext]
) -> None:
    page = logged_in("otto").new_page()
    page.goto(f"/dags/{CAREFUL}/plugin/exchange")
    shown = pages(page)
    waiting = shown.get_by_role("region", name="A run waits for approval")

    shown.get_by_role("button", name="Run now").click()
    expect(waiting).to_be_visible(timeout=A_RUN)
    planned = figure(waiting, "modified")
    assert figure(waiting, "CarefulTimes_Engagement") > 0
    picture(page, "a-run-waits")
    waiting.get_by_role("button", name="Refuse").click()
    expect(newest(shown).locator(".line .state")).to_have_text("refused", timeout=A_RUN)
    expect(newest(shown)).to_contain_text("was refused by otto")
    assert filled(installation, "CarefulTimes_Engagement") == 0

    shown.get_by_role("button", name="Run now").click()
    expect(waiting).to_be_visible(timeout=A_RUN)
    first_time = figure(waiting, "CarefulTimes_Engagement")
    waiting.get_by_role("button", name="Approve").click()
    expect(newest(shown).locator(".line .state")).to_have_text("succeeded", timeout=A_RUN)
    newest(shown).get_by_text("Counts by fate").click()
    assert figure(newest(shown), "modified") == planned > 0
    assert filled(installation, "CarefulTimes_Engagement") == first_time
    page.close()
