"""A tenant: one customer data platform installation that this installation hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profile_exchange.domain.properties import ProfileProperty


@dataclass(frozen=True, slots=True)
class Segment:
    """A named filter over profiles; its rule is a refinement (see `domain.refinement`)."""

    id: str
    name: str
    refinement: Mapping[str, Any] | None = None
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """A purpose that a visitor consents to, and the legislations it applies to."""

    id: str
    name: str
    title: str = ""
    description: str = ""
    needs_consent: bool = True
    legislations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A hosted tenant: its host name, and the name of the secret that holds its database URL."""

    id: str
    name: str
    host: str
    store_secret: str
    properties: tuple[ProfileProperty, ...] = ()
    segments: tuple[Segment, ...] = ()
    objectives: tuple[Objective, ...] = ()
