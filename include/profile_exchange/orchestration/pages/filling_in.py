"""What a person sends with one step of the form, put into the draft.

The draft travels in the form itself, so the server keeps nothing; it is read as what it is, a
text that anybody could have written, and becomes a connection by way of the parser only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, put, put_unless, take_item, value_at
from profile_exchange.config.field_texts import put_lines
from profile_exchange.domain.connection import ConsentRule, Restriction, Strategy, Unmatched
from profile_exchange.orchestration.pages.filling_in_checks import fill_in_checks, new_expectation
from profile_exchange.orchestration.pages.filling_in_schedule import fill_in_schedule, left_over
from profile_exchange.orchestration.pages.filling_in_transforms import (
    fill_in_transforms,
    new_transform,
)
from profile_exchange.orchestration.pages.form_fields import (
    chosen,
    one,
    put_choice,
    put_list,
    put_text,
    put_tick,
    put_words,
)

BAD_REQUEST = 400
#: The steps in their order, and the keys whose mistakes belong to each.
STEPS: dict[str, tuple[str, ...]] = {
    "tenants": ("", "title", "description", "labels", "favorite", "enabled", "tenant", "partner"),
    "credentials": ("import.credentials", "expose.networks"),
    "segments": (
        "import.segments",
        "import.links",
        "import.unmatched",
        "expose",
        "objectives",
        "consent",
    ),
    "mappings": ("import.mappings",),
    "checks": (
        "import.expectations",
        "import.limits",
        "import.approval",
        "import.pull",
        "import.complete_every_days",
        "import.keep",
    ),
    "schedule": ("schedule", "notifications"),
    "review": (),
}
SWITCH = {"true": True, "false": False}
EXPECTATIONS = "import.expectations"
TRANSFORMS = re.compile(r"import\.mappings\[[0-9]{1,5}\]\.transforms")


@dataclass
class Draft:
    """A connection being written: its id, what its file would say, and the file that it came from.

    ``digest`` is of that file as it was read; None is a new connection. ``seen`` are the steps
    that were filled in, whose mistakes are shown. ``left`` is what stands in fields that the chosen
    kind of schedule has no use for: no file says it, and nobody is to lose it unseen.
    """

    id: str = ""
    data: Data = field(default_factory=dict)
    digest: str | None = None
    seen: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def carried(self) -> str:
        """The draft as the form carries it."""
        return json.dumps(vars(self))


def carried_in(form: FormData) -> Draft:
    """The draft that a form carries. Refuses what is none."""
    try:
        told = json.loads(one(form, "draft") or "{}")
        draft = Draft(**told)
    except (ValueError, TypeError, RecursionError):
        raise _unreadable() from None
    sound = isinstance(draft.id, str) and isinstance(draft.data, dict) and _is_left(draft.left)
    if not sound or not isinstance(draft.digest, str | None) or not isinstance(draft.seen, list):
        raise _unreadable()
    return draft


def _is_left(left: Any) -> bool:
    return isinstance(left, dict) and all(isinstance(told, str) for told in left.values())


def _unreadable() -> HTTPException:
    return HTTPException(BAD_REQUEST, "This draft cannot be read: begin anew.")


def fill_in(draft: Draft, step: str, form: FormData) -> None:
    """Put what was sent with a step into the draft."""
    filling = _FILLING.get(step)
    if filling:
        filling(draft, form)
        draft.seen = sorted({*(each for each in draft.seen if each in STEPS), step})


def _tenants(draft: Draft, form: FormData) -> None:
    data = draft.data
    if draft.digest is None:
        draft.id = one(form, "id").strip()
    for name in ("title", "tenant", "partner.name", "partner.host"):
        put_text(data, form, name, str)
    if "description" in form:
        put_lines(data, "description", one(form, "description"))
    put_words(data, form, "labels")
    put_tick(data, form, "favorite")
    if (told := one(form, "enabled")) in SWITCH:
        put_unless(data, "enabled", SWITCH[told], True)
    for goal, first in (("import", {"segments": "all"}), ("expose", {})):
        if goal not in form.getlist("goals"):
            data.pop(goal, None)
        elif not isinstance(data.get(goal), dict):
            data[goal] = dict(first)


def _credentials(draft: Draft, form: FormData) -> None:
    if "import" in draft.data:
        put_text(draft.data, form, "import.credentials", str)
    if "expose" in draft.data:
        put_words(draft.data, form, "expose.networks")


def _segments(draft: Draft, form: FormData) -> None:
    data = draft.data
    if isinstance(data.get("import"), dict):
        everything = one(form, "all_segments") == "all"
        if everything:
            put_unless(data, "import.segments", "all", None)
        else:
            put_list(data, "import.segments", chosen(form, "import.segments"))
            data["import"].setdefault("segments", [])  # none is a mistake, and not all of them
        for name in form:
            if name.startswith("import.links["):
                put_text(data, form, name, str)
        put_choice(data, form, "import.unmatched", Unmatched.SKIP)
    for name in ("segments", "identifiers", "properties"):
        if "expose" in data:
            put_list(data, f"expose.{name}", chosen(form, f"expose.{name}"))
    put_list(data, "objectives", chosen(form, "objectives"))
    put_choice(data, form, "consent", ConsentRule.EXPLICIT)


def _mappings(draft: Draft, form: FormData) -> None:
    rows = value_at(draft.data, "import.mappings")
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        at = f"import.mappings[{number}]"
        if f"{at}.to" not in form or not isinstance(row, dict):
            continue
        for key in ("from", "text", "to"):
            put_text(draft.data, form, f"{at}.{key}", str)
        put_choice(draft.data, form, f"{at}.strategy", Strategy.SET)
        put_choice(draft.data, form, f"{at}.restriction", Restriction.ALL_PROFILES)
        put_tick(draft.data, form, f"{at}.overwrite")
        put_tick(draft.data, form, f"{at}.clear_when_absent")
        fill_in_transforms(draft.data, form, at)


def _schedule(draft: Draft, form: FormData) -> None:
    draft.left = left_over(draft.data, draft.left, form)
    fill_in_schedule(draft.data, form)


_FILLING: dict[str, Callable[[Draft, FormData], None]] = {
    "tenants": _tenants,
    "credentials": _credentials,
    "segments": _segments,
    "mappings": _mappings,
    "checks": lambda draft, form: fill_in_checks(draft.data, form),
    "schedule": _schedule,
}


def rearranged(draft: Draft, action: str, what: str, form: FormData) -> None:
    """Add a row to a list of the draft, or take one out."""
    if action == "remove" and what.startswith(("import.links", "import.mappings", EXPECTATIONS)):
        take_item(draft.data, what)
        rows = what.rpartition("[")[0]
        if value_at(draft.data, rows) == []:
            put(draft.data, rows, None)
    fresh = _new_row(what, form) if action == "add" else None
    if fresh is not None:
        rows = value_at(draft.data, what)
        put(draft.data, what, [*(rows if isinstance(rows, list) else []), fresh])


def _new_row(what: str, form: FormData) -> Any:
    """What is put into a list by its button; None for what is none of the form's lists."""
    if what == "import.links":
        return {"theirs": "", "ours": ""}
    if what == "import.mappings":
        return {"from": "", "to": ""}
    if what == EXPECTATIONS:
        return new_expectation(one(form, f"{what}+"))
    if TRANSFORMS.fullmatch(what):
        return new_transform(one(form, f"{what}+"))
    return None


def step_of(key: str) -> str:
    """The step at which a mistake is mended."""
    for step, keys in STEPS.items():
        if any(key == own or (own and key.startswith((f"{own}.", f"{own}["))) for own in keys):
            return step
    return "review"
