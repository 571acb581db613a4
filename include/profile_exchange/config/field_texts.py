"""Values of a connection's file as one field of a form shows them, and back.

Text stands there as it is; a number, a word such as ``true``, a list or a mapping as YAML has it on
one line. A field that comes back as it was shown changes nothing, whatever it cannot show of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from profile_exchange.config.drafts import Data, put, value_at
from profile_exchange.config.yaml_source import read_text
from profile_exchange.config.yaml_writing import in_a_flow
from profile_exchange.domain.errors import ConfigurationError

#: Makes a value of the text in a field.
Meaning = Callable[[str], Any]
_LINE_END = re.compile(r"\r\n?")


def as_field(value: Any) -> str:
    """A value as its field shows it, which has one line."""
    return as_lines(value).replace("\n", " ")


def as_lines(value: Any) -> str:
    """A value as a field of several lines shows it. Browsers send other line ends than it has."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else in_a_flow(value)
    return _LINE_END.sub("\n", text).strip()


def from_field(text: str) -> Any:
    """What somebody meant who wrote this into a field."""
    try:
        return read_text(f"k: {text}\n", "a field").data["k"]
    except ConfigurationError:
        return text


def listed_in_field(text: str) -> Any:
    """The same of a field for a list, whose brackets may be left out."""
    return from_field(text if not text or text.startswith("[") else f"[{text}]")


def put_field(data: Data, name: str, told: str, meant: Meaning = from_field) -> None:
    """Put what was written into a field into a draft, unless it is what the field showed.

    ``meant`` makes a value of the text; `str` takes it as it is.
    """
    text = told.strip()
    if as_field(value_at(data, name)) != text:
        put(data, name, meant(text) if text else None)


def put_lines(data: Data, name: str, told: str) -> None:
    """The same of a field of several lines, which is a text; its last line ends as it did."""
    before, text = value_at(data, name), as_lines(told)
    if as_lines(before) != text:
        ended = isinstance(before, str) and before.endswith("\n")
        put(data, name, f"{text}\n" if text and ended else text)
