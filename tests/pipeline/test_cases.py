"""The rules of the exchange, as cases that anyone can read (``tests/cases/*.yaml``).

Each case gives their profiles, ours, and an import goal; it expects a fate for each of their
profiles and values for ours. It runs through the real steps on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from profile_exchange.domain import errors
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.store.database import engine_for
from tests.pipeline.exchange import EVERYBODY, Exchange, furnish, ours, profile_id

CASES = Path(__file__).parents[1] / "cases"
KEYS = {"case", "holds", "theirs", "ours", "goal", "connection", "objectives", "types", "expect"}

TYPES = {
    "theirs": {"email": "EMAIL!", "number": "SELECT!", "sports": "SELECT", "visits": "RANGE"},
    "ours": {"email": "EMAIL!", "card": "SELECT!", "visitedchannel": "SELECT"},
}
GOAL = {"mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}]}


def _cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            unknown = set(case) - KEYS
            assert not unknown, f"{path.name}: {case['case']}: unknown {unknown}"
            found.append(pytest.param(case, id=f"{path.stem}: {case['case']}"))
    return found


@pytest.mark.parametrize("case", _cases())
def test_case(case: Mapping[str, Any], store_url: str) -> None:
    types = {side: {**TYPES[side], **case.get("types", {}).get(side, {})} for side in TYPES}
    furnish(store_url, types["ours"], case.get("ours", []), case.get("objectives", []))
    theirs = case.get("theirs", [])
    segments = sorted({name for p in theirs for name in p.get("segments", [EVERYBODY])})
    exchange = Exchange(
        store_url=store_url,
        goal={**GOAL, **case.get("goal", {})},
        settings=case.get("connection", {}),
        theirs=theirs,
        their_properties=types["theirs"],
        segment_ids=segments or [EVERYBODY],
    )
    expected = case["expect"]
    if "error" in expected:
        _expect_error(exchange, expected)
        return
    run, admission = exchange.gated()
    reported = _finish(exchange, run, admission)
    counts = {k: v for k, v in reported.counts.as_dict().items() if v and k != "received"}
    assert _fates(run) == {profile_id(k): v for k, v in expected.get("fates", {}).items()}
    if "counts" in expected:
        assert counts == expected["counts"]
    _expect_values(store_url, expected)


def _finish(exchange: Exchange, run: Any, admission: Any) -> Any:
    from profile_exchange.pipeline.report import report
    from profile_exchange.pipeline.upsert import upsert

    for package in admission.packages:
        upsert(run, package, exchange.now)
    return report(run, exchange.now)


def _fates(run: Any) -> dict[Any, str]:
    with engine_for(run.store_url).connect() as database:
        fate = run.staging.fate
        rows = database.execute(select(fate.c.profile_id, fate.c.fate))
        return {row.profile_id: row.fate for row in rows}


def _expect_error(exchange: Exchange, expected: Mapping[str, Any]) -> None:
    kind: type[ExchangeError] = getattr(errors, expected["error"])
    with pytest.raises(kind, match=expected.get("saying", "")):
        exchange.run()
    _expect_values(exchange.store_url, expected)


def _expect_values(store_url: str, expected: Mapping[str, Any]) -> None:
    held = ours(store_url)
    for name, properties in expected.get("ours", {}).items():
        found = held.get(profile_id(name), {})
        for key, value in properties.items():
            wanted = [str(v) for v in value] if isinstance(value, list) else [str(value)]
            assert found.get(key, []) == ([] if value is None else wanted), f"{name}.{key}"
    if "profiles" in expected:
        assert len(held) == expected["profiles"]
