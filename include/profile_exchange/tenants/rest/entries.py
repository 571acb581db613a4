"""Entries of ``PUT /profiles`` and their answers, as REST API v2 spells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.entries import Entry, Rule
from profile_exchange.pipeline.ports import Result
from profile_exchange.tenants.rest.wire import read

#: The schema's word where the prose says ``SUM``.
_WORDS = {Strategy.SUM: "INCREMENT"}


class WireResult(msgspec.Struct, rename="camel"):
    """What became of one entry. A state that nobody knows is kept as it came.

    ``validationErrors`` are by what they are about; in any other form they tell nothing.
    """

    state: str | None = None
    identifier: str | None = None
    profile_id: str | None = None
    validation_errors: Any = None

    def to_port(self) -> Result:
        """The answer as the pipeline knows it."""
        about = self.validation_errors if isinstance(self.validation_errors, dict) else ()
        return Result(self.state or "", _uuid(self.profile_id), tuple(map(str, about)))


def body_within(entries: Mapping[str, Entry], most: int, limit: int) -> tuple[bytes, int]:
    """The first of the entries as a body of at most ``limit`` bytes, and how many those are.

    At least one is in it.
    """
    texts: list[bytes] = []
    size = 2
    for identifier, entry in entries.items():
        text = msgspec.json.encode(written(identifier, entry))
        size += len(text) + 1
        if texts and (size > limit or len(texts) == most):
            break
        texts.append(text)
    return b"[" + b",".join(texts) + b"]", len(texts)


def written(identifier: str, entry: Entry) -> dict[str, Any]:
    """An entry as it is sent."""
    told: dict[str, Any] = {
        "identifier": identifier,
        "strategy": "UPSERT" if entry.creates else "UPDATE",
        "properties": [_rule(rule) for rule in entry.rules],
    }
    if entry.profile_id is not None:
        told["profileId"] = entry.profile_id
    else:
        told["matching"] = [
            [{"id": each.property, "value": each.value} for each in alternative]
            for alternative in entry.matching
        ]
    if entry.segment is not None:
        told["restriction"] = {"isMemberOfSegment": entry.segment}
    if entry.creates and entry.legislation is not None:
        told["privacyLegislation"] = entry.legislation
    return told


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.property,
        "values": rule.values,
        "strategy": _WORDS.get(rule.strategy, rule.strategy.value),
        "restriction": rule.restriction.value,
    }


def read_results(body: bytes, what: str) -> dict[str, Result]:
    """The answers by identifier. One that nobody asked for, or that contradicts itself, is none.

    Raises `SourceUnavailable` for a body that breaks off, `ProtocolViolation` for none of these.
    """
    return _by_identifier(read(body, list[WireResult], what))


def _by_identifier(results: Iterable[WireResult]) -> dict[str, Result]:
    found: dict[str, set[Result]] = {}
    for result in results:
        if result.identifier is not None:
            found.setdefault(result.identifier, set()).add(result.to_port())
    return {identifier: each.pop() for identifier, each in found.items() if len(each) == 1}


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
