"""What a run has to keep to, as its step of the form has it: expectations, limits, approval,
how much is pulled, and how long traces are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, put, value_at
from profile_exchange.config.expectations import ARGUMENTS, REQUIRED, USABLE
from profile_exchange.config.field_texts import Meaning, from_field, listed_in_field
from profile_exchange.domain.connection import ApprovalRule, Pull
from profile_exchange.orchestration.pages.form_fields import one, put_choice, put_text, put_tick

#: Arguments that are text, whatever they look like; the other ones are read as YAML is.
_TEXTS = frozenset(
    {
        *("column", "column_A", "column_B", "regex", "like_pattern", "strftime_format", "escape"),
        *("type_", "match_on", "method", "ignore_row_if", "row_condition", "condition_parser"),
        *("other_table_name", "base_query", "comparison_query", "comparison_data_source_name"),
    }
)
_LISTS = frozenset(
    {
        *("value_set", "column_list", "column_set", "regex_list", "like_pattern_list", "type_list"),
        "value_pairs_set",
    }
)
#: Arguments that nearly nobody needs: shown where the file has them.
_SELDOM = frozenset({"row_condition", "condition_parser", "strict_min", "strict_max", "escape"})
_FIRST = ("column", "column_A", "column_B", "column_list", "column_set")
_NAME = re.compile(r"[A-Za-z]\w{0,62}")

#: What is said about an argument beside its field.
MEANINGS = {
    "column": "A property of theirs.",
    "column_A": "A property of theirs.",
    "column_B": "Another one.",
    "column_list": "Properties of theirs, with commas between them.",
    "column_set": "Properties of theirs, with commas between them.",
    "min_value": "The smallest that may come; empty for no bound.",
    "max_value": "The largest that may come; empty for no bound.",
    "mostly": "The share of values that has to keep to it, such as 0.95; else all.",
    "value_set": "With commas between them.",
    "regex": "A regular expression.",
}

#: What is chosen where no run waits.
NOBODY = "nobody"
LIMITS = ("max_rejected_share", "max_drop_share", "max_modified_share")
KEPT = ("quarantine_days", "fate_days")
#: Mappings of the file that are there only for what is said in them.
_HOLDERS = ("import.limits", "import.keep")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an expectation: what to say about it, and what its field means."""

    name: str
    required: bool

    @property
    def help(self) -> str:
        """What is said beside the field."""
        told = MEANINGS.get(self.name, "")
        return f"{told} Needed.".strip() if self.required else told

    @property
    def meaning(self) -> Meaning:
        """How the field's text is read."""
        if self.name in _TEXTS:
            return str
        return listed_in_field if self.name in _LISTS else from_field


def new_expectation(kind: str) -> Data | None:
    """An expectation as it is when it was added; None for one that there is not."""
    return {"type": kind} if kind in USABLE else None


def arguments_of(expectation: Any) -> list[Argument]:
    """The arguments of an expectation that have a field: columns and what it needs come first."""
    kind = expectation.get("type") if isinstance(expectation, dict) else None
    given = expectation.get("kwargs") if isinstance(expectation, dict) else None
    names = set(given) if isinstance(given, dict) else set()
    known = ARGUMENTS.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    needed = REQUIRED.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    fields = {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}
    fields |= known - _SELDOM
    order = sorted(fields, key=lambda name: (name not in _FIRST, name not in needed, name))
    return [Argument(name, name in needed) for name in order]


def fill_in_checks(data: Data, form: FormData) -> None:
    """Put what was sent with the step into the draft."""
    if not isinstance(data.get("import"), dict):
        return
    bare = [name for name in _HOLDERS if value_at(data, name) == {}]
    _expectations(data, form)
    for name in LIMITS:
        put_text(data, form, f"import.limits.{name}")
    put_tick(data, form, "import.limits.allow_zero_received")
    _approval(data, form)
    put_choice(data, form, "import.pull", Pull.COMPLETE)
    for name in ("complete_every_days", *(f"keep.{each}" for each in KEPT)):
        put_text(data, form, f"import.{name}")
    for name in _HOLDERS:
        if name not in bare and value_at(data, name) == {}:
            put(data, name, None)


def _expectations(data: Data, form: FormData) -> None:
    for place, expectation in _numbered(value_at(data, "import.expectations")):
        arguments = arguments_of(expectation)
        put_text(data, form, f"{place}.type", str)
        for argument in arguments:
            put_text(data, form, f"{place}.kwargs.{argument.name}", argument.meaning)


def _numbered(expectations: Any) -> Iterator[tuple[str, Data]]:
    for number, each in enumerate(expectations if isinstance(expectations, list) else []):
        if isinstance(each, dict):
            yield f"import.expectations[{number}]", each


def _approval(data: Data, form: FormData) -> None:
    """A word, or a mapping once there is more to say."""
    name, asked = "import.approval", one(form, "import.approval.when")
    if asked == NOBODY:
        put(data, name, None)
        return
    if asked and not isinstance(value_at(data, name), dict):
        more = one(form, f"{name}.timeout").strip()
        put(data, name, {"when": asked} if more else asked)
    if isinstance(value_at(data, name), dict):
        put_choice(data, form, f"{name}.when", ApprovalRule.REQUIRED)
        put_text(data, form, f"{name}.timeout", str)
