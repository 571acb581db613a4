"""Figures about consent, renewed by runs: what a page shows is at most a day older than a run."""

from __future__ import annotations

import logging
from datetime import datetime

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError

log = logging.getLogger(__name__)


def renew_consents_of(connection: Connection, store_url: str, now: datetime) -> None:
    """Count the consents to a connection's objectives, if they were not counted today.

    A run that is done stays done: what goes wrong here is logged. The profiles of a tenant that is
    not hosted here are counted by nobody.
    """
    from profile_exchange.config import registry
    from profile_exchange.tenants.postgres.consents import renew_consents

    try:
        if not registry.tenant(connection.tenant).is_remote:
            renew_consents(store_url, connection.objectives, now)
    except ExchangeError as error:
        log.warning("The consents were not counted: %s", error)
