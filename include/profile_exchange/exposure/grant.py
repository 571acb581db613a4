"""What a partner may read: the expose goal of one connection, and who asks with it."""

from __future__ import annotations

from dataclasses import dataclass

from profile_exchange.domain.connection import Connection, ConsentRule, ExposeGoal
from profile_exchange.domain.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Grant:
    """One connection of one tenant, and the credential that a request was made with."""

    tenant: Tenant
    connection: Connection
    goal: ExposeGoal
    client_id: str

    @property
    def objectives(self) -> tuple[str, ...]:
        """The objectives whose consent decides which profiles leave."""
        return self.connection.objectives

    @property
    def unneeded_counts(self) -> bool:
        """Whether an objective that needs no consent where the visitor is counts as consented."""
        return self.connection.consent is ConsentRule.CONSENTED_OR_UNNEEDED
