"""An import that adds articles to profiles of a tenant over real sockets, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import quarantine, sum_intent
from tests.remote.over_api import RemoteExchange
from tests.remote.scripted_tenant import Held, ScriptedTenant

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
SUM: dict[str, Any] = {"from": "visits", "to": "articles", "strategy": "SUM"}
GOAL: dict[str, Any] = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "sports", "to": "section"}, SUM],
}


class SummingExchange(RemoteExchange):
    """Its source profiles are told by number: the mail address of whom, and how many visits."""

    served: ScriptedTenant

    def receives(self, profiles: Mapping[int, tuple[str, int | None]], newest: int = 0) -> None:
        """What the other tenant has from now on; ``newest`` was modified last."""
        self.theirs = [
            {
                "id": number,
                "email": f"{name}@example.org",
                **({} if visits is None else {"visits": str(visits)}),
                "modified": "2026-02-01" if number == newest else "2026-01-01",
            }
            for number, (name, visits) in profiles.items()
        ]

    def found(self, name: str) -> Held:
        """A profile of the tenant's."""
        held = self.served.held.values()
        return next(each for each in held if each.properties["email"] == [f"{name}@example.org"])

    def articles(self, *names: str) -> list[str | None]:
        """What profiles of the tenant hold now; None without any."""
        told = [self.found(name).properties.get("articles") or [None] for name in names]
        return [values[0] for values in told]

    def open_sums(self) -> int:
        """Intents that nobody knows the end of."""
        with engine_for(self.store_url).connect() as database:
            return database.execute(select(func.count()).select_from(sum_intent)).scalar_one()

    def rules_broken(self) -> list[str]:
        """Why profiles are in quarantine."""
        with engine_for(self.store_url).connect() as database:
            return list(database.execute(select(quarantine.c.reason)).scalars())
