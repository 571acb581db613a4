"""The goal ``accept`` of a connection's YAML file: what the other tenant may write."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from profile_exchange.config.networks import Networks
from profile_exchange.config.spec import ObjectId, Spec
from profile_exchange.domain.connection import AcceptGoal, ProfileIds, Strategy, Unmatched


def _strategies(value: Any) -> Any:
    """One strategy alone is a list of one; ``INCREMENT`` is what BlueConic's schema calls SUM."""
    some = value if isinstance(value, list) else [value]
    return ["SUM" if each == "INCREMENT" else each for each in some]


_Spelling = Strategy | Literal["INCREMENT"]
Strategies = Annotated[
    list[Strategy],
    Field(min_length=1),
    BeforeValidator(_strategies, json_schema_input_type=_Spelling | list[_Spelling]),
]


class AcceptSpec(Spec):
    """What the other tenant may write."""

    properties: dict[ObjectId, Strategies] = Field(min_length=1)
    """Profile properties that may be written, each with the strategies that may be used."""
    identifiers: list[ObjectId] = Field(default_factory=list)
    """Unique identifiers that profiles may be matched on; created profiles take them on."""
    profile_ids: ProfileIds = ProfileIds.NONE
    """Which profiles may be written by their id: none, those that visited a channel, or any."""
    unmatched: Unmatched = Unmatched.SKIP
    """What to do with an entry that matches none of our profiles."""
    segments: list[ObjectId] = Field(default_factory=list)
    """Segments to which an entry may be restricted."""
    read_back: bool = False
    """Whether what may be written, and matched on, may be read of a profile as well."""
    networks: Networks = Field(default_factory=list)
    """From which addresses; without any, from where the partner's host name leads."""

    def to_domain(self) -> AcceptGoal:
        """The accept goal without its YAML."""
        return AcceptGoal(
            properties={name: tuple(dict.fromkeys(each)) for name, each in self.properties.items()},
            identifiers=tuple(self.identifiers),
            profile_ids=self.profile_ids,
            unmatched=self.unmatched,
            segments=tuple(self.segments),
            read_back=self.read_back,
            networks=tuple(self.networks),
        )
