"""The fields that a browser sent, and what each kind of them says in a draft."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, in_words, put, put_unless, value_at, words
from profile_exchange.config.field_texts import Meaning, as_field, from_field, put_field


def one(form: FormData, name: str) -> str:
    """What is written in a field."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def several(form: FormData, name: str) -> list[str]:
    """What is written in all fields of a name, in their order."""
    return [each if isinstance(each, str) else "" for each in form.getlist(name)]


def chosen(form: FormData, name: str) -> list[str]:
    """What is ticked, and what is written beside it."""
    ticked = [each for each in several(form, name) if each]
    return list(dict.fromkeys([*ticked, *words(one(form, f"{name}+"))]))


def put_list(data: Data, name: str, told: list[str]) -> None:
    """Put a list; one with the same words stays as it is, and one with others keeps its order."""
    before = value_at(data, name)
    if isinstance(before, list) and set(told) == set(texts_of(before)):
        return
    if isinstance(before, list) and all(isinstance(each, str) for each in before):
        kept = [each for each in before if each in told]
        told = [*kept, *(each for each in told if each not in kept)]
    put(data, name, told)


def texts_of(value: Any) -> list[str]:
    """Those items of a list that a field shows, which are text; of anything else, none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def put_words(data: Data, form: FormData, name: str) -> None:
    """Put a list that is written into one field, unless that comes back as it was shown."""
    told = one(form, name)
    if as_field(told) != as_field(in_words(texts_of(value_at(data, name)))):
        put_list(data, name, words(told))


def put_choice(data: Data, form: FormData, name: str, default: str) -> None:
    """Put what was chosen; what the form cannot offer, it leaves as it is."""
    told = one(form, name)
    if told:
        put_unless(data, name, told, default)


def put_tick(data: Data, form: FormData, name: str) -> None:
    """Put whether a box is ticked; without anything said, it is not."""
    put_unless(data, name, name in form, False)


def put_text(data: Data, form: FormData, name: str, meant: Meaning = from_field) -> None:
    """Put what is written in a field, if it was sent."""
    if name in form:
        put_field(data, name, one(form, name), meant)
