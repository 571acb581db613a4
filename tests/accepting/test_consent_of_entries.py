"""Consent of whom a partner writes to (SEMANTICS, Consent): ours, and what the request asks for."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation

SHARING = {"objectives": ["sharing", "mailing"]}
CITY = rule("city", "Delft")
GIVEN = rule("consented_objectives", "sharing", restriction="NEW_PROFILES_ONLY")


def test_a_matched_profile_is_judged_by_its_own_record(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(connection=SHARING)
    installation.add(email=["yes@example.org"], consented=("sharing",))
    withheld = [
        installation.add(email=["no@example.org"], refused=("sharing", "mailing")),
        installation.add(email=["unknown@example.org"]),
    ]
    asked = [entry(CITY, GIVEN, email=f"{name}@example.org") for name in ("yes", "no", "unknown")]
    first, *others = writer.results(*asked)
    assert first["state"] == "MODIFIED"
    assert others == [{"state": "CONSENT_MISMATCH"}] * 2
    assert [each for each in withheld if "city" in installation.stored(each)] == []


def test_a_profile_about_to_be_created_is_judged_by_what_came_with_it(
    writer: Writer, installation: Installation
) -> None:
    writer.accept(connection=SHARING)
    more = {"strategy": "UPSERT", "privacyLegislation": "GDPR"}
    asked = [
        entry(CITY, GIVEN, email="yes@example.org", **more),
        entry(CITY, email="unknown@example.org", **more),
        entry(CITY, GIVEN, rule("refused_objectives", "sharing"), email="no@example.org", **more),
    ]
    states = ["CREATED", "CONSENT_MISMATCH", "CONSENT_MISMATCH"]
    results = writer.results(*asked)
    assert [each["state"] for each in results] == states
    query = select(profile.c.privacy_legislation, profile.c.consented_objectives)
    with engine_for(installation.store).connect() as database:
        [row] = list(database.execute(query))  # and nobody else is there
    assert tuple(row) == ("GDPR", ["sharing"])


def test_the_request_may_ask_for_an_objective_of_the_connection(
    writer: Writer, installation: Installation
) -> None:
    """Without need of consent where the visitor is, it counts as given, as published."""
    writer.accept(connection=SHARING)
    installation.add(email=["a@example.org"], consented=("sharing",))
    installation.add(email=["b@example.org"], consented=("mailing",))
    installation.add(email=["c@example.org"], consented=("sharing",), zone="CCPA")
    asked = [entry(CITY, email=f"{name}@example.org") for name in "abc"]
    mismatch, *matches = writer.states(*asked, objectiveIds="mailing")
    assert (mismatch, matches) == ("CONSENT_MISMATCH", ["MODIFIED", "MODIFIED"])
    both = writer.states(*asked, objectiveIds="mailing, sharing")
    assert both == ["MODIFIED", "UNCHANGED", "UNCHANGED"]


def test_an_objective_that_is_not_the_connections_cannot_be_asked_about(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["jane@example.org"], consented=("sharing",))
    for name in ("sharing", "unheard_of"):
        answer = writer.put(entry(CITY), objectiveIds=name)
        assert answer.status_code == 400
        assert name not in answer.text
    writer.accept(connection={"objectives": ["sharing"]})
    assert writer.put(entry(CITY), objectiveIds="sharing,mailing").status_code == 400


def test_a_partner_does_not_change_what_a_profile_consented_to(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(email=["jane@example.org"], consented=("sharing",))
    asked = entry(rule("consented_objectives", "mailing"), rule("privacy_legislation", "NONE"))
    assert writer.states(asked) == ["UNCHANGED"]
    with engine_for(installation.store).connect() as database:
        row = database.execute(select(profile).where(profile.c.id == jane)).one()
    assert (row.consented_objectives, row.privacy_legislation) == (["sharing"], "GDPR")


def test_a_rule_for_consent_without_a_value_says_nothing(
    writer: Writer, installation: Installation
) -> None:
    nothing = [
        {"id": name, **values}
        for name in ("privacy_legislation", "consented_objectives", "refused_objectives")
        for values in ({}, {"values": []}, {"values": [" "]})
    ]
    made = writer.one(entry(*nothing, strategy="UPSERT", privacyLegislation="GDPR"))
    assert made["state"] == "CREATED"
    with engine_for(installation.store).connect() as database:
        row = database.execute(select(profile).where(profile.c.id == made["profileId"])).one()
    assert (row.privacy_legislation, row.consented_objectives) == ("GDPR", [])


@pytest.mark.parametrize("named", [["mailing", ""], ["", "mailing"], ["mailing", "sharing"]])
def test_objectives_are_named_once(
    writer: Writer, installation: Installation, named: list[str]
) -> None:
    """What is asked for is never dropped: the one that is not read could be what matters."""
    writer.accept(connection=SHARING)
    jane = installation.add(email=["jane@example.org"], consented=("sharing",))
    answer = writer.put(entry(CITY), objectiveIds=named)
    assert answer.status_code == 400
    assert "objectiveIds" in answer.json()["message"]
    assert "city" not in installation.stored(jane)
