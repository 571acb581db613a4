"""A new connection, step by step, and changes to one that is there.

Each step is a form that carries the draft on, so that it works without scripts and the server
keeps nothing. It ends with the file: to download, or written where the installation allows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import available_timezones

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from profile_exchange.config.connection_files import load, save
from profile_exchange.config.drafts import put, suggested_id, text_of, value_at
from profile_exchange.config.expectations import USABLE
from profile_exchange.config.forms import SLUG
from profile_exchange.config.registry import read_draft
from profile_exchange.config.schedules import next_slots
from profile_exchange.config.settings import settings
from profile_exchange.config.yaml_editing import difference
from profile_exchange.config.yaml_source import read_text
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, Problem
from profile_exchange.domain.schedule import Weekday, Which
from profile_exchange.domain.suggestions import suggested_links, suggested_mappings
from profile_exchange.orchestration.pages.access import EDITING, VIEWING, Caller, visible
from profile_exchange.orchestration.pages.actions import back
from profile_exchange.orchestration.pages.both_sides import (
    Ours,
    Theirs,
    credentials_to_choose,
    ours,
    theirs,
    with_collisions,
)
from profile_exchange.orchestration.pages.configured import configuration
from profile_exchange.orchestration.pages.drafted import Drafted
from profile_exchange.orchestration.pages.filling_in import (
    STEPS,
    Draft,
    carried_in,
    fill_in,
    rearranged,
    step_of,
)
from profile_exchange.orchestration.pages.filling_in_checks import arguments_of
from profile_exchange.orchestration.pages.filling_in_schedule import CHOICES, mistakes_of
from profile_exchange.orchestration.pages.filling_in_transforms import KINDS, pairs_of
from profile_exchange.orchestration.pages.rendering import page

SLOTS, OK, BAD_REQUEST, NOT_FOUND, CONFLICT = 5, 200, 400, 404, 409
#: The steps at which the other tenant is asked what it exposes right now.
ASKING = ("segments", "mappings")

router = APIRouter(dependencies=[EDITING])


async def sent_form(request: Request) -> FormData:
    """What a browser sent."""
    return await request.form(max_files=0, max_fields=5000)


Sent = Annotated[FormData, Depends(sent_form)]


@dataclass(frozen=True, slots=True)
class Asking:
    """A request of somebody who fills in the form."""

    request: Request
    user: Caller
    session: SessionDep


ByCaller = Annotated[Asking, Depends()]


@router.get("/new")
def new(by: ByCaller) -> Response:
    """The first step of a new connection."""
    return _shown(by, Draft(), "tenants")


@router.get("/connections/{dag_id}/edit", dependencies=[VIEWING])
def edit(by: ByCaller, dag_id: str) -> Response:
    """The first step of changing a connection."""
    stored = load(dag_id, settings().connections_dir)
    if stored is None:
        raise HTTPException(NOT_FOUND, f"There is no file of a connection {dag_id}.")
    try:
        data = dict(read_text(stored.text, stored.path.name).data)
    except ConfigurationError as error:
        told = f"{error} The form cannot show such a file: mend it in an editor."
        raise HTTPException(BAD_REQUEST, told) from None
    return _shown(by, Draft(dag_id, data, stored.digest), "tenants")


@router.post("/draft")
def draft(by: ByCaller, form: Sent) -> Response:
    """Take what a step was filled in with, and do what was asked: most often, show the next."""
    found = carried_in(form)
    if found.digest is not None and found.id not in visible(by.user, [found.id]):
        raise HTTPException(NOT_FOUND, f"There is no connection {found.id} that you may see.")
    step = str(form.get("step", ""))
    fill_in(found, step, form)
    action, _, what = str(form.get("go", "")).partition(":")
    if action == "download":
        return _download(found)
    if action == "save":
        return _saved(by, found)
    if action == "suggest":
        _suggest(found, what, [str(each) for each in form.getlist("wanted")])
    rearranged(found, action, what, form)
    goal = what if action == "step" and what in STEPS else step if step in STEPS else "tenants"
    return _shown(by, found, goal, check=action == "check")


def _shown(
    by: Asking,
    found: Draft,
    step: str,
    *,
    check: bool = False,
    told: str = "",
    status: int = OK,
) -> Response:
    """A step of the form."""
    if step != "tenants" and not found.id:
        title = str(found.data.get("title", ""))
        found.id = suggested_id(title, configuration().connections)
    text, connection, problems = _read(found)
    ours_now = ours(found.data)
    imports = isinstance(found.data.get("import"), dict)
    asked = imports and (check or step in ASKING)
    return page(
        by.request,
        "edit.html",
        status=status,
        draft=found,
        step=step,
        steps=list(STEPS),
        told=told,
        file=text,
        problems=problems,
        step_of=step_of,
        mistakes={each.key: each.message for each in problems if step_of(each.key) in found.seen},
        theirs=theirs(found.data) if asked else Theirs() if step in ASKING else None,
        ours=with_collisions(ours_now, found.id, found.data) if step == "mappings" else ours_now,
        tenants=configuration().tenants,
        drafted=Drafted(found.data),
        arguments_of=arguments_of,
        expectations=sorted(USABLE),
        kinds_of_transforms=KINDS,
        pairs_of=pairs_of,
        slots=_slots(connection),
        schedules=CHOICES,
        zones=sorted(available_timezones()) if step == "schedule" else [],
        credentials=credentials_to_choose(by.user, by.session) if step == "credentials" else [],
        weekdays=list(Weekday),
        which=list(Which),
        changes=_changes(found, text) if step == "review" else "",
        may_write=settings().write_connections,
    )


def _before(found: Draft) -> str | None:
    """What is in the file that is changed. Raises when that is not what was read at first."""
    if found.digest is None:
        return None
    stored = load(found.id, settings().connections_dir)
    if stored is None or stored.digest != found.digest:
        raise ConfigurationError(
            f"The file of {found.id} has changed since you began: begin again from what it is now. "
            "Yours is made anew from what you filled in, without its comments: download it first."
        )
    return stored.text


def _read(found: Draft) -> tuple[str, Connection | None, tuple[Problem, ...]]:
    """The file that the draft makes, the connection that is, and every mistake in it.

    Where the file that it came from has changed, the draft makes one anew, to be downloaded.
    """
    before, mistakes = None, mistakes_of(found.left)
    try:
        before = _before(found)
    except ConfigurationError as error:
        mistakes += error.problems
    try:
        text = text_of(found.data, before, f"{found.id}.yaml")
    except ConfigurationError as error:
        return "", None, error.problems
    connection, problems = read_draft(found.id, text, settings().tenants_dir)
    return text, connection, (*mistakes, *problems)


def _changes(found: Draft, text: str) -> str:
    try:
        before = _before(found)
    except ConfigurationError:
        return "Not known: the file is not what it was when you began."
    return "" if before is None else difference(before, text, f"{found.id}.yaml")


def _slots(connection: Connection | None) -> list[datetime]:
    if connection is None or connection.schedule is None:
        return []
    return next_slots(connection.schedule, datetime.now(UTC), SLOTS)


def _suggest(found: Draft, what: str, wanted: list[str]) -> None:
    """Put what was chosen among the suggestions into the draft."""
    theirs_now, ours_now = theirs(found.data), ours(found.data)
    if what == "links":
        links = suggested_links(theirs_now.identifiers, ours_now.identifiers)
        rows = [{"theirs": pair.theirs, "ours": pair.ours} for pair in links]
        put(found.data, "import.links", rows)
    if what == "mappings":
        rows = value_at(found.data, "import.mappings")
        rows = rows if isinstance(rows, list) else []
        fresh = _suggested(found, theirs_now, ours_now, wanted)
        put(found.data, "import.mappings", [*rows, *fresh])


def _suggested(
    found: Draft, theirs_now: Theirs, ours_now: Ours, wanted: list[str]
) -> list[dict[str, str]]:
    partner = str(value_at(found.data, "partner.name") or "")
    rows = value_at(found.data, "import.mappings") or []
    taken = {known.id for known in ours_now.properties}
    taken |= {str(row.get("to")) for row in rows if isinstance(row, dict)}
    chosen = [known for known in theirs_now.properties if known.id in wanted]
    return [
        {"from": each.source, "to": each.target, "strategy": each.strategy.value}
        for each in suggested_mappings(partner, chosen, taken, found.id)
    ]


def _download(found: Draft) -> Response:
    """The file as it would be written, whatever is wrong with it."""
    text, _, problems = _read(found)
    if not text:
        raise ConfigurationError(problems)
    name = f"{found.id}.yaml" if re.fullmatch(SLUG, found.id) else "connection.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="application/yaml", headers=headers)


def _saved(by: Asking, found: Draft) -> Response:
    """Write the file, if all is right with it, and go to the connection's page."""
    if not settings().write_connections:
        told = "This installation keeps its files to itself: download yours, and put it there."
        return _shown(by, found, "review", told=told, status=CONFLICT)
    text, _, problems = _read(found)
    if problems:
        everything = replace(found, seen=list(STEPS))
        return _shown(by, everything, "review", told="Mend this first.", status=CONFLICT)
    try:
        save(found.id, text, settings().connections_dir, found.digest)
    except ConfigurationError as error:
        return _shown(by, found, "review", told=str(error), status=CONFLICT)
    return back(by.request, found.id, "saved")
