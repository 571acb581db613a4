"""The cases of ``tests/cases``, with our profiles at a tenant behind REST API v2: our own API.

The fates, reports and values are those that hold where the profiles are in PostgreSQL, but for
the differences in the table below, which cases name with what is expected instead. Who has
consented is judged by the connection of the tenant that answers, as the case writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import BlockingPortal

from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.pipeline.remote.forecast import known_before
from tests.accepting.conftest import Writer
from tests.pipeline.cases import (
    Case,
    exchange_of,
    expect_error,
    expect_outcome,
    pass_by,
    played,
    read_cases,
    steps_of,
)
from tests.remote.emptied_tenant import (
    empty_work,
    furnish_tenant,
    let_in,
    tenant_behind_our_api,
)
from tests.remote.over_api import RemoteExchange

#: Where a tenant behind REST API v2 rightly differs (docs/adr/0015), by what cases call it.
DIFFERENCES = {
    "nothing foreknown": "who will be modified is not known before, so no limit can be about it",
    "nothing unfit": "the tenant alone knows who is new, and nothing is sent that does not fit",
    "waits": "what changes at the tenant is not known: who is let in by it waits for all to come",
    "judged last": "the tenant judges consent as it writes: values have been looked at by then",
    "matched last": "the tenant matches as it writes: it finds who has come meanwhile",
    "its own type": "the tenant compares identifiers by its own type of them, whatever theirs is",
    "one after another": "entries meet whom those before them created, under one's identifiers",
    "sums last": "a sum is added to what is written, so that one too large leaves the rest there",
    "not read": "a property of our own is added to without being read: who empties it is not seen",
    "counted by profile": "answers are about profiles, not about each property of them",
}
CASES = read_cases()


def not_run(case: Case) -> str:
    """The name of the difference that leaves nothing of a case to be run; or nothing."""
    over_api = case.get("over_api", {})
    return str(over_api["because"]) if set(over_api) == {"because"} else ""


@pytest.fixture(scope="module")
def writer(
    postgres: EmbeddedPostgres,
    store_template: str,
    portal: BlockingPortal,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Writer]:
    store = postgres.create_database("tenant_of_cases", template=store_template)
    folder = tmp_path_factory.mktemp("tenant")
    with tenant_behind_our_api(folder, store, portal) as made:
        yield made


@pytest.fixture(scope="module")
def work(postgres: EmbeddedPostgres, store_template: str) -> str:
    return postgres.create_database("work_of_cases", template=store_template)


def test_every_difference_is_named_and_every_name_is_used() -> None:
    told = [step["over_api"] for c in CASES.values() for step in steps_of(c) if "over_api" in step]
    assert {each["because"] for each in told} == set(DIFFERENCES)


def test_nearly_all_cases_are_run() -> None:
    assert sum(not not_run(case) for case in CASES.values()) >= 80


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: Case, writer: Writer, work: str) -> None:
    if why := not_run(case):
        pytest.skip(f"{why}: {DIFFERENCES[why]}")
    empty_work(work)
    furnish_tenant(writer, case)
    exchange = exchange_of(case, work, RemoteExchange)
    for step in played(case, exchange):
        let_in(writer, exchange, case)
        expected = {**step["expect"], **step.get("over_api", {})}
        if expected.get("error"):
            expect_error(exchange, expected)
        else:
            _run(exchange, step, expected)


def _run(exchange: RemoteExchange, step: Case, expected: Case) -> None:
    run, admission = exchange.gated()
    with run.engine.begin() as database:
        foretold = known_before(database, run, admission.received)
    pass_by(exchange, step)
    reported = exchange.finish(run, admission)
    expect_outcome(exchange, run, reported, expected)
    assert foretold.counts.settled + foretold.undecided == reported.counts.received
    left = foretold.counts.as_dict()
    assert all(number <= reported.counts.as_dict()[fate] for fate, number in left.items())
