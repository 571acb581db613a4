"""Changes to a YAML file that leave alone what they are not about.

The text itself is changed, where the values that differ stand in it: comments, order, quoting and
layout of everything else stay to the letter. What is new is laid out as `yaml_writing` does it.
(A library that dumps the whole file anew hangs a comment on what stands before it, and moves or
loses it when something is put there or taken away.)
"""

from __future__ import annotations

import difflib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from profile_exchange.config.yaml_places import Change, Children, Items, Keys
from profile_exchange.config.yaml_source import composed, read_text
from profile_exchange.config.yaml_writing import fits_on_a_line
from profile_exchange.domain.errors import ConfigurationError, Problem


def edited(text: str, data: Mapping[str, Any], name: str) -> str:
    """The text of the file ``name`` with what it takes to make it say ``data``.

    A new key comes behind the nearest one of the file that stands before it in ``data``. Raises
    `ConfigurationError` for a text that cannot be read, and for one that says a thing in several
    places at once (by aliases), which only a person can take apart.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    before = read_text(plain, name).data
    if is_same(before, data):
        return text
    changed = _applied(plain, list(_changes(plain, composed(plain, name), before, data)))
    if not _is_said(changed, data, name):
        message = "this file cannot be changed here without losing some of it; edit it by hand."
        raise ConfigurationError([Problem(name, 0, "", message)])
    return changed.replace("\n", "\r\n" if "\r\n" in text else "\n")


def difference(before: str, after: str, name: str) -> str:
    """What changes between two texts of a file, as a unified diff; empty when nothing does."""
    old, new = before.splitlines(), after.splitlines()
    return "\n".join(difflib.unified_diff(old, new, name, name, lineterm=""))


def is_same(one: Any, other: Any) -> bool:
    """Whether two pieces of data are equal; 1 is neither true nor 1.0."""
    return _canonical(one) == _canonical(other)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_said(text: str, data: Mapping[str, Any], name: str) -> bool:
    try:
        return is_same(read_text(text, name).data, data)
    except ConfigurationError:
        return False


def _applied(text: str, changes: list[Change]) -> str:
    """The text with all changes, made from its end so that places stay true.

    Of two at one place the inner one comes first in the list, and in the text.
    """
    in_order = sorted(enumerate(changes), key=lambda each: (each[1].start, each[1].end, each[0]))
    for _, change in reversed(in_order):
        text = text[: change.start] + change.new + text[change.end :]
    return text


def _changes(text: str, node: yaml.Node | None, before: Any, after: Any) -> Iterator[Change]:
    """What turns the mapping or the list at a node into another."""
    if isinstance(after, Mapping):
        yield from _in_mapping(text, node, before, after)
    else:
        yield from _in_list(text, node, before, after)


def _in_mapping(
    text: str, node: Any, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Change]:
    children = Keys(text, node)
    position = {key: number for number, key in enumerate(before)}
    yield from children.without({position[key] for key in before if key not in after})
    behind, fresh = -1, defaultdict(list)
    for key, value in after.items():
        if key not in before:
            fresh[behind].append(children.told(key, value))
            continue
        behind = position[key]
        yield from _within(text, children, behind, (before[key], value))
    yield from children.inserted(fresh)


def _in_list(text: str, node: Any, before: list[Any], after: list[Any]) -> Iterator[Change]:
    children = Items(text, node)
    kept = dict(_kept(before, after))
    yield from children.without(set(range(len(before))) - set(kept.values()))
    behind, fresh = -1, defaultdict(list)
    for number, value in enumerate(after):
        if number not in kept:
            fresh[behind].append(children.told(value))
            continue
        behind = kept[number]
        yield from _within(text, children, behind, (before[behind], value))
    yield from children.inserted(fresh)


def _within(
    text: str, children: Children, number: int, values: tuple[Any, Any]
) -> Iterator[Change]:
    """What turns the value of one child into another: within it if that can be, else all of it."""
    before, after = values
    if is_same(before, after):
        return
    node = children.value(number)
    if _goes_on(before, after) and not (children.outgrown(number) and _outgrows(before, after)):
        yield from _changes(text, node, before, after)
    else:
        yield children.replaced(number, after)


def _goes_on(before: Any, after: Any) -> bool:
    """Whether something of a mapping or a list stays."""
    if isinstance(before, dict) and isinstance(after, dict):
        return any(key in after for key in before)
    return isinstance(before, list) and isinstance(after, list) and any(_kept(before, after))


def _outgrows(before: Any, after: Any) -> bool:
    return fits_on_a_line(before) and not fits_on_a_line(after)


def _kept(before: list[Any], after: list[Any]) -> Iterator[tuple[int, int]]:
    """Which item of a list is still which: ``(its place now, its place before)``."""
    old, new = [_canonical(item) for item in before], [_canonical(item) for item in after]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            yield from zip(range(new_start, new_end), range(start, end), strict=True)
        elif kind == "replace":
            for number, earlier in zip(range(new_start, new_end), range(start, end), strict=False):
                if _resemble(before[earlier], after[number]):
                    yield number, earlier


def _resemble(before: Any, after: Any) -> bool:
    """Whether an item of a list is another one, changed: they share a part, or were alone."""
    if isinstance(before, dict) and isinstance(after, dict):
        return any(key in after and is_same(value, after[key]) for key, value in before.items())
    return isinstance(before, list) and isinstance(after, list)
