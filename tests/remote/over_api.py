"""A `RestTarget` whose requests go to our own API, and can be lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from profile_exchange.domain.errors import CredentialsRefused, NoLongerExposed, SourceUnavailable
from profile_exchange.pipeline.remote.asking import Endurance
from profile_exchange.pipeline.remote.properties import TargetTenant
from profile_exchange.pipeline.remote.upsert import upsert
from profile_exchange.pipeline.report import Report, report
from profile_exchange.pipeline.runs import Run
from profile_exchange.tenants.rest.answers import Answer
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.target import RestTarget
from tests.accepting.conftest import Writer
from tests.pipeline.exchange import Exchange
from tests.pipeline.in_memory import profile_id

#: What happens to a request: it is sent (or not), and its answer comes (or not).
LOST_BEFORE, LOST_AFTER = "lost before it was processed", "lost after it was processed"
JSON = {"Content-Type": "application/json"}
QUICK = Endurance(attempts=3, backoff=0, sleep=lambda _: None)


class ApiClient:
    """What `RestTarget` needs of a client, over the real app. ``faults`` are of writes to come."""

    host = "taylor-times.localhost"
    credentials = TenantCredentials(host, "key", "secret")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.faults: list[str | int] = []
        self.sent: list[Any] = []

    def authenticate(self) -> None:
        """The writer is logged in."""

    def get(self, path: str, query: Any, parse: Callable[[bytes], Any]) -> Any:
        answer = self.writer.api.request("GET", f"/rest/v2{path}", params=query)
        if answer.status_code == 404:
            raise NoLongerExposed("There is none.")
        if answer.status_code in {401, 403}:
            raise CredentialsRefused("This is not yours to see.")
        assert answer.status_code == 200, answer.text
        return parse(answer.content)

    def put(self, path: str, content: bytes, parse: Callable[[bytes], Any]) -> Any:
        answer = self.writer.api.request("PUT", f"/rest/v2{path}", content=content, headers=JSON)
        assert answer.status_code == 200, answer.text
        return parse(answer.content)

    def put_once(self, path: str, query: Any, content: bytes) -> Answer:
        fault = self.faults.pop(0) if self.faults else ""
        self.sent.append(content)
        if isinstance(fault, int):
            return Answer(fault, {})
        if fault == LOST_BEFORE:
            raise SourceUnavailable("No answer.")
        answer = self.writer.api.request(
            "PUT", f"/rest/v2{path}", content=content, params=dict(query), headers=JSON
        )
        if fault == LOST_AFTER:
            raise SourceUnavailable("No answer.")
        return Answer(answer.status_code, dict(answer.headers), answer.content)


class RemoteExchange(Exchange):
    """An exchange whose importing tenant is behind REST API v2."""

    client: Any
    visitors: str = ""
    #: Which of the tenant's profiles each received one is, by its answers to the last run.
    answered: Mapping[UUID, UUID]

    @property
    def tenant(self) -> TargetTenant:
        return TargetTenant(RestTarget(self.client), self.visitors)

    @property
    def tenant_url(self) -> str:
        store: str = self.client.writer.installation.store
        return store

    def created_from(self, name: object) -> UUID:
        return self.answered[profile_id(name)]

    def finish(self, run: Run, admission: Any) -> Report:
        for package in admission.packages:
            self.take(upsert, run, package, self.today, self.tenant.target, QUICK)
        sent = run.staging.sent
        with run.engine.connect() as database:
            rows = database.execute(select(sent.c.profile_id, sent.c.target_id)).all()
        self.answered = {row.profile_id: row.target_id for row in rows}
        return self.take(report, run, self.today)
