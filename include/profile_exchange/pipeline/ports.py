"""What the steps need of the other tenant; `tenants` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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
