"""A connection's YAML file: ``include/connections/<id>.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from profile_exchange.config.networks import network
from profile_exchange.config.schedule_spec import ScheduleSpec
from profile_exchange.config.spec import (
    CredentialsId,
    Days,
    HostName,
    Label,
    Name,
    ObjectId,
    Share,
    Slug,
    Spec,
)
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
    Pull,
    Restriction,
    Strategy,
    Unmatched,
)
from profile_exchange.domain.origins import Network


class PartnerSpec(Spec):
    """The other tenant."""

    name: Name
    host: HostName


class IdentifierPairSpec(Spec):
    """Two unique identifiers that have to agree."""

    theirs: ObjectId
    ours: ObjectId


class MappingSpec(Spec):
    """Their property into ours."""

    source: ObjectId = Field(alias="from")
    target: ObjectId = Field(alias="to")
    strategy: Strategy = Strategy.SET
    restriction: Restriction = Restriction.ALL_PROFILES
    overwrite: bool = False

    @field_validator("strategy", mode="before")
    @classmethod
    def _both_spellings_of_sum(cls, value: Any) -> Any:
        return Strategy.SUM if value == "INCREMENT" else value


class ExpectationSpec(Spec):
    """One expectation as Great Expectations writes it down."""

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)


class LimitsSpec(Spec):
    """What stops a run before it writes."""

    max_rejected_share: Share = 0.05
    max_drop_share: Share = 0.5


def _all_or_some(value: object) -> str:
    return "some" if isinstance(value, list) else "all"


#: ``all``, or a list; told apart by its form, so that an error speaks of what was meant.
Segments = Annotated[
    Annotated[Literal["all"], Tag("all")] | Annotated[list[ObjectId], Tag("some")],
    Discriminator(_all_or_some),
]


class ImportSpec(Spec):
    """What this tenant takes from the other."""

    credentials: CredentialsId = Field(
        description="Id of the Airflow connection that holds host name, key and secret."
    )
    segments: Segments = "all"
    links: list[list[IdentifierPairSpec]] = Field(default_factory=list)
    unmatched: Unmatched = Unmatched.SKIP
    mappings: list[MappingSpec] = Field(min_length=1)
    expectations: list[ExpectationSpec] = Field(default_factory=list)
    limits: LimitsSpec = Field(default_factory=LimitsSpec)
    pull: Pull = Pull.COMPLETE
    complete_every_days: Days | None = Field(
        default=None, description="How often pull: changed pulls everything; 7 unless given."
    )
    objective_map: dict[ObjectId, ObjectId] = Field(
        default_factory=dict,
        description="Their objectives and which of ours each is, for profiles that are created.",
    )

    @field_validator("links", mode="before")
    @classmethod
    def _a_pair_alone_is_a_link(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [[link] if isinstance(link, dict) else link for link in value]

    def to_domain(self) -> ImportGoal:
        """The import goal without its YAML."""
        return ImportGoal(
            credentials=self.credentials,
            segments=None if self.segments == "all" else tuple(self.segments),
            links=tuple(
                tuple(IdentifierPair(p.theirs, p.ours) for p in link) for link in self.links
            ),
            unmatched=self.unmatched,
            mappings=tuple(PropertyMapping(**dict(mapping)) for mapping in self.mappings),
            expectations=tuple(ConfiguredExpectation(e.type, e.kwargs) for e in self.expectations),
            limits=Limits(**dict(self.limits)),
            objective_map=dict(self.objective_map),
            pull=self.pull,
            complete_every_days=self.complete_every_days,
        )


class ExposeSpec(Spec):
    """What the other tenant may read."""

    identifiers: list[ObjectId] = Field(default_factory=list)
    segments: list[ObjectId] = Field(min_length=1)
    properties: list[ObjectId] = Field(default_factory=list)
    networks: list[Annotated[Network, BeforeValidator(network)]] = Field(default_factory=list)

    def to_domain(self) -> ExposeGoal:
        """The expose goal without its YAML."""
        return ExposeGoal(
            identifiers=tuple(self.identifiers),
            segments=tuple(self.segments),
            properties=tuple(self.properties),
            networks=tuple(self.networks),
        )


class ConnectionSpec(Spec):
    """One tenant's configuration for exchanging with one other tenant."""

    title: Name
    tenant: Slug
    partner: PartnerSpec
    description: str = ""
    labels: list[Label] = Field(default_factory=list)
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
        """The connection that the file of this id describes."""
        return Connection(
            id=connection_id,
            title=self.title,
            tenant=self.tenant,
            partner=Partner(self.partner.name, self.partner.host),
            description=self.description,
            labels=tuple(self.labels),
            favorite=self.favorite,
            enabled=self.enabled,
            schedule=self.schedule.to_domain() if self.schedule else None,
            objectives=tuple(self.objectives),
            consent=self.consent,
            expose=self.expose.to_domain() if self.expose else None,
            importing=self.importing.to_domain() if self.importing else None,
        )
