"""What becomes of a received profile, and the sum that always has to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from profile_exchange.domain.errors import CountsDisagree


class Fate(StrEnum):
    """What became of one received profile in one run; each has exactly one."""

    SUPERSEDED = "superseded"
    UNMATCHED = "unmatched"
    AMBIGUOUS = "ambiguous"
    WITHHELD = "withheld"
    REJECTED = "rejected"
    CREATED = "created"
    MODIFIED = "modified"
    UNCHANGED = "unchanged"


#: The fates of profiles that were taken, whether or not there was anything to write.
TAKEN = (Fate.CREATED, Fate.MODIFIED, Fate.UNCHANGED)

#: What each fate says to people, in the order of the sum.
MEANINGS: dict[Fate, str] = {
    Fate.SUPERSEDED: "another profile for the same one of ours was newer",
    Fate.UNMATCHED: "is none of ours",
    Fate.AMBIGUOUS: "could be several of ours",
    Fate.WITHHELD: "no consent, or no visited channel",
    Fate.REJECTED: "broke an expectation or a type; in quarantine",
    Fate.CREATED: "new in our store",
    Fate.MODIFIED: "changed in our store",
    Fate.UNCHANGED: "was already so in our store",
}

#: The same of a preview, which puts nobody anywhere.
FORESEEN: dict[Fate, str] = {
    **MEANINGS,
    Fate.SUPERSEDED: "another profile for the same one of ours is newer",
    Fate.REJECTED: "breaks an expectation or a type; would go to quarantine",
    Fate.CREATED: "would be new in our store",
    Fate.MODIFIED: "would be changed in our store",
    Fate.UNCHANGED: "is already so in our store",
}


class Step(StrEnum):
    """The steps of a run, in the order of the DAG."""

    AUTHENTICATE = "authenticate"
    PULL = "pull"
    JOIN = "join"
    FILTER_BY_CONSENT = "filter_by_consent"
    VALIDATE = "validate"
    MAP_PROPERTIES = "map_properties"
    GATE = "gate"
    UPSERT = "upsert"
    REPORT = "report"


#: The task between gate and upsert in which a person decides, of connections that ask one.
APPROVE = "approve"
#: The tasks that check what a connection's partner may do, beside an import or alone.
CHECKS = ("check_grant", "check_credentials")


class Reason(StrEnum):
    """Why a step settled a profile; stored beside the fate."""

    OLDER_DUPLICATE = "older_duplicate"
    NO_IDENTIFIER = "no_identifier"
    NO_MATCH = "no_match"
    IDENTIFIER_TAKEN = "identifier_taken"
    SEVERAL_MATCHES = "several_matches"
    NO_CONSENT = "no_consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NO_VISITED_CHANNEL = "no_visited_channel"
    EXPECTATION = "expectation"
    VALUE_TYPE = "value_type"
    VALUE_LIMIT = "value_limit"
    TOTAL_LIMIT = "total_limit"
    MALFORMED_PROFILE = "malformed_profile"
    RESTRICTED = "restricted"
    REFUSED_BY_TENANT = "refused_by_tenant"
    SUM_UNSETTLED = "sum_unsettled"
    WRITTEN = "written"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class FateCounts:
    """How many received profiles met each fate in one run."""

    received: int = 0
    superseded: int = 0
    unmatched: int = 0
    ambiguous: int = 0
    withheld: int = 0
    rejected: int = 0
    created: int = 0
    modified: int = 0
    unchanged: int = 0

    @classmethod
    def of(cls, received: int, by_fate: Mapping[str, int]) -> FateCounts:
        """Counts from a ``{fate: number}`` mapping; fates that nobody met are 0."""
        return cls(received=received, **{fate.value: by_fate.get(fate.value, 0) for fate in Fate})

    @property
    def settled(self) -> int:
        """The sum over all fates."""
        return sum(self.as_dict().values()) - self.received

    def check(self) -> FateCounts:
        """Return these counts, or raise `CountsDisagree` if a profile has no fate, or two."""
        if self.settled != self.received:
            raise CountsDisagree(
                f"{self.received} profiles were received but {self.settled} have a fate: "
                "the run is not reported; keep its staging tables and open a bug report."
            )
        return self

    def as_dict(self) -> dict[str, int]:
        """``{"received": n, "superseded": n, ...}`` in the order of the sum."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PropertyCounts:
    """What one run did to one target property, in profiles.

    ``written`` had its values changed, ``unchanged`` already had what came; ``refused`` are
    rejected profiles, for what would have come to this property. A profile for which nothing
    came is in none of them.

    ``taken_back`` are amounts that went from profiles of ours whose source profile has moved on, to
    another of ours or behind one that supersedes it (SEMANTICS, Mapping 2): ours that nobody won,
    and so in no fate.
    """

    property_id: str
    written: int = 0
    unchanged: int = 0
    refused: int = 0
    taken_back: int = 0

    def as_dict(self) -> dict[str, str | int]:
        """``property_id`` and the numbers."""
        return asdict(self)

    def sentence(self) -> str:
        """The numbers in one line; what was taken back only where something was."""
        taken_back = f", taken back {self.taken_back}" if self.taken_back else ""
        return (
            f"{self.property_id}: written {self.written}, unchanged {self.unchanged}, "
            f"refused {self.refused}{taken_back}"
        )
