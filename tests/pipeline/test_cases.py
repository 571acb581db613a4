"""The rules of the exchange, as cases that anyone can read (`tests.pipeline.cases`).

Each run is forecast at its gate, as a preview is, and has to do what the forecast said, if nothing
happens meanwhile.
"""

from __future__ import annotations

import pytest

from profile_exchange.pipeline.forecast import forecast
from tests.pipeline.cases import (
    Case,
    exchange_of,
    expect_error,
    expect_outcome,
    furnish_ours,
    pass_by,
    played,
    read_cases,
    rules,
)
from tests.pipeline.exchange import Exchange, matched_by, observed, ours


def test_every_rule_is_held_by_a_case_and_every_case_holds_rules() -> None:
    held = {name for case in read_cases().values() for name in case["holds"].split(", ")}
    assert held == rules()


def test_there_are_cases_enough() -> None:
    assert len(read_cases()) >= 120


@pytest.mark.parametrize("case", read_cases().values(), ids=read_cases().keys())
def test_case(case: Case, store_url: str) -> None:
    furnish_ours(case, store_url)
    exchange = exchange_of(case, store_url, Exchange)
    for step in played(case, exchange):
        if "error" in step["expect"]:
            expect_error(exchange, step["expect"])
        else:
            _run(exchange, step)


def _run(exchange: Exchange, step: Case) -> None:
    before = ours(exchange.store_url)
    run, admission = exchange.gated()
    with run.engine.begin() as database:
        foretold = forecast(database, run, admission.received)
    matched = matched_by(run)
    pass_by(exchange, step)
    reported = exchange.finish(run, admission)
    expect_outcome(exchange, run, reported, step["expect"])
    if "meanwhile" in step:
        return
    assert foretold.counts == reported.counts
    assert foretold.properties == observed(run, matched, before, reported.counts)
