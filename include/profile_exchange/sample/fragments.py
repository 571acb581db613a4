"""Profiles as PostgreSQL COPY text, put together from pieces that are rendered once.

Rendering a value, with JSON's and COPY's escapes, costs far more than choosing one; most of the
sample's values come from small vocabularies, so each is rendered once and chosen a million times.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profile_exchange.sample.draws import Choices, Draws, Flags, Numbers

#: The fragment of a property that a profile does not have.
ABSENT = ""
CLOSING = '"]'
NEXT_VALUE = '","'


def escaped(value: str) -> str:
    """A value inside a JSON string inside COPY text, without its quotes."""
    return json.dumps(value, ensure_ascii=False)[1:-1].replace("\\", "\\\\")


def opening(property_id: str) -> str:
    """A property's fragment up to its first value; `CLOSING` ends it."""
    return f',"{property_id}":["'


def fragment(property_id: str, values: Iterable[str]) -> str:
    """A property with its values, as it stands in a block."""
    return f"{opening(property_id)}{NEXT_VALUE.join(map(escaped, values))}{CLOSING}"


#: A text for each profile of a block, as an array of Python strings.
Texts = npt.NDArray[np.object_]


def texts(of: Iterable[str]) -> Texts:
    """An array of strings, to choose from by an array of places."""
    return np.array(list(of), dtype=np.object_)


@dataclass(frozen=True)
class ProfileColumns:
    """The columns of a block of profiles. Each property's hold fragments, or `ABSENT`."""

    ids: Texts
    created_at: Texts
    modified_at: Texts
    privacy_legislation: Texts
    consented_objectives: Texts
    refused_objectives: Texts
    properties: Sequence[Texts]

    def block(self) -> bytes:
        """These profiles as a block for `tenants.postgres.loading`."""
        columns = [
            *(self.ids, "\t", self.created_at, "\t", self.modified_at, "\t"),
            *(self.privacy_legislation, "\t", self.consented_objectives, "\t"),
            *(self.refused_objectives, "\t{", *self.properties, "}\n"),
        ]
        # One join of all there is takes a tenth of the time of one for each profile.
        pieces = np.empty((len(self.ids), len(columns)), dtype=np.object_)
        for place, column in enumerate(columns):
            pieces[:, place] = column
        joined = "".join(pieces.ravel().tolist()).encode()
        # Fragments start with a comma. No value holds a bare tab, so this is the first one's.
        return joined.replace(b"\t{,", b"\t{")


class PropertyValues:
    """The values that a property of the sample takes: sound ones, and broken ones.

    ``sound`` holds lists of values, because a property has several.
    """

    def __init__(
        self, property_id: str, sound: Iterable[Sequence[str]], broken: Sequence[str] = ()
    ) -> None:
        self._id = property_id
        rendered = [fragment(property_id, values) if values else ABSENT for values in sound]
        self._sound = len(rendered)
        self._broken = len(broken)
        spoilt = [fragment(property_id, [value]) for value in broken]
        self._table = texts([*rendered, *spoilt, ABSENT])

    def draw(
        self,
        draws: Draws,
        profiles: Numbers,
        *,
        missing: float,
        broken: float = 0.0,
        absent: Flags | None = None,
        choices: Choices | None = None,
    ) -> Texts:
        """A fragment for each profile: ``missing`` and ``broken`` are shares of the profiles.

        ``absent`` marks profiles that must not have the property. ``choices`` are places in
        ``sound``; otherwise all are equally likely.
        """
        if choices is None:
            choices = draws.below(f"{self._id} value", profiles, self._sound)
        if self._broken:
            wrong = self._sound + draws.below(f"{self._id} wrong", profiles, self._broken)
            choices = np.where(
                draws.happens(f"{self._id} broken", profiles, broken), wrong, choices
            )
        left_out = draws.happens(f"{self._id} missing", profiles, missing)
        if absent is not None:
            left_out |= absent
        return self._table[np.where(left_out, len(self._table) - 1, choices)]
