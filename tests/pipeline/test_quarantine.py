"""Quarantine: what is kept of a rejected profile, and how it comes out again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, true

from profile_exchange.pipeline.quarantining import ask_again, to_replay
from profile_exchange.pipeline.received import MalformedProfile, Page
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import quarantine
from profile_exchange.tenants.postgres.quarantined import Wanted, ask_replay, newest
from tests.pipeline.exchange import Exchange, InMemorySource, furnish, ours, profile_id

TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "SELECT", "age": "RANGE"}
OURS = {"email": "EMAIL!", "Visits": "RANGE"}
GOAL: Mapping[str, Any] = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "TaylorTimes_Sports"},
        {"from": "age", "to": "TaylorTimes_Age"},
        {"from": "visits", "to": "Visits", "overwrite": True},
    ],
    "expectations": [
        {
            "type": "expect_column_value_lengths_to_be_between",
            "kwargs": {"column": "sports", "max_value": 8},
        }
    ],
    "limits": {"max_rejected_share": 1},
}
TELLTALE = "Skydiving with 77 friends"


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "email": f"p{number}@example.com", "sports": "Golf", **more}


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    furnish(store_url, OURS, [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(6)])
    return Exchange(store_url, GOAL, [person(0)], TYPES)


def entries(store_url: str) -> Sequence[Any]:
    order = quarantine.c.run_seq, quarantine.c.profile_id, quarantine.c.rule
    with engine_for(store_url).connect() as database:
        return database.execute(select(quarantine).order_by(*order)).all()


class WithMalformed(InMemorySource):
    """A source whose first page holds profiles that cannot be read, too."""

    malformed: Sequence[MalformedProfile] = ()

    def page(self, *asked: Any, **more: Any) -> Page:
        page = super().page(*asked, **more)
        return Page(page.profiles, list(self.malformed), page.next_cursor)


def test_each_way_of_being_rejected_leaves_what_it_takes_to_find_the_cause(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.theirs = [
        person(1, sports=TELLTALE),
        person(2, age="not known"),
        person(3, visits="not known"),
        person(4, sports="nul \0 here"),
        person(5),
    ]
    unreadable = MalformedProfile(str(profile_id(6)), value='{"id": ')
    monkeypatch.setattr(WithMalformed, "malformed", [unreadable, MalformedProfile("no uuid")])
    monkeypatch.setattr("tests.pipeline.exchange.InMemorySource", WithMalformed)
    counts = exchange.counts()
    assert (counts.rejected, counts.modified) == (6, 1)
    found = {
        (row.profile_id, row.reason, row.property_id, row.rule.split(" of ")[0])
        for row in entries(exchange.store_url)
        if row.rule != "id is a UUID" and row.profile_id.int >> 96 in range(1, 7)
    }
    assert found == {
        (profile_id(1), "expectation", "sports", "expect_column_value_lengths_to_be_between"),
        (profile_id(2), "expectation", "age", "expect_column_values_to_match_regex"),
        (profile_id(3), "value_type", "visits", "fits RANGE"),
        (profile_id(4), "malformed_profile", "sports", "no NUL character"),
        (profile_id(6), "malformed_profile", "", "readable"),
    }
    marks = {row.profile_id: row.fingerprint for row in entries(exchange.store_url)}
    assert len(marks) == 6
    assert all(len(mark) == 16 for mark in marks.values())
    assert marks[profile_id(2)] == marks[profile_id(3)], "the same value, whoever rejected it"
    assert len(set(marks.values())) == 5


def test_no_value_is_in_the_quarantine_or_the_log(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    exchange.theirs = [person(1, sports=TELLTALE), person(2, sports=f"{TELLTALE}\0")]
    exchange.run()
    assert len(entries(exchange.store_url)) == 2
    assert TELLTALE not in str(entries(exchange.store_url))
    assert TELLTALE not in caplog.text


def test_a_profile_leaves_quarantine_when_a_later_run_takes_it(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE), person(2, sports=TELLTALE)]
    exchange.run()
    exchange.theirs = [person(1), person(2, sports=TELLTALE)]
    exchange.run()
    outcomes = {(row.run_seq, row.profile_id): row.outcome for row in entries(exchange.store_url)}
    assert outcomes == {
        (1, profile_id(1)): "repaired",
        (1, profile_id(2)): "rejected_again",
        (2, profile_id(2)): None,
    }
    assert ours(exchange.store_url)[profile_id("ours-1")]["TaylorTimes_Sports"] == ["Golf"]


def test_a_profile_that_is_not_received_any_more_stays_in_quarantine(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE), person(2)]
    exchange.run()
    exchange.theirs = [person(2)]
    exchange.run()
    assert [row.outcome for row in entries(exchange.store_url)] == [None]


def test_a_run_that_is_stopped_decides_nothing_about_earlier_entries(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE)]
    exchange.run()
    exchange.theirs = [person(1)]
    exchange.gated()
    assert [row.outcome for row in entries(exchange.store_url)] == [None]


def test_an_expectation_that_was_wrong_is_loosened_and_its_profiles_are_taken(
    exchange: Exchange,
) -> None:
    exchange.theirs = [person(1, sports=TELLTALE)]
    exchange.run()
    exchange.goal = {**GOAL, "expectations": []}
    assert exchange.counts().modified == 1
    assert [row.outcome for row in entries(exchange.store_url)] == ["repaired"]


def test_what_is_asked_for_is_answered_by_the_next_run_that_starts(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE), person(2, sports=TELLTALE)]
    exchange.run()
    asked = exchange.now + timedelta(days=exchange.runs)
    with engine_for(exchange.store_url).begin() as database:
        one = quarantine.c.profile_id == profile_id(1)
        assert ask_again(database, "taylor-times", one, asked) == 1
        assert ask_again(database, "taylor-times", true(), asked) == 2
        assert ask_again(database, "another", true(), asked) == 0
        assert to_replay(database, "taylor-times") == [profile_id(1), profile_id(2)]
    run, admission = exchange.gated()
    with engine_for(exchange.store_url).begin() as database:
        later = asked + timedelta(days=2)
        ask_again(database, "taylor-times", one, later)
    exchange.finish(run, admission)
    with engine_for(exchange.store_url).connect() as database:
        assert to_replay(database, "taylor-times") == [profile_id(1)]


def test_repeating_a_step_keeps_one_entry_for_each_profile(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE), person(2, visits="not known")]
    exchange.take = lambda step, *arguments: [step(*arguments) for _ in range(2)][-1]
    assert exchange.counts().rejected == 2
    assert len(entries(exchange.store_url)) == 2


def test_a_run_of_what_changed_takes_everything_when_something_is_to_be_replayed(
    exchange: Exchange,
) -> None:
    exchange.goal = {**GOAL, "pull": "changed"}
    exchange.theirs = [person(1, sports=TELLTALE), person(2)]
    exchange.run()
    assert exchange.open().plan.pull.changed_since is not None
    with engine_for(exchange.store_url).begin() as database:
        ask_again(database, "taylor-times", true(), exchange.today)
    exchange.theirs = [person(1), person(2)]
    run, admission = exchange.gated()
    assert (run.plan.pull.changed_since, admission.received) == (None, 2)
    exchange.finish(run, admission)
    assert [row.outcome for row in entries(exchange.store_url)] == ["repaired"]
    assert exchange.open().plan.pull.changed_since is not None


def test_what_a_preview_rejects_is_not_in_quarantine(exchange: Exchange) -> None:
    exchange.theirs = [person(1, sports=TELLTALE)]
    exchange.gated(preview=True)
    url, connection = exchange.store_url, exchange.connection_id
    assert len(entries(url)) == 1
    assert newest(url, connection, Wanted(), limit=10) == []
    assert ask_replay(url, connection, Wanted(), exchange.today) == 0
