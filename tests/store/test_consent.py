"""Consent means the same in SQL and in the domain, whatever a profile's record holds."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, literal, null, select
from sqlalchemy.dialects.postgresql import ARRAY
from tests.examples import examples

from profile_exchange.domain import consent as rules
from profile_exchange.domain.consent import ConsentRecord, ConsentState
from profile_exchange.domain.tenant import Objective
from profile_exchange.store import consent
from profile_exchange.store.database import engine_for

IDS = ["partner_sharing", "personalisation", "o'clock %s"]
ZONES = ["GDPR", "CCPA", "NONE"]

id_sets = st.frozensets(st.sampled_from(IDS))
records = st.builds(ConsentRecord, id_sets, id_sets, st.sampled_from([*ZONES, None]))
objectives = st.builds(
    Objective,
    id=st.sampled_from(IDS),
    name=st.just("An objective"),
    needs_consent=st.booleans(),
    legislations=st.lists(st.sampled_from(ZONES), unique=True).map(tuple),
)
same_database = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(200),
)


def columns(record: ConsentRecord):
    return (
        literal(sorted(record.consented), ARRAY(Text)),
        literal(sorted(record.refused), ARRAY(Text)),
        literal(record.legislation, Text),
    )


@same_database
@given(record=records, linked=st.lists(objectives, max_size=3), unneeded_counts=st.booleans())
def test_sql_and_domain_agree_on_who_may_be_processed(
    store_url: str, record: ConsentRecord, linked: list[Objective], unneeded_counts: bool
) -> None:
    in_sql = consent.consented(*columns(record), linked, unneeded_counts=unneeded_counts)
    with engine_for(store_url).connect() as database:
        found = database.scalar(select(in_sql))
    assert found is rules.consented(record, linked, unneeded_counts=unneeded_counts)


@same_database
@given(record=records, objective=objectives)
def test_sql_and_domain_agree_on_every_state(
    store_url: str, record: ConsentRecord, objective: Objective
) -> None:
    states = [consent.stands(*columns(record), objective, state) for state in ConsentState]
    with engine_for(store_url).connect() as database:
        found = database.execute(select(*states)).one()
    assert list(found) == [rules.stands(record, objective, state) for state in ConsentState]


def test_a_record_that_is_missing_altogether_is_no_consent(store_url: str) -> None:
    objective = Objective("partner_sharing", "Partner sharing", legislations=("GDPR",))
    nothing = (null(), null(), null())
    with engine_for(store_url).connect() as database:
        found = database.execute(
            select(
                consent.consented(*nothing, [objective], unneeded_counts=False),
                consent.consented(*nothing, [objective], unneeded_counts=True),
            )
        ).one()
    assert list(found) == [False, False]


def test_a_refused_objective_never_counts_even_where_no_consent_is_needed() -> None:
    objective = Objective("partner_sharing", "Partner sharing", needs_consent=False)
    refused = ConsentRecord(refused=frozenset({"partner_sharing"}), legislation="NONE")
    assert not rules.consented(refused, [objective], unneeded_counts=True)


def test_unknown_is_no_unless_the_zone_needs_no_consent() -> None:
    objective = Objective("partner_sharing", "Partner sharing", legislations=("GDPR",))
    silent_here = ConsentRecord(legislation="GDPR")
    silent_there = ConsentRecord(legislation="CCPA")
    assert not rules.consented(silent_here, [objective], unneeded_counts=True)
    assert rules.consented(silent_there, [objective], unneeded_counts=True)
    assert not rules.consented(silent_there, [objective], unneeded_counts=False)


def test_a_connection_of_no_known_objective_is_allowed_nobody() -> None:
    assert not rules.consented(ConsentRecord(), [], unneeded_counts=True)
