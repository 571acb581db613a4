"""What the steps need of other tenants, and of ours if it is elsewhere; `tenants` implements it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from profile_exchange.domain.entries import Alternative, Entry
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.pipeline.plan import Span
from profile_exchange.pipeline.received import Page


@dataclass(frozen=True, slots=True)
class ExposedSegment:
    """A segment that the other tenant shows us. ``profiles`` is its own, possibly old, count."""

    id: str
    name: str
    profiles: int | None = None


class Source(Protocol):
    """A tenant to import from.

    Every method raises `CredentialsRefused`, `NoLongerExposed`, `ProtocolViolation` (fatal) or
    `SourceUnavailable` (worth a retry) and nothing else.
    """

    def authenticate(self) -> None:
        """Prove that the credentials are accepted."""

    def segments(self) -> Sequence[ExposedSegment]:
        """The segments that are exposed to us."""

    def properties(self) -> Sequence[ProfileProperty]:
        """The profile properties that are exposed to us, unique identifiers among them."""

    def objectives(self) -> Sequence[str]:
        """The ids of the objectives whose consent is shown to us."""

    def now(self) -> datetime | None:
        """The time by the tenant's own clock when it last answered; None if it did not say."""

    def ranges(
        self, segment: str, parts: int, modified: Sequence[Span] = ()
    ) -> Sequence[str] | None:
        """Cursors to the starts of ``parts`` equal id ranges; None if the tenant has none."""

    def page(
        self,
        segment: str,
        cursor: str | None,
        properties: Sequence[str],
        modified: Sequence[Span] = (),
    ) -> Page:
        """One page of a segment; ``cursor`` None is the first.

        With ``modified`` only of profiles that the tenant last modified within one of the spans.
        Cursors belong to the list they were given for: ask for all its pages with the same spans.
        """


class Verdict(StrEnum):
    """What is known after a request to write, of those entries that it has no answer for."""

    ANSWERED = "answered"
    #: They were too many for one request: they have not been looked at.
    TOO_MANY = "too_many"
    #: Too much at once: nothing was done.
    BUSY = "busy"
    #: The request as a whole is not taken, and so nothing was done.
    REFUSED = "refused"
    #: No answer came, or not all of it: they may have been done, or not.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Result:
    """What a tenant says became of one entry; ``about`` is what it found wrong, without values."""

    state: str
    profile_id: UUID | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answers to some entries, by their identifiers. ``retry_after`` is in seconds."""

    verdict: Verdict
    results: Mapping[str, Result] = field(default_factory=dict)
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class KnownProperty:
    """A profile property of our tenant, and whether any profile has a value for it.

    ``holds_values`` is None where the tenant does not tell.
    """

    described: ProfileProperty
    holds_values: bool | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Which properties profiles of our tenant hold values of; of those ``untold`` nobody knows."""

    held: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()


class Target(Protocol):
    """Our own tenant where its profiles are behind REST API v2.

    Every method raises `CredentialsRefused`, `WrongHost` or `ProtocolViolation` (fatal) or
    `SourceUnavailable` (worth a retry) and nothing else, but for what it says itself.
    """

    def authenticate(self) -> None:
        """Prove that the credentials are accepted."""

    def properties(self) -> Sequence[ProfileProperty]:
        """The profile properties that there are, without looking for who holds values of them."""

    def segments(self) -> Collection[str] | None:
        """The ids of the segments that are shown to us; None if they are not ours to see."""

    def objectives(self) -> Collection[str] | None:
        """The ids of the objectives that there are; None if they are not ours to see."""

    def property(self, property_id: str) -> KnownProperty | None:
        """A profile property, if there is one of this id. Telling who holds it may take a while."""

    def make_property(self, wanted: ProfileProperty) -> None:
        """Make a profile property; one that is there already stays as it is.

        Raises `TargetRefused` if the tenant does not take it.
        """

    def write(self, entries: Mapping[str, Entry], objectives: Collection[str]) -> Reply:
        """Ask once for entries to be written, by identifiers that answers are known by.

        Nothing is repeated, because not everything can be: what comes of it is in the reply.
        """

    def find(self, criteria: Alternative) -> Sequence[str]:
        """The ids of the profiles that have all these values; none by what is no identifier."""

    def values(
        self, profile_id: UUID, properties: Sequence[str]
    ) -> Mapping[str, Sequence[str]] | None:
        """What one profile has of some properties; None if there is no such profile."""
