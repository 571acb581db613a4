"""Cutting a list in JSON into the texts of its elements, without reading all of it into objects.

A body of the size that is allowed can hold millions of the smallest elements; as objects they take
a hundred times its memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

#: How deep lists and objects may be inside one another in an element; the API describes 5.
MAX_DEPTH = 16


class NoList(Exception):
    """A text is no list in JSON. ``is_json`` tells whether it is JSON at all."""

    def __init__(self, *, is_json: bool) -> None:
        super().__init__("This is no list in JSON.")
        self.is_json = is_json


class ElementTooLarge(Exception):
    """An element of a list is too large, or too deep; ``place`` is which, from 0."""

    def __init__(self, place: int) -> None:
        super().__init__(f"Element {place} is too large.")
        self.place = place


@dataclass(frozen=True, slots=True)
class Split:
    """The first elements of a list, and whether there are more."""

    elements: Sequence[bytes]
    more: bool


def first_elements(body: bytes, most: int, most_bytes: int) -> Split:
    """The first ``most`` elements of a list, each of ``most_bytes`` at most.

    Raises `NoList`, also for what is wrong behind those elements, and `ElementTooLarge`.
    """
    _check_syntax(body)
    opened = _OPENED.match(body)
    if opened is None:
        raise NoList(is_json=True)
    found: list[bytes] = []
    place = opened.end()
    while body[place : place + 1] != b"]":
        if len(found) == most:
            return Split(found, more=True)
        element = _ELEMENT.match(body, place, place + most_bytes)
        behind = _BEHIND.match(body, element.end()) if element else None
        if element is None or behind is None:
            raise ElementTooLarge(len(found))
        found.append(element.group())
        place = behind.end()
    return Split(found, more=False)


def _check_syntax(body: bytes) -> None:
    """Read all of a text without keeping anything of it."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NoList(is_json=False) from None


_TEXT = rb'"(?:[^"\\]|\\.)*+"'


def _balanced(depth: int) -> bytes:
    """A pattern for a list or an object with so many more inside one another at most."""
    inside = rb'[^"\[\]{}]|' + _TEXT
    if depth > 1:
        inside += b"|" + _balanced(depth - 1)
    return rb"[\[{](?:" + inside + rb")*+[\]}]"


#: Whatever is not kept for want of a match has to be tried once only: hence possessive (``*+``).
_ELEMENT = re.compile(_balanced(MAX_DEPTH) + b"|" + _TEXT + rb"|[^\s\[\]{},\"]++", re.DOTALL)
_OPENED = re.compile(rb"\s*\[\s*")
#: A comma, or the end of the list, which is left where it is.
_BEHIND = re.compile(rb"\s*(?:,\s*|(?=\]))")
