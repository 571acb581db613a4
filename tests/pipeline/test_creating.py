"""Who is created, where cases would be too long: chains, chance, and somebody else first."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import update

from profile_exchange.domain.fates import Reason
from profile_exchange.pipeline import creating
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import objective
from profile_exchange.tenants.postgres.quarantined import Wanted, newest
from tests.pipeline.exchange import NOW, Exchange, furnish, ours, profile_id, replace_ours

THEIRS = {"email": "EMAIL!", "number": "SELECT!", "sports": "SELECT"}
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}, {"theirs": "number", "ours": "card"}],
    "unmatched": "create",
    "mappings": [{"from": "sports", "to": "TaylorTimes_Sports"}],
}


def exchange_of(store_url: str, theirs: list[dict[str, Any]]) -> Exchange:
    furnish(store_url, {"email": "EMAIL!", "card": "SELECT!"}, [])
    return Exchange(store_url, GOAL, theirs, THEIRS, page_size=1000)


def test_a_long_chain_is_one_person_and_found_in_few_rounds(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    length, rounds = 1000, []
    ids = list(range(1, length + 1))
    random.Random(7).shuffle(ids)  # noqa: S311 - no secret
    theirs = [
        {"id": key, "number": [str(place), str(place + 1)], "sports": "Rowing"}
        for place, key in enumerate(ids)
    ]
    one_round = creating._round

    def counted(*arguments: Any) -> Any:
        rounds.append(1)
        return one_round(*arguments)

    monkeypatch.setattr(creating, "_round", counted)
    counts = exchange_of(store_url, theirs).counts()
    assert (counts.created, counts.superseded) == (1, length - 1)
    assert len(rounds) < 15


@pytest.mark.parametrize("seed", range(4))
def test_persons_are_the_components_of_what_is_shared(store_url: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    theirs = [
        {
            "id": key,
            "email": [f"m{chance.randrange(60)}@example.com"],
            "number": [str(chance.randrange(60)) for _ in range(chance.randrange(3))],
        }
        for key in range(1, 61)
    ]
    counts = exchange_of(store_url, theirs).counts()
    assert counts.created == len(ours(store_url)) == _components(theirs)


def _components(theirs: list[dict[str, Any]]) -> int:
    groups: list[set[str]] = []
    for given in theirs:
        group = {*given["email"], *given["number"]}
        meeting = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group]
        groups.append(group.union(*meeting))
    return len(groups)


def test_a_profile_with_too_many_values_to_be_known_by_is_rejected_and_hinders_nobody(
    store_url: str,
) -> None:
    """Of two pairs each value of one would be looked at with each value of the other."""
    numbers = [str(number) for number in range(1500)]
    mails = [f"p{number}@example.com" for number in numbers]
    theirs: list[dict[str, Any]] = [
        {"id": 1, "email": mails, "number": numbers},
        {"id": 2, "email": mails[:31], "number": [f"1{number}" for number in numbers[:32]]},
        {"id": 3, "email": mails[40], "number": "40"},
        {"id": 4, "email": [mails[50]] * 1001, "number": "2"},
    ]
    exchange = exchange_of(store_url, theirs)
    pairs = [{"theirs": "email", "ours": "email"}, {"theirs": "number", "ours": "card"}]
    exchange.goal = {**GOAL, "links": [pairs], "limits": {"max_rejected_share": 1}}
    for created in (2, 0):
        counts = exchange.counts()
        assert (counts.rejected, counts.created, counts.unchanged) == (2, created, 2 - created)
    assert len(ours(store_url)) == 2
    entries = newest(store_url, "taylor-times", Wanted(), 100)
    assert sorted((each.profile_id, each.property_id) for each in entries) == [
        (str(profile_id(key)), name) for key in (1, 4) for name in ("email", "number")
    ]
    assert {each.reason for each in entries} == {Reason.VALUE_LIMIT}
    assert {each.rule for each in entries} == {"at most 1000 combinations of linked values"}


def test_nobody_is_created_twice_when_somebody_else_was_first(store_url: str) -> None:
    theirs = [
        {"id": 1, "email": "new@example.com", "sports": "Rowing"},
        {"id": 2, "email": "other@example.com", "sports": "Chess"},
    ]
    exchange = exchange_of(store_url, theirs)
    run, admission = exchange.gated()
    replace_ours(store_url, [{"id": "a", "email": "New@example.com"}])
    for package in admission.packages:
        upsert(run, package, NOW)
    counts = report(run, NOW).counts
    assert (counts.created, counts.unmatched) == (1, 1)
    assert len(ours(store_url)) == 2
    assert exchange.counts().modified == 1


MAIL_AS_CARD = {"theirs": "email", "ours": "card"}


def test_nobody_is_created_beside_somebody_with_the_same_mail_in_another_case(
    store_url: str,
) -> None:
    """Ours is no mail address by its type, and compared as one because theirs is."""
    goal = {**GOAL, "links": [MAIL_AS_CARD]}
    exchange = exchange_of(store_url, [{"id": 1, "email": "Ann@example.com"}])
    exchange.goal = goal
    run, admission = exchange.gated()
    replace_ours(store_url, [{"id": "a", "card": "ann@example.com"}])
    assert exchange.finish(run, admission).counts.unmatched == 1
    assert (exchange.counts().unchanged, len(ours(store_url))) == (1, 1)


def test_two_connections_create_no_two_whose_mails_differ_in_case(store_url: str) -> None:
    first = exchange_of(store_url, [{"id": 1, "email": "Ann@example.com"}])
    second = Exchange(store_url, GOAL, [{"id": 1, "email": "ann@example.com"}], THEIRS)
    first.goal = {**GOAL, "links": [MAIL_AS_CARD]}
    second.goal = {**first.goal, "mappings": [{"from": "sports", "to": "Other_Sports"}]}
    second.connection_id = "other"
    gated = [(each, each.gated()) for each in (first, second)]
    assert [each.finish(*run).counts.created for each, run in gated] == [1, 0]
    assert len(ours(store_url)) == 1


def test_a_pair_that_agrees_on_nothing_new_makes_no_second_of_somebody(store_url: str) -> None:
    both = [MAIL_AS_CARD, {"theirs": "number", "ours": "card"}]
    exchange = exchange_of(store_url, [{"id": 1, "email": "ann@example.com", "number": "9"}])
    exchange.goal = {**GOAL, "links": [both]}
    replace_ours(store_url, [{"id": "a", "card": "Ann@example.com"}])
    assert (exchange.counts().unmatched, len(ours(store_url))) == (1, 1)


def test_an_objective_that_comes_to_need_consent_keeps_the_next_package_from_creating(
    store_url: str,
) -> None:
    offers = {"id": "offers", "needs_consent": False, "legislations": ["GDPR"]}
    furnish(store_url, {"email": "EMAIL!", "card": "SELECT!"}, [], [offers])
    settings = {"objectives": ["offers"], "consent": "consented_or_unneeded"}
    theirs = [{"id": 1, "email": "new@example.com", "zone": "GDPR"}]
    exchange = Exchange(store_url, GOAL, theirs, THEIRS, settings)
    run, admission = exchange.gated()
    with engine_for(store_url).begin() as database:
        database.execute(update(objective).values(needs_consent=True))
    for package in admission.packages:
        upsert(run, package, NOW)
    counts = report(run, NOW).counts
    assert (counts.created, counts.withheld) == (0, 1)
    assert ours(store_url) == {}


def test_a_start_that_was_summed_goes_with_the_profile_that_brought_it(store_url: str) -> None:
    """SEMANTICS, Mapping and writing 2: also where it is for new profiles only."""
    furnish(store_url, {"email": "EMAIL!"}, [])
    start = {"from": "visits", "to": "Start", "strategy": "SUM", "restriction": "NEW_PROFILES_ONLY"}
    goal = {
        "links": [{"theirs": "email", "ours": "email"}],
        "unmatched": "create",
        "mappings": [start],
    }
    types = {"email": "EMAIL!", "visits": "RANGE"}
    one = {"id": 1, "email": "a@example.com", "visits": 5}
    exchange = Exchange(store_url, goal, [one], types)
    assert exchange.counts().created == 1
    first = exchange.created_from(1)
    assert ours(store_url)[first]["Start"] == ["5"]
    other = {"id": 2, "email": "a@example.com", "visits": 7}
    exchange.theirs = [{**one, "email": "b@example.com"}, other]
    counts = exchange.counts()
    assert (counts.created, counts.modified) == (1, 1)
    assert "Start" not in ours(store_url)[first]
    assert ours(store_url)[exchange.created_from(1)]["Start"] == ["5"]
