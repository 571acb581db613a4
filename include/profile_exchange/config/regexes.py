"""What PostgreSQL never takes in a regular expression, as far as it can be told without it.

The dialects differ: Python's patterns are used to find the parts, and never to judge them. What
is told here is refused by PostgreSQL, which a test asks; what is not may be refused all the same.
"""

from __future__ import annotations

import re

#: The largest number of repetitions.
MOST = 255
#: A literal text, and the options for one and for other grammars than PostgreSQL's own.
_ANOTHER_GRAMMAR = re.compile(r"\*\*\*=|(?:\*\*\*:)?\(\?[a-z]*[bceqx][a-z]*\)")
_START = re.compile(r"(?:\*\*\*:)?(?:\(\?[imnpstw]+\))?")
_PART = re.compile(
    r"""
      \\(?P<escape>.?)
    | \[\^?\]? (?: \\. | \[(?P<class>[.:=]).*?(?P=class)\] | [^\]\\] )* \]?
    | (?P<comment> \(\?\#[^)]*\)? )
    | (?P<group> \( (?: \?<?[=!] | \?: )? ) (?P<odd> \?\S{0,2} )?
    | (?P<quantifier> (?: [*+?] | \{(?P<bound>[0-9][^}]*)\} ) \?? )
    | (?P<edge> [|^$] )
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_BOUND = re.compile(r"([0-9]+)(?:,([0-9]*))?", re.ASCII)
#: Letters that mean something behind a backslash to others.
_NO_ESCAPES = frozenset("ghijklopqzCEFGHIJKLNOPQRTVX")


def never_taken(pattern: str) -> str:
    """Why PostgreSQL takes this for no regular expression; empty where nothing is found."""
    if _ANOTHER_GRAMMAR.match(pattern):
        return ""
    start = _START.match(pattern)
    repeatable = False
    for part in _PART.finditer(pattern, start.end() if start else 0):
        if part["comment"]:
            continue
        if wrong := _wrong(part, repeatable):
            return wrong
        repeatable = not (part["group"] or part["quantifier"] or part["edge"])
    return ""


def _wrong(part: re.Match[str], repeatable: bool) -> str:
    if part["odd"]:
        return (
            f"{part[0]} begins none of its groups, which have no names and no options of their own"
        )
    if part["escape"] and part["escape"] in _NO_ESCAPES:
        return rf"\{part['escape']} means nothing to it"
    if part["quantifier"] and not repeatable:
        return f"{part[0]} follows nothing that can be repeated, and none is possessive"
    return _wrong_bound(part["bound"]) if part["bound"] else ""


def _wrong_bound(bound: str) -> str:
    numbers = _BOUND.fullmatch(bound)
    if not numbers:
        return f"{{{bound}}} is no number of repetitions"
    least, most = int(numbers[1]), int(numbers[2] or numbers[1])
    if max(least, most) > MOST:
        return f"it repeats at most {MOST} times, and {{{bound}}} is more"
    return f"{{{bound}}} has its numbers the wrong way round" if least > most else ""
