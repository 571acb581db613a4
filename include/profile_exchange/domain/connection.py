"""A connection: one tenant's configuration for exchanging with one other tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import Any

from profile_exchange.domain.notifications import Notifications
from profile_exchange.domain.origins import Network
from profile_exchange.domain.row_conditions import RowCondition, row_condition
from profile_exchange.domain.schedule import Schedule
from profile_exchange.domain.transforms import Transform


class Strategy(StrEnum):
    """How an incoming value meets the value that is there."""

    SET = "SET"
    SET_IF_EMPTY = "SET_IF_EMPTY"
    ADD = "ADD"
    SUM = "SUM"
    REMOVE = "REMOVE"


class Restriction(StrEnum):
    """Which profiles a mapping writes to."""

    ALL_PROFILES = "ALL_PROFILES"
    EXISTING_PROFILES_ONLY = "EXISTING_PROFILES_ONLY"
    NEW_PROFILES_ONLY = "NEW_PROFILES_ONLY"


class Unmatched(StrEnum):
    """What to do with a profile that matches none of ours."""

    SKIP = "skip"
    CREATE = "create"


class ProfileIds(StrEnum):
    """Which of our profiles a partner may write to by their id.

    ``visited`` are those that visited a channel of ours (SEMANTICS, Matching 1).
    """

    NONE = "none"
    VISITED = "visited"
    ANY = "any"


class Pull(StrEnum):
    """Whether a run asks for every profile or for those that changed since the last one."""

    COMPLETE = "complete"
    CHANGED = "changed"


#: How often a connection that pulls what changed pulls everything, unless it says.
COMPLETE_EVERY_DAYS = 7


class ConsentRule(StrEnum):
    """Whether an objective that needs no consent where the visitor lives counts as consented."""

    EXPLICIT = "explicit"
    CONSENTED_OR_UNNEEDED = "consented_or_unneeded"


@dataclass(frozen=True, slots=True)
class Partner:
    """The other tenant. The name is a label; the host name is checked."""

    name: str
    host: str


@dataclass(frozen=True, slots=True)
class IdentifierPair:
    """Two unique identifiers, theirs and ours, whose values must agree."""

    theirs: str
    ours: str


#: One alternative of a link: all its pairs must agree (AND). A connection has a list (OR).
Link = tuple[IdentifierPair, ...]


@dataclass(frozen=True, slots=True)
class PropertyMapping:
    """Their property into ours. Which `Strategy` and to which profiles is the mapping's own.

    Its source is one of three: the property ``source`` of theirs, a fixed ``text``, or, with
    ``segments``, the names of the imported segments that a profile is in. ``transforms`` are
    applied in their order. ``clear_when_absent`` lets an absent value empty the target.
    """

    source: str | None
    target: str
    strategy: Strategy = Strategy.SET
    restriction: Restriction = Restriction.ALL_PROFILES
    overwrite: bool = False
    clear_when_absent: bool = False
    transforms: tuple[Transform, ...] = ()
    text: str | None = None
    segments: bool = False

    @property
    def label(self) -> str:
        """What its source is called; brackets are in no property's id."""
        return self.source or ("(segments)" if self.segments else "(text)")

    @property
    def key(self) -> str:
        """What a run gathers the mapping's values under: its target, apart for each of its sums.

        No id has a blank in it.
        """
        if self.strategy is Strategy.SUM:
            return f"{self.target} {self.label}"
        return self.target

    def meets(self, other: PropertyMapping) -> bool:
        """Whether both write to one target of one profile."""
        both = {self.restriction, other.restriction}
        apart = both == {Restriction.NEW_PROFILES_ONLY, Restriction.EXISTING_PROFILES_ONLY}
        return self.target == other.target and not apart


#: Arguments of Great Expectations that name a column, or several: here, properties of theirs.
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")


@dataclass(frozen=True, slots=True)
class ConfiguredExpectation:
    """One expectation in Great Expectations' own vocabulary; its columns are properties."""

    type: str
    kwargs: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """Their properties that the expectation is about, in the order of `COLUMN_ARGUMENTS`."""
        named = (self.kwargs.get(argument, ()) for argument in COLUMN_ARGUMENTS)
        lists = ((name,) if isinstance(name, str) else name for name in named)
        return tuple(chain.from_iterable(lists))

    @property
    def only_for(self) -> RowCondition | None:
        """Which profiles it is for, if not for all."""
        return row_condition(self.kwargs.get("row_condition"))

    @property
    def needs(self) -> tuple[str, ...]:
        """Their properties without which it cannot be evaluated."""
        return (*self.columns, *([self.only_for.column] if self.only_for else []))


