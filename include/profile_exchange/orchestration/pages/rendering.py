"""Pages from templates. Everything that is put into one is escaped."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from profile_exchange.orchestration.pages import words
from profile_exchange.orchestration.pages.static_files import static_files

TEMPLATES = Path(__file__).with_name("templates")
OK = 200


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    return environment


def page(request: Request, template: str, *, status: int = OK, **shown: Any) -> HTMLResponse:
    """A page. Templates find ``address`` of a page, ``static`` files, and ``airflow``'s address.

    ``shown`` is what the template names; it is an error if that is not all there. ``zone`` is the
    time zone in which moments are written, empty for the reader's own.
    """
    found = _templates().get_template(template)
    return HTMLResponse(found.render(**addresses(request), **{"zone": "", **shown}), status)


def addresses(request: Request) -> dict[str, Callable[..., str]]:
    """The functions by which templates link."""
    ours = request.scope.get("root_path", "")
    airflows = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")

    def address(*parts: str) -> str:
        return "/".join([ours, *(quote(part, safe="") for part in parts)]) if parts else f"{ours}/"

    def static(name: str) -> str:
        return f"{ours}/static/{name}?v={static_files()[name].version}"

    def airflow(*parts: str) -> str:
        return "/".join([airflows, *(quote(part, safe="") for part in parts)])

    return {"address": address, "static": static, "airflow": airflow}
