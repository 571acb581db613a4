"""A connection while somebody writes it: what its file would say, right or wrong, key by key.

A draft is plain data in the shape of the YAML. Its keys are named as mistakes name them, such as
``import.mappings[0].to``, so that a mistake is found at the field that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from profile_exchange.config.connection_spec import ConnectionSpec
from profile_exchange.config.spec import keys_at
from profile_exchange.config.yaml_editing import edited
from profile_exchange.config.yaml_source import KeyPath
from profile_exchange.config.yaml_writing import written

SCHEMA_LINE = "# yaml-language-server: $schema=connection.schema.json\n"
#: A quote within quotes is doubled.
_QUOTED = r'"(?:[^"\n]|"")*"'
_WORD = re.compile(rf"\s*{_QUOTED}\s*(?=[,\n]|$)|[^,\n]+")
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,5})\]")

Data = dict[str, Any]


def path_of(name: str) -> KeyPath:
    """``import.links[0]`` as ``("import", "links", 0)``."""
    return tuple(int(number) if number else key for key, number in _PART.findall(name))


def value_at(data: Any, name: str) -> Any:
    """What a draft says at a key; None when it says nothing."""
    for part in path_of(name):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def put(data: Data, name: str, value: Any) -> None:
    """Say something at a key, in place; None or nothing takes the key out.

    A list item that is not there is not made.
    """
    *above, last = path_of(name)
    empty = value is None or value in ("", [])
    holder: Any = data
    for part in above:
        inner = holder.get(part) if isinstance(holder, dict) else _item(holder, part)
        if inner is None:
            if empty or not isinstance(holder, dict):
                return
            inner = holder[part] = {}
        holder = inner
    if not isinstance(holder, dict):
        return
    if empty:
        holder.pop(last, None)
    else:
        holder[last] = value


def _item(data: Any, part: str | int) -> Any:
    is_there = isinstance(data, list) and isinstance(part, int) and part < len(data)
    return data[part] if is_there else None


def put_unless(data: Data, name: str, value: Any, default: Any) -> None:
    """Say something at a key, unless nothing is said there and it goes without saying."""
    if value != default or value_at(data, name) is not None:
        put(data, name, value)


def take_item(data: Data, name: str) -> None:
    """Take an item out of a list, in place, and the list with its last item."""
    *above, last = path_of(name)
    holder: Any = data
    for part in above:
        holder = value_at(holder, f"[{part}]" if isinstance(part, int) else part)
    if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        del holder[last]


def words(text: str) -> list[str]:
    """What stands between commas and line ends, each once; a comma in quotes is part of a word."""
    found = (_unquoted(word.strip()) for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in found if word))


def _unquoted(word: str) -> str:
    quoted = re.fullmatch(_QUOTED, word)
    return word[1:-1].replace('""', '"') if quoted else word


def in_words(several: Iterable[str]) -> str:
    """Words as `words` reads them back: in quotes is what would be several, or is in quotes."""
    return ", ".join(each if words(each) == [each] else _quoted(each) for each in several)


def _quoted(word: str) -> str:
    doubled = word.replace('"', '""')
    return f'"{doubled}"'


def text_of(data: Data, before: str | None, name: str) -> str:
    """The text of a file that says a draft: a new one, or what was in it with the changes."""
    ordered = in_order(data)
    return SCHEMA_LINE + written(ordered) if before is None else edited(before, ordered, name)


def in_order(data: Any, path: KeyPath = ()) -> Any:
    """A draft with its keys in the order in which they are described; unknown ones come last."""
    if isinstance(data, list):
        return [in_order(each, (*path, number)) for number, each in enumerate(data)]
    if not isinstance(data, Mapping):
        return data
    known = keys_at(ConnectionSpec, path)
    place = {key: number for number, key in enumerate(known)}
    keys = sorted(data, key=lambda key: place.get(key, len(known)))
    return {key: in_order(data[key], (*path, key)) for key in keys}


def suggested_id(title: str, taken: Iterable[str]) -> str:
    """An id for a connection of this title that no file has yet."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or "connection"
    used = set(taken)
    numbered = (f"{slug}-{number}" for number in range(2, len(used) + 3))
    return next(name for name in [slug, *numbered] if name not in used)
