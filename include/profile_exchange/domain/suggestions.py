"""What a new connection is likely to want: names, strategies, links. A person looks them over."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

from profile_exchange.domain.connection import IdentifierPair, Strategy
from profile_exchange.domain.properties import (
    SYSTEM_PROPERTIES,
    FilterType,
    ProfileProperty,
)

#: An id has 63 characters at most; this leaves room for a number behind it.
LONGEST_NAME = 60
#: Words of names whose first value is the one to keep.
_FIRST = frozenset({"since", "first", "created", "joined", "registered", "birth", "birthday"})


@dataclass(frozen=True, slots=True)
class SuggestedMapping:
    """A property of theirs, where it could go, and how."""

    source: str
    target: str
    strategy: Strategy


def imported_name(partner: str, label: str, otherwise: str) -> str:
    """``TaylorTimes_Sports`` for ``sports`` of Taylor Times (SEMANTICS, Mapping and writing 3).

    ``otherwise`` stands for a partner whose name has no letter or digit of ASCII.
    """
    return f"{_joined(partner) or otherwise}_{_joined(label)}"[:LONGEST_NAME]


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first one with a number behind it that nothing has yet."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(free for free in names if free not in taken)


def suggested_strategy(source: ProfileProperty) -> Strategy:
    """Several values are added, a first date is kept, everything else is set.

    Nothing is summed unless a person says so: whether a number counts something is theirs to know.
    """
    words = _words(f"{source.id} {source.name}")
    if source.filter_type is FilterType.DATETIME and _FIRST & set(words):
        return Strategy.SET_IF_EMPTY
    if source.filter_type is FilterType.SELECT and _is_plural(source.name or source.id):
        return Strategy.ADD
    return Strategy.SET


def suggested_mappings(
    partner: str, sources: Sequence[ProfileProperty], taken: Collection[str], otherwise: str
) -> Iterator[SuggestedMapping]:
    """A mapping of each property, in their order, to a name that is free.

    What a tenant writes itself, and unique identifiers, are not suggested to be imported.
    """
    used = set(taken)
    for source in sources:
        if source.indexed or source.id in SYSTEM_PROPERTIES:
            continue
        target = free_name(imported_name(partner, source.name or source.id, otherwise), used)
        used.add(target)
        yield SuggestedMapping(source.id, target, suggested_strategy(source))


def suggested_links(
    theirs: Sequence[ProfileProperty], ours: Sequence[ProfileProperty]
) -> list[IdentifierPair]:
    """Unique identifiers of both sides that look the same: by id, by name, as the only mails."""
    pairs: dict[str, str] = {}
    for alike in (_id, _name, _only_mail):
        for their in theirs:
            found = [our for our in ours if alike(our) and alike(our) == alike(their)]
            mine = [their_own for their_own in theirs if alike(their_own) == alike(their)]
            if len(found) == len(mine) == 1 and found[0].id not in pairs.values():
                pairs.setdefault(their.id, found[0].id)
    return [IdentifierPair(their, our) for their, our in pairs.items()]


def _id(identifier: ProfileProperty) -> str:
    return "".join(_words(identifier.id)) if identifier.indexed else ""


def _name(identifier: ProfileProperty) -> str:
    return "".join(_words(identifier.name)) if identifier.indexed else ""


def _only_mail(identifier: ProfileProperty) -> str:
    is_mail = identifier.indexed and identifier.filter_type is FilterType.EMAIL
    return FilterType.EMAIL if is_mail else ""


def _joined(text: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", text)
    return "".join(word[:1].upper() + word[1:] for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _is_plural(name: str) -> bool:
    return bool(re.search(r"[a-z][^s\W]s$", name.strip().lower()))
