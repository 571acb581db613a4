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

from profile_exchange.config.accept_spec import AcceptSpec
from profile_exchange.config.mapping_spec import MappingSpec
from profile_exchange.config.networks import Networks
from profile_exchange.config.notifications_spec import NotificationsSpec
from profile_exchange.config.schedule_spec import ScheduleSpec
from profile_exchange.config.spec import (
    CredentialsId,
    Days,
    HostName,
    Label,
    LengthOfTime,
    Name,
    ObjectId,
    Share,
    ShareOrOff,
    Slug,
    Spec,
)
from profile_exchange.domain.connection import (
    Approval,
    ApprovalRule,
    ConfiguredExpectation,
    Connection,
    ConsentRule,
    ExposeGoal,
    IdentifierPair,
    ImportGoal,
    Keep,
    Limits,
    Partner,
    Pull,
    Unmatched,
)


class PartnerSpec(Spec):
    """The other tenant."""

    name: Name
    """What people call the other tenant."""
    host: HostName
    """Its host name, which the credentials have to be for."""


class IdentifierPairSpec(Spec):
    """Two unique identifiers that have to agree."""

    theirs: ObjectId
    """A unique identifier that the other tenant exposes."""
    ours: ObjectId
    """The unique identifier of ours that has to hold the same value."""


class ExpectationSpec(Spec):
    """One expectation as Great Expectations writes it down."""

    type: str
    """The expectation's name, such as expect_column_values_to_not_be_null."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Its arguments; columns are properties of theirs."""


class LimitsSpec(Spec):
    """What stops a run before it writes."""

    max_rejected_share: Share = 0.05
    """A larger share of rejected profiles stops the run, as a fraction of 1."""
    max_drop_share: Share = 0.5
    """A larger drop of received profiles since the last run stops the run."""
    max_modified_share: ShareOrOff = None
    """A larger share of profiles that would be modified stops the run; off is no limit."""
    allow_zero_received: bool = False
    """Let a run through that received nothing where the last one had some."""


class ApprovalSpec(Spec):
    """Which runs wait at the gate for a person: a word, or with how long they wait for it."""

    rule: ApprovalRule = Field(default=ApprovalRule.REQUIRED, alias="when")
    """Every run, or every one until a run has succeeded."""
    timeout: LengthOfTime = Field(
        default=Approval().timeout, json_schema_extra={"default": "1 day"}
    )
    """How long a run waits, such as 8h; then it ends and has written nothing."""


def _a_word_is_the_rule(value: Any) -> Any:
    return {"when": value} if isinstance(value, str) else value


def _all_or_some(value: object) -> str:
    return "some" if isinstance(value, list) else "all"


#: ``all``, or a list; told apart by its form, so that an error speaks of what was meant.
Segments = Annotated[
    Annotated[Literal["all"], Tag("all")] | Annotated[list[ObjectId], Tag("some")],
    Discriminator(_all_or_some),
]


class KeepSpec(Spec):
    """How long a run's traces are kept."""

    quarantine_days: Days = Keep.quarantine_days
    """Days after which a rejected profile is forgotten."""
    fate_days: Days = Keep.fate_days
    """Days after which it is forgotten what became of each profile of a run; counts stay."""


