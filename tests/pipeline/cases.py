"""Cases: the rules of the exchange as anyone can read them (``tests/cases/*.yaml``).

Each case gives their profiles, ours, and an import goal; it expects a fate for each of their
profiles and values for ours. It runs through the real steps on PostgreSQL, with our profiles there
as well (`tests.pipeline.test_cases`), or behind REST API v2 (`tests.remote.test_cases_over_api`).

The first run of a case is on 3 November 2026 at 9:00 UTC. ``then`` lists further runs, each a day
after the one before (or ``days_later``), with what has changed since: ``theirs`` and ``ours``
replace profiles or add some, ``theirs_gone`` and ``ours_gone`` take some away, ``goal`` and
``connection`` change the settings they name, ``segments`` is what is exposed from now on,
``segment_names`` what it is called, ``replay`` takes profiles in quarantine again, as ``exchange
quarantine replay`` does. ``meanwhile`` is what happens to ``ours`` (or ``ours_gone``) after a run's
gate, before it writes. ``ahead`` is by how many minutes the other tenant's clock is ahead of ours.
A profile of theirs was modified on 2 November at 9:00 unless it says otherwise, and what has the
type ``none`` is not exposed. A profile of theirs without ``zone`` came without one; ours are in
``NONE`` unless they say otherwise.

``quarantine`` is what a run put into quarantine, for which properties; ``in_quarantine`` what is
there after it, as ``exchange quarantine list`` shows it. ``by_segment`` is how many profiles were
received in each segment, ``taken_back`` how many amounts left a profile of ours for another.

``over_api`` beside ``expect`` is what is expected instead where our profiles are behind REST API
v2, ``because`` of a difference that the table there names. With nothing but that, the case does
not run there at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from sqlalchemy import select

from profile_exchange.domain import errors
from profile_exchange.domain.errors import ExchangeError, SourceUnavailable
from profile_exchange.pipeline.pull import pull
from profile_exchange.pipeline.report import Report
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import quarantine
from profile_exchange.tenants.postgres.quarantined import Wanted, ask_replay, newest
from profile_exchange.tenants.postgres.run_history import history
from tests.pipeline.exchange import (
    EVERYBODY,
    Exchange,
    at_once,
    consents,
    furnish,
    ours,
    profile_id,
    replace_ours,
    target_properties,
)
from tests.pipeline.in_memory import BreakingOff

CASES = Path(__file__).parents[1] / "cases"
CHANGES = {"theirs", "theirs_gone", "ours", "ours_gone", "goal", "connection", "segments"}
CHANGES |= {"segment_names", "days_later", "replay", "meanwhile"}
KEYS = {"case", "holds", "theirs", "ours", "goal", "connection", "objectives", "types", "expect"}
KEYS |= {
    "segments",
    "segment_names",
    "then",
    "ahead",
    "twice",
    "breaks_off",
    "over_api",
    "meanwhile",
}
EXPECTED = {"fates", "counts", "ours", "profiles", "error", "saying", "reasons", "created", "told"}
EXPECTED |= {"properties", "values", "unique", "quarantine", "in_quarantine", "not_saying"}
EXPECTED |= {"by_segment", "taken_back"}

#: The quicker of the two safe loaders.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TYPES = {
    "theirs": {"email": "EMAIL!", "number": "SELECT!", "sports": "SELECT", "visits": "RANGE"},
    "ours": {"email": "EMAIL!", "card": "SELECT!", "visitedchannel": "SELECT"},
}
GOAL = {"mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}]}

Case = Mapping[str, Any]
Kind = TypeVar("Kind", bound=Exchange)


@cache
def read_cases() -> dict[str, Case]:
    """All cases by their names, in order of files."""
    found: dict[str, Case] = {}
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.load(path.read_text(), LOADER):  # noqa: S506 - it is a safe one
            name = f"{path.stem}: {case['case']}"
            assert name not in found, f"two cases are called {name}"
            unknown = set(case) - KEYS
            for step in case.get("then", []):
                unknown |= set(step) - CHANGES - {"expect", "over_api"}
            for step in steps_of(case):
                unknown |= set(step["expect"]) - EXPECTED
                unknown |= set(step.get("over_api", {})) - EXPECTED - {"because"}
            assert not unknown, f"{name}: unknown {unknown}"
            found[name] = case
    return found


def rules() -> set[str]:
    """The names of the rules, from the table in the cases' README."""
    rows = re.findall(r"^[|] ([A-Z][^|]*?) +[|]", (CASES / "README.md").read_text(), re.MULTILINE)
    return set(rows)


