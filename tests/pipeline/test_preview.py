"""A preview says what a run would do, writes nothing that lasts, and disturbs no other run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, inspect, select, text, update

from profile_exchange.domain.errors import RunRefused
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap, PropertyForecast
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.filter_by_consent import filter_by_consent
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.runs import find_run, record_failure
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.store import tables
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.run_history import history
from tests.examples import examples
from tests.pipeline.exchange import NOW, Exchange, furnish, matched_by, observed, ours, profile_id
from tests.pipeline.test_repeating import GOAL, TYPES, people

#: What a preview may add to: the record that it took place, with its figures.
OWN_RECORD = {"exchange.run", "exchange.pen"}


@pytest.fixture
def exchange(store_url: str) -> Exchange:
    mine = [{"id": f"ours-{n}", "email": f"p{n}@example.com"} for n in range(8)]
    furnish(store_url, {"email": "EMAIL!"}, mine)
    theirs = [*people(10), {"id": "odd", "email": "p3@example.com", "visits": "many"}]
    return Exchange(store_url, GOAL, theirs, TYPES, segment_ids=["everybody", "nobody"])


def everything(store_url: str) -> dict[str, list[str]]:
    """Every row of every table that lasts, physical versions included."""
    rows = {}
    with engine_for(store_url).connect() as database:
        for schema in ("tenant", "exchange"):
            for name in inspect(database).get_table_names(schema=schema):
                query = text(f"select t.xmin || ' ' || t::text from {schema}.{name} t")
                rows[f"{schema}.{name}"] = sorted(database.execute(query).scalars())
    return rows


def test_a_first_preview_writes_nothing_but_its_own_record(exchange: Exchange) -> None:
    before = everything(exchange.store_url)
    exchange.preview()
    after = everything(exchange.store_url)
    # The store's key for fingerprints is made when it is first needed.
    record = {*OWN_RECORD, "exchange.signing_key"}
    assert {name for name in after if after[name] != before.get(name)} == record


def test_a_preview_between_two_runs_writes_nothing_but_its_own_record(exchange: Exchange) -> None:
    exchange.run()
    exchange.theirs = people(9, sports="Chess", visits=3)
    before = everything(exchange.store_url)
    exchange.preview()
    after = everything(exchange.store_url)
    assert {name for name in after if after[name] != before.get(name)} == OWN_RECORD


def test_a_preview_says_who_would_be_written_and_what(exchange: Exchange) -> None:
    exchange.goal = {**GOAL, "limits": {"max_rejected_share": 1}}
    foretold = exchange.preview()
    assert foretold.counts == FateCounts(received=11, unmatched=2, superseded=1, modified=8)
    assert foretold.properties == {
        "TaylorTimes_Sports": PropertyForecast(filled=8),
        "TaylorTimes_Visits": PropertyForecast(filled=8),
    }
    assert foretold.segments["everybody"] == foretold.counts
    assert foretold.segments["nobody"] == FateCounts()
    assert foretold.overlap == Overlap(received=11, ours=8, matched=8)
    assert len(foretold.sample["modified"]) == 5
    assert set(foretold.sample["modified"]) <= {str(profile_id(p["id"])) for p in exchange.theirs}
    assert not foretold.stopped_by


def test_what_a_preview_said_is_on_record(exchange: Exchange) -> None:
    foretold = exchange.preview()
    with engine_for(exchange.store_url).connect() as database:
        row = database.execute(select(tables.run)).mappings().one()
    assert row["segments"] == {"everybody": 11, "nobody": 0}
    assert (row["state"], row["preview"], row["unique_received"]) == ("previewed", True, None)
    assert FateCounts(**{name: row[name] for name in foretold.counts.as_dict()}) == foretold.counts
    assert Forecast.from_json(row["forecast"]) == foretold


def test_a_run_keeps_what_it_received_in_each_segment_and_whom_it_matched(
    exchange: Exchange,
) -> None:
    exchange.goal = {**GOAL, "limits": {"max_rejected_share": "10 %"}}
    exchange.run()
    (past,) = history(exchange.store_url, "taylor-times")
    assert past.segments == {"everybody": 11, "nobody": 0}
    assert (past.preview, past.matched, past.forecast) == (False, 8, None)


def test_values_of_profiles_are_not_on_record(exchange: Exchange) -> None:
    exchange.preview()
    record = everything(exchange.store_url)
    told = " ".join(row for name in OWN_RECORD for row in record[name])
    assert "TaylorTimes_Sports" in told
    assert "Rowing" not in told
    assert "@" not in told


def test_consent_withdrawn_since_the_filter_is_foreseen(store_url: str) -> None:
    offers = [{"id": "offers", "legislations": ["GDPR"]}]
    consented = {"zone": "GDPR", "consented": ["offers"]}
    mine = [{"id": n, "email": f"p{n}@example.com", **consented} for n in range(3)]
    furnish(store_url, {"email": "EMAIL!"}, mine, offers)
    exchange = Exchange(store_url, GOAL, people(3), TYPES, {"objectives": ["offers"]})

    def take(step: Callable[..., Any], *arguments: Any) -> Any:
        done = step(*arguments)
        if step is filter_by_consent:
            one, other = (tables.profile.c.id == profile_id(n) for n in (0, 1))
            with engine_for(store_url).begin() as database:
                database.execute(update(tables.profile).where(one).values(consented_objectives=[]))
                database.execute(delete(tables.profile).where(other))
        return done

    exchange.take = take
    foretold = exchange.preview()
    assert foretold.counts == FateCounts(received=3, withheld=2, modified=1)
    assert foretold.reasons == {"consent_withdrawn": 2, "written": 1}


def test_a_preview_is_no_run_that_the_next_one_is_compared_with(exchange: Exchange) -> None:
    exchange.preview()
    exchange.theirs = people(10)[:2]
    assert exchange.run().counts.received == 2


def test_a_preview_does_not_hinder_a_run_that_is_writing(exchange: Exchange) -> None:
    exchange.profiles_per_part = 4
    run, admission = exchange.gated()
    first, *others = admission.packages
    assert others
    upsert(run, first, NOW)
    exchange.preview()
    for package in others:
        upsert(run, package, NOW)
    assert report(run, NOW).counts.modified == 8


def test_a_preview_leaves_what_a_failed_run_has_staged(exchange: Exchange) -> None:
    run, admission = exchange.gated()
    record_failure(exchange.store_url, "taylor-times", "run-1", "upsert: gone", NOW)
    exchange.preview()
    for package in admission.packages:
        upsert(run, package, NOW)
    assert report(run, NOW).counts.modified == 8


def test_a_run_clears_away_after_a_preview_that_never_ended(exchange: Exchange) -> None:
    exchange.gated(preview=True)
    exchange.run()
    exchange.gated(preview=True)
    exchange.preview()
    with engine_for(exchange.store_url).connect() as database:
        names = set(inspect(database).get_table_names(schema="exchange"))
        states = database.execute(select(tables.run.c.state).order_by(tables.run.c.seq)).scalars()
        assert list(states) == ["failed", "succeeded", "failed", "previewed"]
        assert set(database.execute(select(tables.quarantine.c.run_seq)).scalars()) <= {2}
    assert {name for name in names if name.rpartition("_")[2].isdigit()} == {"fate_2"}


def test_a_preview_says_which_limit_would_stop_the_run(exchange: Exchange) -> None:
    exchange.theirs = people(10, visits="twelve")
    foretold = exchange.preview()
    assert foretold.counts.rejected == 8
    assert "8 of 10 profiles were rejected (80.0%)" in foretold.stopped_by
    assert "quarantine" not in foretold.stopped_by
    assert foretold.rejected_for() == "Would be rejected for: expectation 8"
    assert foretold.stopped_by in foretold.sentence()


def test_a_preview_says_which_expectation_about_the_whole_run_would_stop_it(
    exchange: Exchange,
) -> None:
    kwargs = {"column": "visits", "min_value": 1000}
    mean = {"type": "expect_column_mean_to_be_between", "kwargs": kwargs}
    exchange.goal = {**GOAL, "expectations": [mean], "limits": {"max_rejected_share": 1}}
    exchange.theirs = [*people(7), {"id": "odd", "email": "p7@example.com", "visits": "many"}]
    foretold = exchange.preview()
    assert foretold.counts.rejected == 1
    assert "expect_column_mean_to_be_between on visits does not hold" in foretold.stopped_by
    kwargs["min_value"] = 1
    assert exchange.preview().stopped_by == ""


def test_a_preview_counts_those_that_a_total_would_reject(exchange: Exchange) -> None:
    exchange.theirs = people(2, visits=[2_147_483_647, 1])
    foretold = exchange.preview()
    assert foretold.counts.rejected == 2
    assert "2 of 2 profiles were rejected (100.0%)" in foretold.stopped_by


def test_a_preview_never_writes_even_when_its_upsert_is_cleared(exchange: Exchange) -> None:
    run, _ = exchange.gated(preview=True)
    with pytest.raises(RunRefused, match="is a preview"):
        upsert(run, IdRange(0, 1), NOW)


def test_the_steps_of_a_preview_that_has_ended_do_nothing(exchange: Exchange) -> None:
    exchange.preview()
    run = find_run(exchange.store_url, exchange.connection, "preview-1")
    before = everything(exchange.store_url)
    filter_by_consent(run)
    gate(run, 4, 16)
    assert everything(exchange.store_url) == before


STRATEGIES = ["SET", "SET_IF_EMPTY", "ADD", "REMOVE", "SUM"]
words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)
numbers = st.lists(st.integers(-3, 3), max_size=1)
person = st.fixed_dictionaries(
    {
        "email": st.sampled_from([f"p{n}@example.com" for n in range(5)]).map(lambda one: [one]),
        "words": words,
        "number": numbers,
        "zone": st.sampled_from(["GDPR", "NONE"]),
        "consented": st.sampled_from([[], ["offers"]]),
    }
)
mappings = st.lists(st.sampled_from(STRATEGIES), min_size=1, max_size=5, unique=True).map(
    lambda chosen: [
        {
            "from": "number" if strategy == "SUM" else "words",
            "to": f"To_{strategy}",
            "strategy": strategy,
            "overwrite": True,
        }
        for strategy in chosen
    ]
)


@settings(
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    worlds=st.lists(st.lists(person, max_size=6), min_size=3, max_size=3),
    mappings=mappings,
    create=st.booleans(),
)
def test_a_run_does_what_its_preview_said(
    store_url: str, worlds: list[list[dict[str, Any]]], mappings: list[Any], create: bool
) -> None:
    """Ours, and twice theirs: each import does to every property what was foretold."""
    with engine_for(store_url).begin() as database:
        # The audit of who read and wrote what is append-only, and no part of an import.
        audit = {tables.disclosure, tables.sign_in, tables.submission}
        worn = set(tables.metadata.sorted_tables) - audit
        names = ", ".join(sorted(f"{table.schema}.{table.name}" for table in worn))
        database.execute(text(f"truncate {names} cascade"))
    held = {f"To_{strategy}": {"SUM": "RANGE"}.get(strategy, "SELECT") for strategy in STRATEGIES}
    mine = [
        {**them, "id": f"ours-{n}", **{target: ["a"] for target in held if them["words"]}}
        for n, them in enumerate(worlds[0])
    ]
    for them in mine:
        them.update({"To_SUM": them.pop("number")})
        del them["words"]
    mine = [{key: value for key, value in them.items() if value != []} for them in mine]
    furnish(
        store_url, {"email": "EMAIL!", **held}, mine, [{"id": "offers", "legislations": ["GDPR"]}]
    )
    goal = {
        "links": [{"theirs": "email", "ours": "email"}],
        "unmatched": "create" if create else "skip",
        "mappings": mappings,
        "limits": {"max_rejected_share": 1, "max_drop_share": 1, "allow_zero_received": True},
    }
    types = {"email": "EMAIL!", "words": "SELECT", "number": "RANGE"}
    exchange = Exchange(store_url, goal, [], types, {"objectives": ["offers"]})
    for theirs in worlds[1:]:
        exchange.theirs = [{"id": n, **them} for n, them in enumerate(theirs)]
        foretold, before = exchange.preview(), ours(store_url)
        run, admission = exchange.gated()
        matched = matched_by(run)
        for package in admission.packages:
            upsert(run, package, NOW)
        counts = report(run, NOW).counts
        assert foretold.counts == counts
        assert foretold.properties == observed(run, matched, before, counts)
