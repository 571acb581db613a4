"""A connection's YAML file: ``include/connections/<id>.yaml``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from profile_exchange.config.spec import HostName, Name, ObjectId, Slug, Spec
from profile_exchange.domain.connection import (
    ConfiguredExpectation,
    Connection,
    ConsentRule,
    ExposeGoal,
    IdentifierPair,
    ImportGoal,
    Limits,
    Partner,
    PropertyMapping,
    Restriction,
    Schedule,
    Strategy,
    Unmatched,
)
from profile_exchange.domain.properties import SYSTEM_PROPERTIES


class PartnerSpec(Spec):
    """The other tenant."""

    name: Name
    host: HostName


class IdentifierPairSpec(Spec):
    theirs: ObjectId
    ours: ObjectId


class MappingSpec(Spec):
    source: ObjectId = Field(alias="from")
    target: ObjectId = Field(alias="to")
    strategy: Strategy = Strategy.SET
    restriction: Restriction = Restriction.ALL_PROFILES
    overwrite: bool = False

    @field_validator("strategy", mode="before")
    @classmethod
    def _both_spellings_of_sum(cls, value: Any) -> Any:
        return Strategy.SUM if value == "INCREMENT" else value

    @field_validator("target")
    @classmethod
    def _not_a_system_property(cls, value: str) -> str:
        if value in SYSTEM_PROPERTIES:
            raise ValueError(f"{value} is kept by the tenant itself and cannot be imported into.")
        return value


class ExpectationSpec(Spec):
    """One expectation as Great Expectations writes it down."""

    type: str = Field(pattern=r"^expect_[a-z_]+$")
    kwargs: dict[str, Any] = Field(default_factory=dict)


class LimitsSpec(Spec):
    max_rejected_share: float = Field(default=0.05, ge=0, le=1)
    max_drop_share: float = Field(default=0.5, ge=0, le=1)


class ImportSpec(Spec):
    credentials: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{1,200}$",
        description="Id of the Airflow connection that holds host name, key and secret.",
    )
    segments: Literal["all"] | list[ObjectId] = "all"
    links: list[list[IdentifierPairSpec]] = Field(default_factory=list)
    unmatched: Unmatched = Unmatched.SKIP
    mappings: list[MappingSpec] = Field(min_length=1)
    expectations: list[ExpectationSpec] = Field(default_factory=list)
    limits: LimitsSpec = Field(default_factory=LimitsSpec)

    @field_validator("links", mode="before")
    @classmethod
    def _a_pair_alone_is_a_link(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [[link] if isinstance(link, dict) else link for link in value]

    @model_validator(mode="after")
    def _rules(self) -> ImportSpec:
        if self.unmatched is Unmatched.CREATE and not self.links:
            raise ValueError("unmatched: create needs a link, so that a created profile is found again.")
        targets = [mapping.target for mapping in self.mappings]
        if repeated := sorted({target for target in targets if targets.count(target) > 1}):
            raise ValueError(f"two mappings write to {', '.join(repeated)}; keep one for each target.")
        if self.segments == []:
            raise ValueError("segments: name at least one, or write all.")
        return self

    def to_domain(self) -> ImportGoal:
        return ImportGoal(
            credentials=self.credentials,
            segments=None if self.segments == "all" else tuple(self.segments),
            links=tuple(tuple(IdentifierPair(p.theirs, p.ours) for p in link) for link in self.links),
            unmatched=self.unmatched,
            mappings=tuple(PropertyMapping(**dict(mapping)) for mapping in self.mappings),
            expectations=tuple(ConfiguredExpectation(e.type, e.kwargs) for e in self.expectations),
            limits=Limits(**dict(self.limits)),
        )


class ExposeSpec(Spec):
    identifiers: list[ObjectId] = Field(default_factory=list)
    segments: list[ObjectId] = Field(min_length=1)
    properties: list[ObjectId] = Field(default_factory=list)

    def to_domain(self) -> ExposeGoal:
        return ExposeGoal(
            identifiers=tuple(self.identifiers),
            segments=tuple(self.segments),
            properties=tuple(self.properties),
        )


class ScheduleSpec(Spec):
    cron: str
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no time zone; write one such as Europe/Amsterdam.") from None
        return value


class ConnectionSpec(Spec):
    """One tenant's configuration for exchanging with one other tenant."""

    title: Name
    tenant: Slug
    partner: PartnerSpec
    description: str = ""
    labels: list[Name] = Field(default_factory=list)
    favorite: bool = False
    enabled: bool = True
    schedule: ScheduleSpec | None = None
    objectives: list[ObjectId] = Field(default_factory=list)
    consent: ConsentRule = ConsentRule.EXPLICIT
    expose: ExposeSpec | None = None
    importing: ImportSpec | None = Field(default=None, alias="import")

    @model_validator(mode="after")
    def _has_a_goal(self) -> ConnectionSpec:
        if self.expose is None and self.importing is None:
            raise ValueError("a connection needs a goal: expose, import, or both.")
        return self

    def to_domain(self, connection_id: str) -> Connection:
        return Connection(
            id=connection_id,
            title=self.title,
            tenant=self.tenant,
            partner=Partner(self.partner.name, self.partner.host),
            description=self.description,
            labels=tuple(self.labels),
            favorite=self.favorite,
            enabled=self.enabled,
            schedule=Schedule(self.schedule.cron, self.schedule.timezone) if self.schedule else None,
            objectives=tuple(self.objectives),
            consent=self.consent,
            expose=self.expose.to_domain() if self.expose else None,
            importing=self.importing.to_domain() if self.importing else None,
        )