class ImportSpec(Spec):
    """What this tenant takes from the other."""

    credentials: CredentialsId = Field(
        description="Id of the Airflow connection that holds host name, key and secret."
    )
    segments: Segments = "all"
    """The segments that are taken: a list of ids, or all that are exposed."""
    links: list[list[IdentifierPairSpec]] = Field(default_factory=list)
    """How profiles are matched: the first alternative that finds exactly one of ours decides.

    Without any, by the profile's id.
    """
    unmatched: Unmatched = Unmatched.SKIP
    """What to do with a profile that is none of ours."""
    mappings: list[MappingSpec] = Field(min_length=1)
    """Which property of theirs goes where."""
    expectations: list[ExpectationSpec] = Field(default_factory=list)
    """What has to hold, in the vocabulary of Great Expectations."""
    limits: LimitsSpec = Field(default_factory=LimitsSpec)
    """What stops a run before anything is written."""
    keep: KeepSpec = Field(default_factory=KeepSpec)
    """How long a run's traces are kept."""
    pull: Pull = Pull.COMPLETE
    """Whether a run asks for every profile, or for those that changed since the last one."""
    complete_every_days: Days | None = Field(
        default=None, description="How often pull: changed pulls everything; 7 unless given."
    )
    objective_map: dict[ObjectId, ObjectId] = Field(
        default_factory=dict,
        description="Their objectives and which of ours each is, for profiles that are created.",
    )
    approval: Annotated[
        ApprovalSpec | None,
        BeforeValidator(_a_word_is_the_rule, json_schema_input_type=ApprovalRule | ApprovalSpec),
    ] = None
    """Which runs wait at the gate for a person."""

    @field_validator(
        "links",
        mode="before",
        json_schema_input_type=list[IdentifierPairSpec | list[IdentifierPairSpec]],
    )
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
            mappings=tuple(mapping.to_domain() for mapping in self.mappings),
            expectations=tuple(ConfiguredExpectation(e.type, e.kwargs) for e in self.expectations),
            limits=Limits(**dict(self.limits)),
            keep=Keep(**dict(self.keep)),
            objective_map=dict(self.objective_map),
            pull=self.pull,
            complete_every_days=self.complete_every_days,
            approval=Approval(**dict(self.approval)) if self.approval else None,
        )


class ExposeSpec(Spec):
    """What the other tenant may read."""

    identifiers: list[ObjectId] = Field(default_factory=list)
    """Unique identifiers that the other tenant may read and match on."""
    segments: list[ObjectId] = Field(min_length=1)
    """Segments whose profiles may be read."""
    properties: list[ObjectId] = Field(default_factory=list)
    """Profile properties that may be read."""
    networks: Networks = Field(default_factory=list)
    """From which addresses; without any, from where the partner's host name leads."""

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
    """What people call the connection."""
    tenant: Slug
    """The tenant whose connection this is: its file's name."""
    partner: PartnerSpec
    """The other tenant."""
    description: str = ""
    """What the connection is for."""
    labels: list[Label] = Field(default_factory=list)
    """Words to find it by."""
    favorite: bool = False
    """Whether it is among the favorites."""
    enabled: bool = True
    """Whether it runs, and whether its partner may read."""
    schedule: ScheduleSpec | None = None
    """When it runs by itself; without one it runs when it is asked to."""
    notifications: NotificationsSpec | None = None
    """Who is told about its runs."""
    objectives: list[ObjectId] = Field(default_factory=list)
    """Our objectives: only profiles that consented to one of them are processed.

    Without any, all are.
    """
    consent: ConsentRule = ConsentRule.EXPLICIT
    """Whether an objective that needs no consent where the visitor lives counts as consented."""
    expose: ExposeSpec | None = None
    """What the other tenant may read."""
    importing: ImportSpec | None = Field(default=None, alias="import")
    """What this tenant takes from the other."""
    accept: AcceptSpec | None = None
    """What the other tenant may write."""

    @model_validator(mode="after")
    def _has_a_goal(self) -> ConnectionSpec:
        if self.expose is None and self.importing is None and self.accept is None:
            empty = self.model_fields_set & {"expose", "importing", "accept"}
            names = " and ".join(sorted("import" if it == "importing" else it for it in empty))
            raise ValueError(
                "a connection needs a goal: expose, import, accept, or several"
                f"{f'; {names} says nothing here' if empty else ''}."
            )
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
            notifications=self.notifications.to_domain() if self.notifications else None,
            objectives=tuple(self.objectives),
            consent=self.consent,
            expose=self.expose.to_domain() if self.expose else None,
            importing=self.importing.to_domain() if self.importing else None,
            accept=self.accept.to_domain() if self.accept else None,
        )
