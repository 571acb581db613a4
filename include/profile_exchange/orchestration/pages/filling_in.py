"""What a person sends with one step of the form, put into the draft.

The draft travels in the form itself, so the server keeps nothing; it is read as what it is, a
text that anybody could have written, and becomes a connection by way of the parser only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException
from pydantic import ValidationError
from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, put, put_unless, take_item, value_at, words
from profile_exchange.config.schedule_spec import KINDS, ScheduleSpec
from profile_exchange.domain.connection import ConsentRule, Restriction, Strategy, Unmatched
from profile_exchange.domain.notifications import Occasion
from profile_exchange.domain.schedule import WhileRunning

BAD_REQUEST = 400
#: The steps in their order, and the keys whose mistakes belong to each.
STEPS: dict[str, tuple[str, ...]] = {
    "tenants": ("", "title", "description", "labels", "favorite", "tenant", "partner"),
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
    "schedule": ("schedule", "notifications"),
    "review": (),
}
NUMBERS = ("times_per_day", "day_of_month")


@dataclass
class Draft:
    """A connection being written: its id, what its file would say, and the file that it came from.

    ``digest`` is of that file as it was read; None is a new connection. ``seen`` are the steps
    that were filled in, whose mistakes are shown.
    """

    id: str = ""
    data: Data = field(default_factory=dict)
    digest: str | None = None
    seen: list[str] = field(default_factory=list)

    def carried(self) -> str:
        """The draft as the form carries it."""
        return json.dumps(vars(self))


def carried_in(form: FormData) -> Draft:
    """The draft that a form carries. Refuses what is none."""
    try:
        told = json.loads(_one(form, "draft") or "{}")
        draft = Draft(**told)
    except (ValueError, TypeError, RecursionError):
        raise _unreadable() from None
    sound = isinstance(draft.id, str) and isinstance(draft.data, dict)
    if not sound or not isinstance(draft.digest, str | None) or not isinstance(draft.seen, list):
        raise _unreadable()
    return draft


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
        draft.id = _one(form, "id").strip()
    for name in ("title", "description", "tenant", "partner.name", "partner.host"):
        put(data, name, _one(form, name).strip().replace("\r\n", "\n"))
    _put_list(data, "labels", words(_one(form, "labels")))
    put_unless(data, "favorite", "favorite" in form, False)
    for goal, first in (("import", {"segments": "all"}), ("expose", {})):
        if goal not in form.getlist("goals"):
            data.pop(goal, None)
        elif not isinstance(data.get(goal), dict):
            data[goal] = dict(first)


def _credentials(draft: Draft, form: FormData) -> None:
    if "import" in draft.data:
        put(draft.data, "import.credentials", _one(form, "import.credentials").strip())
    if "expose" in draft.data:
        _put_list(draft.data, "expose.networks", words(_one(form, "expose.networks")))


def _segments(draft: Draft, form: FormData) -> None:
    data = draft.data
    if "import" in data:
        everything = _one(form, "all_segments") == "all"
        chosen = _chosen(form, "import.segments")
        if everything:
            put_unless(data, "import.segments", "all", None)
        else:
            _put_list(data, "import.segments", chosen)
            data["import"].setdefault("segments", [])  # none is a mistake, and not all of them
        for name in form:
            if name.startswith("import.links["):
                put(data, name, _one(form, name).strip())
        _put_choice(data, form, "import.unmatched", Unmatched.SKIP)
    for name in ("segments", "identifiers", "properties"):
        if "expose" in data:
            _put_list(data, f"expose.{name}", _chosen(form, f"expose.{name}"))
    _put_list(data, "objectives", _chosen(form, "objectives"))
    _put_choice(data, form, "consent", ConsentRule.EXPLICIT)


def _mappings(draft: Draft, form: FormData) -> None:
    rows = value_at(draft.data, "import.mappings")
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        at = f"import.mappings[{number}]"
        if f"{at}.to" not in form or not isinstance(row, dict):
            continue
        for key in ("from", "text", "to"):
            if f"{at}.{key}" in form:
                put(draft.data, f"{at}.{key}", _one(form, f"{at}.{key}").strip())
        _put_choice(draft.data, form, f"{at}.strategy", Strategy.SET)
        _put_choice(draft.data, form, f"{at}.restriction", Restriction.ALL_PROFILES)
        put_unless(draft.data, f"{at}.overwrite", f"{at}.overwrite" in form, False)


def _schedule(draft: Draft, form: FormData) -> None:
    kind = _one(form, "schedule_kind")
    schedule = schedule_of(kind, form) if kind in KINDS else None
    if schedule is None or not _means_the_same(schedule, draft.data.get("schedule")):
        put(draft.data, "schedule", schedule)
    emails = words(_one(form, "notifications.emails"))
    _put_list(draft.data, "notifications.emails", emails)
    if isinstance(draft.data.get("notifications"), dict):
        _put_choice(draft.data, form, "notifications.when", Occasion.FAILURE)
        overdue = _one(form, "notifications.overdue_after").strip()
        put(draft.data, "notifications.overdue_after", overdue)
        if not (value_at(draft.data, "notifications.notifiers") or emails):
            draft.data.pop("notifications")


def _means_the_same(one: Data, other: Any) -> bool:
    try:
        return ScheduleSpec(**one) == ScheduleSpec(**other)
    except (ValidationError, TypeError):
        return False


def schedule_of(kind: str, form: FormData) -> Data:
    """The schedule of one kind, from the fields of that kind."""
    own: Data = {kind: _scheduled(kind, form)}
    clock = "start" if kind == "times_per_day" else "" if kind == "cron" else "time"
    others = {name: _one(form, f"schedule.{name}").strip() for name in (clock, "timezone") if name}
    own |= {name: told for name, told in others.items() if told}
    waiting = _one(form, "schedule.while_running")
    return own | ({"while_running": waiting} if waiting not in ("", WhileRunning.WAIT) else {})


def _scheduled(kind: str, form: FormData) -> Any:
    if kind == "days_of_week":
        return _chosen(form, "schedule.days_of_week")
    if kind == "weekday_of_month":
        return f"{_one(form, 'schedule.which')} {_one(form, 'schedule.weekday')}"
    told = _one(form, f"schedule.{kind}").strip()
    return int(told) if kind in NUMBERS and told.isascii() and told.isdecimal() else told


_FILLING: dict[str, Callable[[Draft, FormData], None]] = {
    "tenants": _tenants,
    "credentials": _credentials,
    "segments": _segments,
    "mappings": _mappings,
    "schedule": _schedule,
}


def rearranged(draft: Draft, action: str, what: str) -> None:
    """Add a row to a list of the draft, or take one out."""
    lists: dict[str, Data] = {
        "import.links": {"theirs": "", "ours": ""},
        "import.mappings": {"from": "", "to": ""},
    }
    if action == "remove" and what.startswith(tuple(lists)):
        take_item(draft.data, what)
        rows = what.rpartition("[")[0]
        if value_at(draft.data, rows) == []:
            put(draft.data, rows, None)
    if action == "add" and what in lists:
        rows = value_at(draft.data, what)
        put(draft.data, what, [*(rows if isinstance(rows, list) else []), dict(lists[what])])


def step_of(key: str) -> str:
    """The step at which a mistake is mended."""
    for step, keys in STEPS.items():
        if any(key == own or (own and key.startswith((f"{own}.", f"{own}["))) for own in keys):
            return step
    return "review"


def _one(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _chosen(form: FormData, name: str) -> list[str]:
    """What is ticked, and what is written beside it."""
    ticked = [each for each in form.getlist(name) if isinstance(each, str) and each]
    return list(dict.fromkeys([*ticked, *words(_one(form, f"{name}+"))]))


def _put_list(data: Data, name: str, told: list[str]) -> None:
    """Put a list; one with the same words keeps its order."""
    before = value_at(data, name)
    if isinstance(before, list) and all(isinstance(each, str) for each in before):
        kept = [each for each in before if each in told]
        told = [*kept, *(each for each in told if each not in kept)]
    put(data, name, told)


def _put_choice(data: Data, form: FormData, name: str, default: str) -> None:
    told = _one(form, name)
    if told:
        put_unless(data, name, told, default)
