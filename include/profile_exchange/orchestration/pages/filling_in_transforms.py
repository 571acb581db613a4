"""The transforms of a mapping in its form: some by name, some with fields of their own."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, put, value_at
from profile_exchange.config.field_texts import as_field
from profile_exchange.domain.transforms import Plain
from profile_exchange.orchestration.pages.form_fields import put_text, several

VALUES, DATE = "values", "date"
#: What can be added, and what it does.
KINDS: dict[str, str] = {
    Plain.TRIM.value: "trim: without blanks around it",
    Plain.LOWER.value: "lower: in lower case",
    Plain.UPPER.value: "upper: in upper case",
    Plain.FIRST.value: "first: only the first of several values",
    VALUES: "values: some values replaced by others",
    DATE: "date: a date in a form of yours",
}


def new_transform(kind: str) -> Any:
    """A transform as it is when it was added."""
    if kind == VALUES:
        return {VALUES: {}}
    if kind == DATE:
        return {DATE: "YYYY-MM-DD"}
    return kind if kind in KINDS else None


def fill_in_transforms(data: Data, form: FormData, at: str) -> None:
    """Put what was sent about the transforms of the mapping at a key into the draft."""
    transforms = value_at(data, f"{at}.transforms")
    for number, transform in enumerate(transforms if isinstance(transforms, list) else []):
        place = f"{at}.transforms[{number}]"
        if not isinstance(transform, dict):
            continue
        put_text(data, form, f"{place}.date", str)
        put_text(data, form, f"{place}.default", str)
        if f"{place}.values.from" in form:
            _put_values(data, form, f"{place}.values")


def _put_values(data: Data, form: FormData, name: str) -> None:
    """Put pairs of a value and what is written instead; one without the first is none."""
    before = value_at(data, name)
    known = {as_field(key): (key, value) for key, value in pairs_of(before)}
    sent = zip(several(form, f"{name}.from"), several(form, f"{name}.to"), strict=False)
    fresh = {}
    for source, target in sent:
        key, value = known.get(source, (source, target))
        if source:
            fresh[key] = value if as_field(value) == target else target
    if isinstance(before, dict) and list(fresh.items()) != list(before.items()):
        put(data, name, fresh)


def pairs_of(values: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping, whatever stands in its place."""
    return list(values.items()) if isinstance(values, dict) else []
