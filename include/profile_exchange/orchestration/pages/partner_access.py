"""What the other tenant may do with our tenant's data by a connection, and with which keys.

The exposure API looks at the connection's file, and not at whether Airflow runs its checks: so
this stands apart from what is switched on and off there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from profile_exchange.domain.connection import Connection
from profile_exchange.tenants.postgres.credentials import Credential


@dataclass(frozen=True, slots=True)
class PartnerAccess:
    """Whether the partner is answered, what it ``may`` do then, and what there is to say of it."""

    allowed: bool
    may: str
    told: str


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A consumer key of the partner's, and when a token was last got with it."""

    key: Credential
    used_at: datetime | None


def partner_access(connection: Connection, keys: int | None) -> PartnerAccess | None:
    """What the partner may do; None where it has nothing to ask for.

    ``keys`` is how many consumer keys it may use now, None while that is not known.
    """
    if not connection.answers:
        return None
    doing = {"read": connection.expose, "write": connection.accept}
    may = " and ".join(word for word, goal in doing.items() if goal)
    if not connection.enabled:
        return PartnerAccess(
            allowed=False, may=may, told="The connection is off in its file: nothing is answered."
        )
    if keys == 0:
        return PartnerAccess(
            allowed=True,
            may=may,
            told="As soon as it has a consumer key: none is in use that was issued for it.",
        )
    return PartnerAccess(
        allowed=True, may=may, told="At any time, whether runs are on or off here."
    )
