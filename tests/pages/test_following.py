"""A page that follows a run: what it keeps, how often it looks, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.pages.past import NOON, full_past, past_run, remember
from tests.pages.serving import Serving

PATH = "/profile-exchange/connections/taylor-times"
WATCHED = "window.looks = 0; const look = fetch; window.fetch = (...a) => (looks++, look(...a))"
MARKED = "document.getElementById('live').dataset.seen = ''"
MOST_SECONDS = 31
TOLD = "A run was asked for."


class Following:
    """A page whose clock stands still unless it is told to go on."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, query: str = "") -> None:
        self.page.clock.install(time=NOON)
        self.page.clock.pause_at(NOON + timedelta(hours=1))
        self.page.goto(f"{PATH}{query}")
        self.page.evaluate(WATCHED)

    def next_try(self) -> int:
        """Let time pass until the page looks for news. Returns after how many seconds it does."""
        self.page.evaluate(MARKED)
        tried = self.page.evaluate("looks")
        for seconds in range(1, MOST_SECONDS + 1):
            self.page.clock.run_for(1000)
            if self.page.evaluate("looks") > tried:
                return seconds
        raise AssertionError("the page follows no more")

    def next_look(self) -> int:
        """The same, until it shows what it found."""
        seconds = self.next_try()
        expect(self.page.locator("#live:not([data-seen])")).to_have_count(1)
        return seconds


@pytest.fixture
def following(server: Serving, stores: dict[str, str], window: Callable[..., Page]) -> Following:
    """The page of a connection whose run was asked for and waits, as its DAG is switched off."""
    server.learn()
    full_past(stores["harbor-goods"])
    assert server.browser("op").post("/connections/taylor-times/run").status_code == 303
    return Following(window("op"))


def test_what_was_done_stays_to_be_read_and_then_goes(following: Following) -> None:
    following.open("?done=run")
    told = following.page.get_by_text(TOLD)
    for _ in range(3):
        following.next_look()
        expect(told).to_be_visible()
    for _ in range(3):
        following.next_look()
    expect(told).to_have_count(0)


def test_what_somebody_opened_or_ticked_stays_so_when_a_new_run_comes(
    following: Following, stores: dict[str, str]
) -> None:
    following.open()
    page = following.page
    opened = page.locator('details[data-key="counts manual__11"]')
    opened.locator("summary").click()
    page.locator('details[data-key="entries"] summary').click()
    box = page.locator("input[name=profile][type=checkbox]").nth(1)
    box.check()
    opened.locator("summary").focus()
    remember(stores["harbor-goods"], [past_run(20)])
    following.next_look()
    expect(opened).to_have_attribute("open", "")
    assert page.locator('details[data-key="counts manual__20"]').get_attribute("open") is None
    expect(box).to_be_checked()
    expect(opened.locator("summary")).to_be_focused()


def test_it_stands_still_while_somebody_writes(following: Following) -> None:
    following.open("?after=0")
    following.page.locator('details[data-key="entries"] summary').click()
    field = following.page.get_by_label("Profile id")
    field.fill("0000")
    with pytest.raises(AssertionError, match="follows no more"):
        following.next_try()
    expect(field).to_have_value("0000")


def test_it_looks_ever_more_seldom_while_nothing_happens(
    following: Following, stores: dict[str, str]
) -> None:
    following.open()
    waits = [following.next_look() for _ in range(14)]
    assert waits == sorted(waits)
    assert waits[0] == 2
    assert waits[-1] >= 4
    remember(stores["harbor-goods"], [past_run(20)])
    following.next_look()
    assert following.next_look() == 2


def test_a_look_that_fails_is_told_and_tried_again_ever_more_seldom(following: Following) -> None:
    following.open()
    page = following.page
    page.route(f"**{PATH}?*", lambda route: route.abort())
    lost = page.get_by_text("This page could not be brought up to date")
    expect(lost).to_be_hidden()
    waits = []
    for _ in range(4):
        # It comes back when the page has seen this look fail, and not before it sets its clock.
        lost.evaluate("note => { note.hidden = true; }")
        waits.append(following.next_try())
        expect(lost).to_be_visible()
    assert waits == [2, 4, 8, 16]
    # The last look has to have failed, or the page waits for its answer and not for the next one.
    page.unroute_all(behavior="wait")
    following.next_look()
    expect(lost).to_be_hidden()


def test_moments_are_in_the_readers_time_zone(
    following: Following, window: Callable[..., Page]
) -> None:
    page = window("viewer", timezone_id="Asia/Tokyo")
    page.goto(PATH)
    moment = page.locator('time[title="2026-05-12 12:00 UTC"]').first
    expect(moment).to_have_text("2026-05-12 21:00 GMT+9")
