"""The outline of JSON that no parser takes: where its members begin and end.

``NaN``, lone surrogates, control characters, bytes that are no UTF-8 and nesting of any depth
spoil a whole document for a parser. Here they spoil only the member that they are in.
"""

from __future__ import annotations

import re

#: A string, which may break off, or a sign of structure. Possessive: there is no way back in it.
_MARKS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)
_MEMBER = re.compile(rb'"([^"\\]*)"\s*:\s*')
_OPENING, _CLOSING, _COMMA = b"[{", b"]}", ord(",")


def parts(text: bytes) -> list[bytes] | None:
    """What stands between the commas of the outermost brackets; None if they do not close."""
    found: list[bytes] = []
    depth = start = 0
    for mark in _MARKS.finditer(text):
        sign = text[mark.start()]
        if sign in _OPENING:
            depth += 1
            start = mark.end() if depth == 1 else start
            continue
        if depth == 1 and (sign == _COMMA or sign in _CLOSING):
            found.append(text[start : mark.start()].strip())
            start = mark.end()
        if sign in _CLOSING:
            depth -= 1
            if depth == 0:
                return [part for part in found if part]
    return None


def members(text: bytes) -> dict[bytes, bytes]:
    """The members of an object, their values unread; the last of a name stands."""
    named = ((part, _MEMBER.match(part)) for part in parts(text) or [])
    return {name[1]: part[name.end() :] for part, name in named if name}


def broke_off(body: bytes) -> bool:
    """Whether a body is the beginning of a JSON object or list, or nothing at all."""
    begun = body.lstrip()
    return not begun or (begun.startswith((b"{", b"[")) and parts(begun) is None)
