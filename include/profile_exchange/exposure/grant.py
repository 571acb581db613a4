"""What a partner may read, or write: the goals of one connection, and who asks with them."""

from __future__ import annotations

from dataclasses import dataclass

from profile_exchange.domain.connection import AcceptGoal, Connection, ExposeGoal
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


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What may be written with one connection of one tenant, and the credential that asks."""

    tenant: Tenant
    connection: Connection
    goal: AcceptGoal
    client_id: str
