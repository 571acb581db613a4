"""Names in a file held against those that are known, and against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from profile_exchange.config.messages import nearest
from profile_exchange.config.yaml_source import Finding, KeyPath, shortened


def unknown(
    noun: str, place: KeyPath, names: Sequence[str], known: Collection[str]
) -> Iterator[Finding]:
    """Names in a list that are not among those known."""
    for position, name in enumerate(names):
        if name not in known:
            yield (*place, position), is_not(name, noun, known)


def is_not(name: str, noun: str, known: Iterable[str]) -> str:
    """The sentence about a name that is not one of those known."""
    return f"{shortened(name)} is not {noun}.{nearest(name, known)}"


def repeated(place: KeyPath, names: Sequence[str]) -> Iterator[Finding]:
    """Names that stand in a list twice."""
    for position in again(names):
        yield (*place, position), f"{shortened(names[position])} stands here twice; keep one."


def again(names: Iterable[object]) -> Iterator[int]:
    """The positions of what has stood in a list before."""
    seen: set[object] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield position
        seen.add(name)
