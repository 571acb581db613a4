"""A tenant: one customer data platform installation that this installation hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from profile_exchange.domain.properties import ProfileProperty

#: The privacy legislation zones that BlueConic knows. ``NONE`` is the rest of the world.
LEGISLATIONS = frozenset(
    {
        "ARGENTINA_DPL",
        "AUSTRALIA_PRIVACY_ACT",
        "BELIZE_DPA",
        "BRAZIL_LGPD",
        "CCPA",
        "CDPA_CTCPDA",
        "CHILE_L19_628",
        "CHINA_PIPL",
        "COLOMBIA_L1581_D1377",
        "COSTA_RICA_L8968",
        "DPDPA",
        "EL_SALVADOR",
        "FDBR",
        "GDPR",
        "GUATEMALA_LAIP",
        "HAITI_APD",
        "HONDURAS_LPDCP",
        "ICDPA",
        "INDIANA_INCDPA",
        "ISRAEL_PPL",
        "JAMAICA_DPA",
        "JAPAN_APPI",
        "KENTUCKY_KCDPA",
        "MARYLAND_MODPA",
        "MEXICO_LFPDPPP",
        "MINNESOTA_MCDPA",
        "MTCDPA",
        "NEDPA",
        "NEW_ZEALAND_PRIVACY_ACT",
        "NHPA",
        "NICARAGUA_L787",
        "NJDPA",
        "NONE",
        "NYPA",
        "OCPA",
        "PANAMA_L81",
        "PERU_DPL",
        "PIPEDA",
        "RHODE_ISLAND_RIDTPPA",
        "SB1392",
        "SB190",
        "SB220",
        "SOUTH_KOREA_PIPA",
        "SWITZERLAND_DPA",
        "TDPSA",
        "TENNESSEE_TIPA",
        "TRINIDAD_TOBAGO_DPA",
        "UCPA",
        "UK_GDPR",
    }
)


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


class TenantKind(StrEnum):
    """Where a tenant's profiles are: in a database here, or behind BlueConic's REST API v2."""

    HOSTED = "hosted"
    BLUECONIC = "blueconic"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant of ours: its host name, and the name of the secret that holds a database URL.

    A hosted tenant has its profiles in that database. One of BlueConic's is written to over its
    API, with the ``credentials`` of an Airflow connection; the database holds only what the
    exchange remembers. ``visitors`` is its segment of everybody who has visited a channel.
    """

    id: str
    name: str
    host: str
    store_secret: str
    properties: tuple[ProfileProperty, ...] = ()
    segments: tuple[Segment, ...] = ()
    objectives: tuple[Objective, ...] = ()
    kind: TenantKind = TenantKind.HOSTED
    credentials: str = ""
    visitors: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether its profiles are behind REST API v2."""
        return self.kind is TenantKind.BLUECONIC

    @property
    def exposure_secret(self) -> str:
        """The name of the secret with the database URL of the exposure API's own role."""
        return f"{self.store_secret}-exposure"

    @property
    def writing_secret(self) -> str:
        """The name of the secret with the database URL of the role that writes for partners."""
        return f"{self.store_secret}-writing"
