"""Nobody gets anything without a login, and nobody more than Airflow allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from profile_exchange.orchestration.pages.app import create_app
from tests.pages.serving import Serving

#: What fills the parameters of any route's path.
FILLED = {"dag_id": "taylor-times", "run_id": "manual__1", "name": "pages.css"}
READING = {"GET", "HEAD"}


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path of the app; each of its routes is one that dependencies guard."""
    for route in create_app().routes:
        assert isinstance(route, APIRoute), f"{route} asks nobody for a login"
        for method in route.methods - {"HEAD"}:
            yield method, route.path.format(**FILLED)


ROUTES = sorted(routes())
ACTIONS = [(method, path) for method, path in ROUTES if method not in READING]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_login_no_route_answers(server: Serving, method: str, path: str) -> None:
    answer = server.browser().request(method, path)
    if method in READING:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/auth/login?next=")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_token_of_somebody_else_opens_nothing(server: Serving, method: str, path: str) -> None:
    stranger = server.browser()
    stranger.cookies.set("_token", "e30.e30.e30")
    assert stranger.request(method, path).status_code in {303, 401, 403}


@pytest.mark.parametrize(("method", "path"), ACTIONS)
@pytest.mark.usefixtures("folder")
def test_who_may_only_look_does_nothing(server: Serving, method: str, path: str) -> None:
    assert server.browser("viewer").request(method, path).status_code == 403


@pytest.mark.parametrize("origin", [None, "null", "http://elsewhere.test", "https://airflow.test"])
@pytest.mark.parametrize(("method", "path"), ACTIONS)
def test_what_comes_from_elsewhere_does_nothing(
    server: Serving, method: str, path: str, origin: str | None
) -> None:
    browser = server.browser("admin")
    del browser.headers["Origin"]
    headers = {"Origin": origin} if origin else {}
    assert browser.request(method, path, headers=headers).status_code == 403


def test_a_browser_runs_and_loads_nothing_but_ours(server: Serving, folder: Path) -> None:
    answer = server.browser("viewer").get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_files_are_kept_as_long_as_their_content_is_the_same(server: Serving) -> None:
    browser = server.browser("viewer")
    page = browser.get("/").text
    address = next(part for part in page.split('"') if "pages.css" in part)
    assert (
        "immutable"
        in browser.get(address.removeprefix("/profile-exchange")).headers["cache-control"]
    )
    assert "immutable" not in browser.get("/static/pages.css").headers["cache-control"]
    assert browser.get("/static/..%2fapp.py").status_code == 404
