"""A connection's file: what it may say, and how each mistake is told."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest

from profile_exchange.domain.connection import (
    Approval,
    ApprovalRule,
    ConsentRule,
    ExposeGoal,
    IdentifierPair,
    Limits,
    PropertyMapping,
    Restriction,
    Schedule,
    Strategy,
    Unmatched,
)
from tests.unit.configuring import EXPOSING, IMPORTING, Folders

EVERYTHING = """\
title: Taylor Times
description: |
  Reading habits,
  in two lines.
tenant: harbor-goods
labels: [publisher, "2024", on]
favorite: yes
enabled: off
partner: {name: Taylor Times, host: Taylor-Times.LOCALHOST}
objectives: [partner_data]
consent: consented_or_unneeded
schedule: {cron: "0  6 * * MON-FRI", timezone: Europe/Amsterdam}
expose:
  identifiers: [email]
  segments: [customers]
  properties: [orders]
  networks: [203.0.113.0/24, "2001:db8::/32", 198.51.100.7]
import:
  credentials: taylor_times
  segments: all
  links:
    - {theirs: email, ours: email}
    - - {theirs: number, ours: loyalty_card}
      - {theirs: mail, ours: email}
  unmatched: create
  mappings:
    - {from: section, to: TaylorTimes_Section}
    - {from: visits, to: orders, strategy: INCREMENT, restriction: EXISTING_PROFILES_ONLY,
       overwrite: true}
  expectations:
    - {type: expect_column_values_to_be_between, kwargs: {column: visits, min_value: 0}}
    - {type: expect_column_pair_values_to_be_equal, kwargs: {column_A: a, column_B: section}}
  limits: {max_rejected_share: 0.1, max_drop_share: 100 %, max_modified_share: 12.5%}
  approval: {when: first_run, timeout: 8h}
"""


def test_everything_a_file_can_say_arrives_in_the_domain(folders: Folders) -> None:
    folders.connection(EVERYTHING)
    found = folders.read().check().connections["taylor-times"]
    assert (found.id, found.title, found.tenant) == (
        "taylor-times",
        "Taylor Times",
        "harbor-goods",
    )
    assert found.description == "Reading habits,\nin two lines.\n"
    assert found.labels == ("publisher", "2024", "on")
    assert (found.favorite, found.enabled) == (True, False)
    assert found.partner.host == "taylor-times.localhost"
    assert found.objectives == ("partner_data",)
    assert found.consent is ConsentRule.CONSENTED_OR_UNNEEDED
    assert found.schedule == Schedule(
        ("0 6 * * MON-FRI",), "Europe/Amsterdam", words="by cron 0 6 * * MON-FRI"
    )
    networks = ("203.0.113.0/24", "2001:db8::/32", "198.51.100.7/32")
    assert found.expose == ExposeGoal(
        ("email",), ("customers",), ("orders",), tuple(map(ip_network, networks))
    )
    goal = found.importing
    assert goal is not None
    assert (goal.credentials, goal.segments, goal.unmatched) == (
        "taylor_times",
        None,
        Unmatched.CREATE,
    )
    assert goal.links == (
        (IdentifierPair("email", "email"),),
        (IdentifierPair("number", "loyalty_card"), IdentifierPair("mail", "email")),
    )
    assert goal.mappings == (
        PropertyMapping("section", "TaylorTimes_Section"),
        PropertyMapping(
            "visits", "orders", Strategy.SUM, Restriction.EXISTING_PROFILES_ONLY, overwrite=True
        ),
    )
    assert goal.limits == Limits(0.1, 1.0, 0.125)
    assert goal.approval == Approval(ApprovalRule.FIRST_RUN, timedelta(hours=8))
    assert goal.source_properties == ("email", "number", "mail", "section", "visits", "a")


def test_a_connection_without_a_goal_is_told(folders: Folders) -> None:
    folders.connection(EXPOSING.partition("expose:")[0])
    (told,) = folders.problems()
    assert told.endswith("a connection needs a goal: expose, import, accept, or several.")


def test_a_goal_that_says_nothing_is_told_as_that(folders: Folders) -> None:
    folders.connection(EXPOSING.partition("expose:")[0] + "import:\n")
    (told,) = folders.problems()
    assert told.endswith("expose, import, accept, or several; import says nothing here.")


def test_a_network_that_is_none_is_told_with_what_to_write(folders: Folders) -> None:
    folders.connection(EXPOSING + "  networks: [203.0.113.9/24, office, 7]\n")
    where, such_as = "taylor-times.yaml:8: expose.networks", "such as 203.0.113.0/24."
    inside = "its address is inside of one; write 203.0.113.0/24."
    write = f"write an address, or one and a length, {such_as}"
    assert folders.problems() == [
        f"{where}[0]: '203.0.113.9/24' is no network: {inside}",
        f"{where}[1]: 'office' is no network: {write}",
        f"{where}[2]: '7' is no network: {write}",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(folders: Folders) -> None:
    text = IMPORTING.replace("[partner_data]", "[x, x]").replace("SUM", "SET")
    folders.connection(text.replace("TaylorTimes_Section", "email"))
    assert [line.split(": ")[0] for line in folders.problems()] == [
        "taylor-times.yaml:4",
        "taylor-times.yaml:4",
        "taylor-times.yaml:4",
        "taylor-times.yaml:11",
    ]


def test_a_tenant_that_lists_nothing_is_not_compared_with(folders: Folders) -> None:
    folders.tenant("name: Harbor Goods\nhost: harbor-goods.localhost\nstore: harbor-goods\n")
    folders.connection(IMPORTING)
    folders.connection(EXPOSING, "exposing.yaml")
    assert folders.problems() == []


def test_what_people_paste_by_mistake_is_not_repeated(folders: Folders) -> None:
    secret = "postgresql://exchange:S3cret!@db/harbor"
    folders.connection(IMPORTING.replace("taylor_times", f"'{secret}'"))
    folders.tenant("name: H\nhost: h.localhost\nstore: " + secret)
    told = "\n".join(folders.problems())
    assert "import.credentials: write the id of an Airflow connection" in told
    assert "store: write the name of a secret" in told
    assert "S3cret" not in told


def test_nobody_has_to_read_a_thousand_problems(folders: Folders) -> None:
    mappings = "".join(f"    - {{from: a, to: b{n}, x: 1}}\n" for n in range(1000))
    folders.connection(IMPORTING.partition("    - {from")[0] + mappings)
    told = folders.problems()
    assert len(told) == 101
    assert "there are 900 more problems in this file." in told[0]


def test_an_approval_can_be_one_word_and_a_limit_can_be_off(folders: Folders) -> None:
    told = "import:\n  approval: required\n  limits: {max_modified_share: off}"
    folders.connection(IMPORTING.replace("import:", told))
    goal = folders.read().check().connections["taylor-times"].importing
    assert goal is not None
    assert goal.approval == Approval(ApprovalRule.REQUIRED, timedelta(days=1))
    assert goal.limits.max_modified_share is None


@pytest.mark.parametrize(("targets", "told"), [(798, False), (799, True)])
def test_no_more_properties_are_written_than_can_be_counted(
    folders: Folders, targets: int, told: bool
) -> None:
    more = "".join(f"    - {{from: section, to: Target_{each}}}\n" for each in range(targets))
    folders.connection(IMPORTING + more)
    problems = folders.problems()
    assert [("at most 800 properties" in problem) for problem in problems] == [True] * told
