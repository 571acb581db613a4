"""The API is what its own description says: schemathesis asks whatever the description allows.

What it makes up is the same every time. The service is the real one, on a port of its own.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from profile_exchange.config.settings import Settings
from profile_exchange.domain.scopes import Scope
from profile_exchange.exposure.app import create_app
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.credentials import issue
from tests.accepting.conftest import ACCEPT
from tests.exposure.conftest import HOST, TENANT, Installation
from tests.exposure.test_serving import PATIENCE, serving, token_for

description = create_app(Settings(secrets_dir=Path("nowhere"))).openapi()
schema = schemathesis.openapi.from_dict(description)

#: Text that a schema allows is not yet a cursor that we gave, a refinement, or an objective.
LEFT_OUT = [positive_data_acceptance]
#: 501 is the published word for a property that is no unique identifier.
ALSO_LEFT_OUT = {"GET /rest/v2/profiles": [not_a_server_error]}


@dataclass(frozen=True)
class Served:
    """Where the service is, and a token that may read and write."""

    address: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(
    postgres: EmbeddedPostgres, store_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Taylor Times with some profiles, and Harbor Goods with credentials for everything."""
    store = postgres.create_database("described_store", template=store_template)
    limits = {"requests_per_second": 1e6}
    made = Installation(tmp_path_factory.mktemp("described"), store, limits=limits)
    made.host("taylor-times", TENANT)
    made.connect(objectives=["sharing"], accept={**ACCEPT, "read_back": True})
    made.open_to_writing()
    for number in range(5):
        made.add(email=[f"{number}@example.org"], section=["Sports"], consented=("sharing",))
    scopes = [Scope.READ, Scope.WRITE]
    issued = issue(store, "harbor-goods", now=dt.datetime.now(dt.UTC), scopes=scopes)
    with ExitStack() as running:
        address, process = running.enter_context(serving(made, ()))
        # A line for each request is more than a pipe that nobody reads can hold.
        Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
        headers = {"Host": HOST}
        with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as client:
            token = token_for(client, issued)
        yield Served(address, {**headers, "Authorization": f"Bearer {token}"})
    engine_for(store).dispose()


@schema.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case, served: Served) -> None:
    case.call_and_validate(
        base_url=served.address,
        headers=served.headers,
        excluded_checks=[*LEFT_OUT, *ALSO_LEFT_OUT.get(case.operation.label, ())],
        timeout=PATIENCE,
    )


def test_the_description_names_who_may_ask_and_every_refusal() -> None:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], path
            answers: dict[str, Any] = operation["responses"]
            assert {"200", "400", "401", "429", "503"} <= set(answers), (method, path)
            assert answers.keys().isdisjoint({"422", "500"})
            assert ("security" in operation) == ("/oauth/" not in path)
