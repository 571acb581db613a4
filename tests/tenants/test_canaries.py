"""A mail address, a token and a secret are found nowhere after whatever went wrong.

Not in a log record of any level, not in an exception or its traceback, local variables included,
not in quarantine, not in the record of the run.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from profile_exchange.domain.errors import ExchangeError
from profile_exchange.pipeline.runs import record_failure
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource
from tests.pipeline.exchange import NOW, furnish
from tests.tenants import faults
from tests.tenants.over_http import GOAL, HOST, PATIENCE, Fault, OverHttp, Tenant
from tests.tenants.scripted_partner import KEY, Answer

MAIL, TOKEN, SECRET = "canary-mail@example.com", "canary-token-", "canary-secret"
BIRD = "canary"
#: A page that holds the mail address wherever text can be.
PAGE = {
    "profiles": [
        {"id": MAIL, "privacyLegislation": MAIL, "consentedObjectives": [MAIL]},
        {"id": MAIL, "properties": [{"id": "email", "values": [MAIL]}], "creationDate": MAIL},
        {"properties": [{"id": MAIL, "values": MAIL}]},
        {"properties": [{"id": "email", "values": [MAIL + "\0"]}]},
    ]
}
FAULTS: dict[str, Fault] = {
    "refused": lambda _: Answer(PAGE, 403),
    "gone": lambda _: Answer(PAGE, 404),
    "sent elsewhere": lambda _: faults.busy(302, Location=f"http://{MAIL}/?token={TOKEN}"),
    "busy": lambda _: Answer(PAGE, 503, {"Retry-After": MAIL}),
    "cut": lambda _: faults.cut_in_the_middle(PAGE),
    "cut while packed": lambda _: faults.cut_while_packed(PAGE),
    "packed as nobody asked": lambda _: Answer(PAGE, headers={"Content-Encoding": MAIL}),
    "no page": lambda _: Answer([PAGE]),
    "no JSON": lambda _: Answer(MAIL.encode()),
    "no HTTP": lambda _: Answer(wire=lambda: [MAIL.encode() + b"\r\n\r\n"]),
    "a cursor given before": lambda _: Answer({**PAGE, "nextCursor": "c"}),
    "a cursor that is none": lambda _: Answer({**PAGE, "nextCursor": [MAIL]}),
    "dribbling": faults.dribbled_body,
    "too large": lambda _: Answer({"profiles": [PAGE] * 9000}),
}


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    tenant = Tenant()
    tenant.secret, tenant.token_prefix, tenant.forever = SECRET, TOKEN, True
    tenant.profiles["all"][0] = tenant.profile(0).replace(b"p0@example.com", MAIL.encode())
    with tenant.running():
        yield tenant


@pytest.fixture
def exchange(store_url: str, tenant: Tenant) -> Iterator[OverHttp]:
    furnish(store_url, {"email": "EMAIL!"}, [])
    made = OverHttp(store_url, GOAL, [], {})
    with RestClient(TenantCredentials(HOST, KEY, SECRET, tenant.base_url), PATIENCE) as client:
        made.rest = RestSource(client, page_size=2)
        yield made


def failure_of(act: Callable[[], Any]) -> str:
    """Everything that an exception can show, with the local variables of all its frames."""
    try:
        act()
    except ExchangeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join([str(error), repr(error), repr(error.args), *shown.format()])
    return ""


def recorded(store_url: str) -> str:
    """The exchange's own tables, but for the profiles that are staged."""
    tables = ("quarantine", "run", "pull_progress", "package")
    with engine_for(store_url).connect() as database:
        rows = [database.execute(text(f"select t::text from exchange.{t} t")) for t in tables]
        return "\n".join(str(row[0]) for result in rows for row in result)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_canary_after_a_fault_in_the_middle_of_a_pull(
    exchange: OverHttp, tenant: Tenant, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = msgspec.json.encode({**PAGE, "nextCursor": "c"})
    tenant.faults = [lambda _: Answer(first), FAULTS[fault]]
    tenant.forever = False
    tenant.faults += [FAULTS[fault]] * PATIENCE.attempts
    shown = failure_of(exchange.pulled)
    assert shown
    record_failure(exchange.store_url, "taylor-times", "run-1", shown, NOW)
    assert "segment = " in shown
    assert BIRD not in shown + caplog.text + recorded(exchange.store_url)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 503])
def test_no_canary_after_a_token_that_is_none(
    exchange: OverHttp,
    tenant: Tenant,
    status: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    said = {"access_token": f"{TOKEN}\n", "error_description": SECRET}
    monkeypatch.setattr(tenant, "_token", lambda _: Answer(said, status))
    shown = failure_of(exchange.rest.authenticate)
    assert shown
    assert BIRD not in shown + caplog.text


def test_no_canary_after_a_run_that_quarantined_what_was_spoiled(
    exchange: OverHttp, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    exchange.goal = {**GOAL, "limits": {"max_rejected_share": 1}}
    tenant.faults, tenant.forever = [lambda _: Answer({**PAGE, "nextCursor": "2"})], False
    assert exchange.counts().rejected == 3
    kept = recorded(exchange.store_url)
    assert "malformed_profile" in kept
    assert BIRD not in caplog.text + kept
