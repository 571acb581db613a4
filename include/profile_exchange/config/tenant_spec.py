"""A tenant's YAML file: ``include/tenants/<id>.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from profile_exchange.config.spec import (
    CredentialsId,
    HostName,
    Label,
    Name,
    ObjectId,
    SecretName,
    Spec,
)
from profile_exchange.config.yaml_source import Finding
from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Segment, Tenant, TenantKind


class PropertySpec(Spec):
    """A profile property of the tenant."""

    id: ObjectId
    name: Name
    type: FilterType = FilterType.SELECT
    unique_identifier: bool = False
    sensitivity: DataSensitivity = DataSensitivity.NON_PII
    tags: list[Label] = Field(default_factory=list)
    description: str = ""

    def to_domain(self) -> ProfileProperty:
        """The property without its YAML."""
        return ProfileProperty(
            id=self.id,
            name=self.name,
            filter_type=self.type,
            indexed=self.unique_identifier,
            data_sensitivity=self.sensitivity,
            tags=tuple(self.tags),
            description=self.description,
        )


class SegmentSpec(Spec):
    """A segment of the tenant, with its rule."""

    id: ObjectId
    name: Name
    description: str = ""
    tags: list[Label] = Field(default_factory=list)
    refinement: dict[str, Any] | None = None

    def to_domain(self) -> Segment:
        """The segment without its YAML."""
        return Segment(
            id=self.id,
            name=self.name,
            refinement=self.refinement,
            description=self.description,
            tags=tuple(self.tags),
        )


class ObjectiveSpec(Spec):
    """An objective of the tenant."""

    id: ObjectId
    name: Name
    title: str = ""
    description: str = ""
    needs_consent: bool = True
    legislations: list[str] = Field(default_factory=list)
    tags: list[Label] = Field(default_factory=list)

    def to_domain(self) -> Objective:
        """The objective without its YAML."""
        return Objective(
            id=self.id,
            name=self.name,
            title=self.title or self.name,
            description=self.description,
            needs_consent=self.needs_consent,
            legislations=tuple(self.legislations),
            tags=tuple(self.tags),
        )


class TenantSpec(Spec):
    """A tenant of ours, with what describes its profiles: hosted here, or BlueConic's."""

    name: Name
    host: HostName
    kind: TenantKind = TenantKind.HOSTED
    store: SecretName | None = Field(
        default=None, description="Hosted: name of the secret that holds the profile store's URL."
    )
    work: SecretName | None = Field(
        default=None,
        description="BlueConic's: name of the secret that holds the URL of a database of ours.",
    )
    credentials: CredentialsId | None = Field(
        default=None,
        description="BlueConic's: the Airflow connection with host, consumer key and secret.",
    )
    visitors: ObjectId | None = Field(
        default=None,
        description="BlueConic's: its segment of everybody who has visited a channel.",
    )
    properties: list[PropertySpec] = Field(default_factory=list)
    segments: list[SegmentSpec] = Field(default_factory=list)
    objectives: list[ObjectiveSpec] = Field(default_factory=list)

    def to_domain(self, tenant_id: str) -> Tenant:
        """The tenant that the file of this id describes."""
        return Tenant(
            id=tenant_id,
            name=self.name,
            host=self.host,
            store_secret=self.work or self.store or "",
            kind=self.kind,
            credentials=self.credentials or "",
            visitors=self.visitors or "",
            properties=tuple(spec.to_domain() for spec in self.properties),
            segments=tuple(spec.to_domain() for spec in self.segments),
            objectives=tuple(spec.to_domain() for spec in self.objectives),
        )

    def findings(self) -> Iterator[Finding]:
        """Which keys are missing, or are for the other kind of tenant."""
        remote = self.kind is TenantKind.BLUECONIC
        for key in ("work", "credentials") if remote else ("store",):
            if getattr(self, key) is None:
                yield (), f"a tenant of kind {self.kind.value} needs the key {key!r}."
        for key in ("store",) if remote else ("work", "credentials", "visitors"):
            if getattr(self, key) is not None:
                other = TenantKind.HOSTED if remote else TenantKind.BLUECONIC
                yield (key,), f"this is for a tenant of kind {other.value}; remove it."