def steps_of(case: Case) -> list[Case]:
    """The runs of a case: the first is the case itself."""
    return [case, *case.get("then", [])]


def types_of(case: Case) -> dict[str, dict[str, Any]]:
    """The types of their properties and of ours."""
    return {side: {**TYPES[side], **case.get("types", {}).get(side, {})} for side in TYPES}


def furnish_ours(case: Case, tenant_url: str) -> None:
    """Fill our tenant's store as a case says."""
    furnish(tenant_url, types_of(case)["ours"], case.get("ours", []), case.get("objectives", []))


def exchange_of(case: Case, store_url: str, kind: type[Kind]) -> Kind:
    """The exchange that a case is about."""
    theirs = case.get("theirs", [])
    named = sorted({name for p in theirs for name in p.get("segments", [EVERYBODY])})
    return kind(
        store_url=store_url,
        goal={**GOAL, **case.get("goal", {})},
        settings=case.get("connection", {}),
        theirs=theirs,
        their_properties=types_of(case)["theirs"],
        segment_ids=case.get("segments", named or [EVERYBODY]),
        segment_names=case.get("segment_names", {}),
        ahead=timedelta(minutes=case.get("ahead", 0)),
        take=_taking(case),
    )


def _taking(case: Case) -> Callable[..., Any]:
    """How the steps of a case are taken."""

    def twice(step: Callable[..., Any], *arguments: Any) -> Any:
        step(*arguments)
        return step(*arguments)

    def again(step: Callable[..., Any], *arguments: Any) -> Any:
        if step is pull:
            run, source, request = arguments
            with pytest.raises(SourceUnavailable):
                pull(run, BreakingOff(source, case["breaks_off"]), request)
        return step(*arguments)

    if "breaks_off" in case:
        return again
    return twice if case.get("twice") else at_once


def played(case: Case, exchange: Exchange) -> Iterator[Case]:
    """Each run of a case, when everything is as it says."""
    first, *others = steps_of(case)
    yield first
    for step in others:
        _change(exchange, step)
        yield step


def _change(exchange: Exchange, step: Case) -> None:
    """What has changed on either side before a further run."""
    replaced = {given["id"] for given in step.get("theirs", [])} | set(step.get("theirs_gone", []))
    kept = [given for given in exchange.theirs if given["id"] not in replaced]
    exchange.theirs = [*kept, *step.get("theirs", [])]
    exchange.goal = {**exchange.goal, **step.get("goal", {})}
    exchange.settings = {**exchange.settings, **step.get("connection", {})}
    exchange.segment_ids = step.get("segments", exchange.segment_ids)
    exchange.segment_names = step.get("segment_names", exchange.segment_names)
    exchange.now += timedelta(days=step.get("days_later", 1) - 1)
    if replayed := tuple(profile_id(name) for name in step.get("replay", [])):
        asked = Wanted(profile_ids=replayed)
        number = ask_replay(exchange.store_url, exchange.connection_id, asked, exchange.today)
        assert number == len(replayed)
    replace_ours(exchange.tenant_url, step.get("ours", []), step.get("ours_gone", []))


def pass_by(exchange: Exchange, step: Case) -> None:
    """What happens to ours meanwhile, between the gate of a run and its first write."""
    changed = step.get("meanwhile", {})
    replace_ours(exchange.tenant_url, changed.get("ours", []), changed.get("ours_gone", []))


def expect_error(exchange: Exchange, expected: Case) -> None:
    """The run of a step that stops it, and leaves ours as they were."""
    kind: type[ExchangeError] = getattr(errors, expected["error"])
    with pytest.raises(kind, match=expected.get("saying")) as raised:
        exchange.run()
    for words in expected.get("not_saying", []):
        assert words not in str(raised.value)
    _expect_values(exchange, expected)


