"""An exchange whose other tenant is a partner on loopback, with pages of any JSON."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.runs import Run
from profile_exchange.store import tables
from profile_exchange.tenants.rest.network import Patience
from profile_exchange.tenants.rest.source import RestSource
from tests.pipeline.exchange import Exchange, profile_id
from tests.tenants.scripted_partner import Answer, Request, ScriptedPartner

HOST = "taylor-times.localhost"
PATIENCE = Patience(attempts=3, backoff=0.001, read=0.5, total=1.0, size=1 << 20)
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}],
}
Fault = Callable[[Any], Answer]


class Tenant(ScriptedPartner):
    """A tenant with pages of two profiles, as JSON of any kind, that plays faults in between.

    ``faults`` are the answers to its next requests for a page of profiles: each a function of
    what a well-behaved partner would say. The last one stays if ``forever``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._respond, tls)
        self.profiles = {"all": [self.profile(n) for n in range(5)]}
        self.faults: list[Fault] = []
        self.forever = False
        self.counts_profiles = True

    @staticmethod
    def profile(number: int, member: bytes = b'"other": {"deep": [1]}') -> bytes:
        """A profile with its properties in an order of their own and a field that nobody knows."""
        start = f'{{"properties": [{{"values": ["p{number}@example.com"], "id": "email"}}], '
        return start.encode() + member + f', "id": "{profile_id(number + 1)}"}}'.encode()

    def _respond(self, request: Request) -> Answer:
        if request.path.endswith("/profiles"):
            return self._faulty(request)
        known = [{"id": "email", "filterType": "EMAIL", "indexed": True}, {"id": "sports"}]
        segments = [
            {"id": name, "profileCount": len(held)} if self.counts_profiles else {"id": name}
            for name, held in self.profiles.items()
        ]
        listed = {"segments": segments, "profileProperties": known}
        return Answer({name: items for name, items in listed.items() if name in request.path})

    def _faulty(self, request: Request) -> Answer:
        if not self.faults:
            return Answer(self._page(request))
        fault = self.faults[0] if self.forever else self.faults.pop(0)
        return fault({"profiles": [{"id": str(profile_id(1))}] * 50})

    def _page(self, request: Request) -> bytes:
        held = self.profiles[request.path.split("/")[-2]]
        start = int(dict(request.query).get("cursor", "*").replace("*", "0"))
        after = b', "nextCursor": "%d"' % (start + 2) if start + 2 < len(held) else b""
        return b'{"profiles": [' + b",".join(held[start : start + 2]) + b"]" + after + b"}"


class OverHttp(Exchange):
    """An exchange whose other tenant is asked over HTTP."""

    rest: RestSource

    @property
    def source(self) -> RestSource:  # type: ignore[override]
        return self.rest

    def pulled(self, *, preview: bool = False) -> Run:
        run = self.open(preview=preview)
        for request in requests_for(run, run.plan.segments):
            pull(run, self.rest, request)
        return run


def staged(run: Run) -> int:
    with run.engine.connect() as database:
        return int(
            database.execute(select(func.count()).select_from(run.staging.staged)).scalar_one()
        )


def rejected(run: Run) -> list[Any]:
    fates, rows = run.staging.fate, tables.quarantine
    with run.engine.connect() as database:
        settled = database.execute(select(fates.c.profile_id)).scalars().all()
        kept = select(rows.c.profile_id).where(rows.c.run_seq == run.seq)
        assert sorted(settled) == sorted(database.execute(kept).scalars())
    return sorted(settled)