@dataclass(frozen=True, slots=True)
class Limits:
    """What stops a run at the gate. Shares are fractions between 0 and 1.

    ``max_rejected_share`` and ``max_modified_share`` are of the profiles received, the first one
    for a pull of changes of those that the last complete pull received, if they are more;
    ``max_drop_share`` is of those that the last successful run received; None is no limit.
    """

    max_rejected_share: float = 0.05
    max_drop_share: float = 0.5
    max_modified_share: float | None = None
    allow_zero_received: bool = False


class ApprovalRule(StrEnum):
    """Which runs wait at the gate for a person: every one, or until one has succeeded."""

    REQUIRED = "required"
    FIRST_RUN = "first_run"


@dataclass(frozen=True, slots=True)
class Approval:
    """Which runs a person has to approve, and how long they wait for it."""

    rule: ApprovalRule = ApprovalRule.REQUIRED
    timeout: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Keep:
    """How many days the traces of a run are kept: who was rejected, and what became of whom."""

    quarantine_days: int = 30
    fate_days: int = 14


@dataclass(frozen=True, slots=True)
class ImportGoal:
    """What this tenant takes from the other. ``segments=None`` means all that are exposed.

    ``objective_map`` is ``{objective of theirs: ours}``, for the consents that come with a profile
    about to be created; without it an objective of theirs is ours of the same id.
    """

    credentials: str
    segments: tuple[str, ...] | None = None
    links: tuple[Link, ...] = ()
    unmatched: Unmatched = Unmatched.SKIP
    mappings: tuple[PropertyMapping, ...] = ()
    expectations: tuple[ConfiguredExpectation, ...] = ()
    limits: Limits = field(default_factory=Limits)
    keep: Keep = field(default_factory=Keep)
    approval: Approval | None = None
    objective_map: Mapping[str, str] = field(default_factory=dict)
    pull: Pull = Pull.COMPLETE
    complete_every_days: int | None = None

    @property
    def days_between_complete_pulls(self) -> int:
        """After how many days a connection that pulls what changed pulls everything again."""
        return self.complete_every_days or COMPLETE_EVERY_DAYS

    @property
    def targets(self) -> tuple[str, ...]:
        """Our properties that the import writes, without duplicates, in order of first use."""
        return tuple(dict.fromkeys(mapping.target for mapping in self.mappings))

    @property
    def source_properties(self) -> tuple[str, ...]:
        """Their properties that the import needs, without duplicates, in order of first use."""
        linked = (pair.theirs for link in self.links for pair in link)
        mapped = (mapping.source for mapping in self.mappings if mapping.source)
        expected = (needed for each in self.expectations for needed in each.needs)
        return tuple(dict.fromkeys([*linked, *mapped, *expected]))


@dataclass(frozen=True, slots=True)
class ExposeGoal:
    """What the other tenant may read, and nothing else.

    It may do so from ``networks``; where there are none, from where its host name leads.
    """

    identifiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @property
    def readable(self) -> tuple[str, ...]:
        """Every property the partner may see: granted properties, then identifiers."""
        return tuple(dict.fromkeys([*self.properties, *self.identifiers]))


@dataclass(frozen=True, slots=True)
class AcceptGoal:
    """What the other tenant may write, and nothing else.

    ``properties`` are the strategies with which each property may be written. ``identifiers`` are
    those that profiles may be matched on, and that a profile about to be created takes on.
    ``segments`` may be named as a restriction. With ``read_back`` the partner may read what it
    may write. All of it may be done from ``networks``, or from where the partner's host name leads.
    """

    properties: Mapping[str, tuple[Strategy, ...]] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    profile_ids: ProfileIds = ProfileIds.NONE
    unmatched: Unmatched = Unmatched.SKIP
    segments: tuple[str, ...] = ()
    read_back: bool = False
    networks: tuple[Network, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether profiles may be created."""
        return self.unmatched is Unmatched.CREATE

    @property
    def described(self) -> tuple[str, ...]:
        """Every property whose definition the partner may see."""
        return tuple(dict.fromkeys([*self.properties, *self.identifiers]))


@dataclass(frozen=True, slots=True)
class Connection:
    """One tenant's configuration for exchanging with one other tenant."""

    id: str
    title: str
    tenant: str
    partner: Partner
    description: str = ""
    labels: tuple[str, ...] = ()
    favorite: bool = False
    enabled: bool = True
    schedule: Schedule | None = None
    notifications: Notifications | None = None
    objectives: tuple[str, ...] = ()
    consent: ConsentRule = ConsentRule.EXPLICIT
    expose: ExposeGoal | None = None
    importing: ImportGoal | None = None
    accept: AcceptGoal | None = None

    @property
    def answers(self) -> bool:
        """Whether its partner has anything to ask of the API."""
        return self.expose is not None or self.accept is not None