def expect_outcome(exchange: Exchange, run: Run, reported: Report, expected: Case) -> None:
    """What became of everybody in a run that was reported."""
    settled = _settled(run)
    fates = {key: fate for key, (fate, _) in settled.items()}
    assert fates == {profile_id(k): v for k, v in expected.get("fates", {}).items()}
    for name, reason in expected.get("reasons", {}).items():
        assert settled[profile_id(name)][1] == reason
    if "quarantine" in expected:
        kept = {profile_id(name): held for name, held in expected["quarantine"].items()}
        assert _quarantined(run) == kept
    if "in_quarantine" in expected:
        _expect_held(exchange, expected)
    _expect_report(reported, expected)
    _expect_history(exchange, reported, expected)
    _expect_values(exchange, expected)


def _settled(run: Run) -> dict[Any, tuple[str, str]]:
    """Fate and reason of each received profile."""
    with engine_for(run.store_url).connect() as database:
        fate = run.staging.fate
        rows = database.execute(select(fate.c.profile_id, fate.c.fate, fate.c.reason))
        return {row.profile_id: (row.fate, row.reason) for row in rows}


def _quarantined(run: Run) -> dict[Any, list[str]]:
    """The properties for which each rejected profile was put into quarantine by a run."""
    query = select(quarantine.c.profile_id, quarantine.c.property_id)
    kept: dict[Any, set[str]] = {}
    with engine_for(run.store_url).connect() as database:
        for row in database.execute(query.where(quarantine.c.run_seq == run.seq)):
            kept.setdefault(row.profile_id, set()).add(row.property_id)
    return {key: sorted(properties) for key, properties in kept.items()}


def _expect_held(exchange: Exchange, expected: Case) -> None:
    """What is in quarantine now: for each profile its reason and property."""
    entries = newest(exchange.store_url, exchange.connection_id, Wanted(), 100)
    held = sorted((each.profile_id, f"{each.reason} of {each.property_id}") for each in entries)
    wanted = expected["in_quarantine"].items()
    assert held == sorted((str(profile_id(name)), reason) for name, reason in wanted)
    for words in expected.get("not_saying", []):
        assert words not in str(entries)


def _expect_report(reported: Report, expected: Case) -> None:
    counts = {k: v for k, v in reported.counts.as_dict().items() if v and k != "received"}
    assert counts == expected.get("counts", counts)
    assert reported.unique_received == expected.get("unique", reported.unique_received)
    for words in expected.get("told", []):
        assert words in reported.sentence()
    for each in reported.properties:
        if each.property_id in expected.get("values", {}):
            numbers = [each.written, each.unchanged, each.refused]
            assert numbers == expected["values"][each.property_id], (each.property_id, numbers)


def _expect_history(exchange: Exchange, reported: Report, expected: Case) -> None:
    """What history tells afterwards is what the run reported."""
    past, *_ = history(exchange.store_url, exchange.connection_id, 1)
    assert (past.counts, past.properties) == (reported.counts, reported.properties)
    assert past.segments == expected.get("by_segment", past.segments)
    taken = {each.property_id: each.taken_back for each in past.properties if each.taken_back}
    assert taken == expected.get("taken_back", taken)


def _expect_values(exchange: Exchange, expected: Case) -> None:
    held = ours(exchange.tenant_url)
    for name, properties in expected.get("ours", {}).items():
        found = held.get(profile_id(name), {})
        for key, value in properties.items():
            wanted = [str(v) for v in value] if isinstance(value, list) else [str(value)]
            assert found.get(key, []) == ([] if value is None else wanted), f"{name}.{key}"
    for name, told in expected.get("created", {}).items():
        consented = consents(exchange.tenant_url)[exchange.created_from(name)]
        assert consented == (told.get("consented", []), told.get("refused", [])), name
    if described := expected.get("properties"):
        known = target_properties(exchange.tenant_url)
        for key, told in described.items():
            assert {name: known[key][name] for name in told} == told, key
    if "profiles" in expected:
        assert len(held) == expected["profiles"]
