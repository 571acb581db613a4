"""A real browser, and logging in with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

#: Screenshots are left here; git does not see the folder.
PICTURES = Path(__file__).parents[2] / "test-output" / "pages"
#: What documents show: written on demand only, so that a test run leaves the tree as it is.
OF_THE_README = Path(__file__).parents[2] / "docs" / "images"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Where systems that Playwright does not install a browser on have one.
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium: Playwright's own, or the one of the machine. Skips without either."""
    with sync_playwright() as playwright:
        browser = _launched(playwright)
        yield browser
        browser.close()


def _launched(playwright: Playwright) -> Browser:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        return playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
    except Error as error:
        reason = str(error).splitlines()[0]
        pytest.skip(f"No Chromium: install Debian's chromium, or playwright's own. {reason}")


def log_in(page: Page, address: str, user: str, password: str) -> None:
    """Log in at Airflow as a person does, and see what comes after it.

    Not only its first bytes: Chromium forgets to close a page whose next one is just arriving, and
    Playwright then waits for it without end.
    """
    page.goto(f"{address}/auth/login")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url)


def picture(page: Page, name: str, **options: Any) -> Path:
    """Leave a screenshot of what the page shows."""
    return _taken(page, PICTURES, name, options)


def picture_of_the_readme(page: Page, name: str) -> None:
    """The same, and where `README_PICTURES` is set, the README's own picture of this name too."""
    picture(page, name)
    if os.environ.get("README_PICTURES"):
        _taken(page, OF_THE_README, name, {})


def _taken(page: Page, folder: Path, name: str, options: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, **options)
    return path
