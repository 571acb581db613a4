"""What a connection may not ask of a tenant whose profiles are behind REST API v2."""

from __future__ import annotations

from collections.abc import Iterator

from profile_exchange.config.yaml_source import Finding
from profile_exchange.domain.connection import Connection, ConsentRule
from profile_exchange.domain.tenant import Tenant


def against_remote_tenant(connection: Connection, tenant: Tenant) -> Iterator[Finding]:
    """What BlueConic does itself, or does not let anybody know before it writes."""
    for key, outward in (("expose", connection.expose), ("accept", connection.accept)):
        if outward:
            message = (
                f"{tenant.name} is a BlueConic tenant, which shows and takes in profiles itself; "
                "configure that there, and remove this."
            )
            yield (key,), message
    if connection.objectives and connection.consent is ConsentRule.EXPLICIT:
        message = (
            f"{tenant.name} is a BlueConic tenant, which counts an objective that needs no "
            "consent where the visitor lives; write consent: consented_or_unneeded, or no "
            "objectives."
        )
        yield ("consent",), message
    goal = connection.importing
    if goal is None:
        return
    if goal.limits.max_modified_share is not None:
        message = "what a BlueConic tenant would modify is not known before; remove this limit."
        yield ("import", "limits", "max_modified_share"), message
    if not goal.links and not tenant.visitors:
        message = (
            f"without a link both tenants must have seen the visitor: name {tenant.name}'s "
            "segment of everybody who visited a channel, as visitors in its file, or write links."
        )
        yield ("import",), message
