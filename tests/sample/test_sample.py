"""The sample tenants: the same everywhere, of any size, and as dirty as data is."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from profile_exchange import sample
from profile_exchange.config import registry
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.identifiers import normalise
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.values import type_problem
from profile_exchange.sample.loading import generate
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, profile_identifier
from profile_exchange.tenants.postgres.loading import LoadCounts

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
READERS, CUSTOMERS = sample.SAMPLE_TENANTS
PROFILES = 10_000

#: These change only together with `_EDITION` in `sample.loading`.
DIGESTS = {
    READERS: "58c31af96e44244021f79cc671caf86a691ba12884a2aa1777b46ad669e3b7b2",
    CUSTOMERS: "24e6c5b4ea7f157d88f9bdafcc51a57d55fb5e009116ae579ec699b7b56040c4",
}

Profile = dict[str, Any]


@cache
def profiles(tenant_id: str) -> list[Profile]:
    """The default sample of a tenant, read as PostgreSQL reads COPY text."""
    names = ("id", "created", "modified", "zone", "consented", "refused", "properties")
    found = []
    for line in b"".join(generate(tenant_id, PROFILES)).decode().splitlines():
        row: Profile = dict(zip(names, line.split("\t"), strict=True))
        row["properties"] = json.loads(row["properties"].replace("\\\\", "\\"))
        found.append(row)
    return found


def share(tenant_id: str, is_so: Callable[[Profile], bool]) -> float:
    return sum(map(is_so, profiles(tenant_id))) / PROFILES


def values(of: Profile, property_id: str) -> list[str]:
    return list(of["properties"].get(property_id, []))


def mails(of: Profile) -> set[str]:
    return {normalise(mail, FilterType.EMAIL) for mail in values(of, "email")}


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_the_same_bytes_every_time_on_every_machine(tenant_id: str) -> None:
    made = b"".join(generate(tenant_id, 500))
    assert hashlib.sha256(made).hexdigest() == DIGESTS[tenant_id]


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_a_smaller_sample_is_the_start_of_a_larger_one(tenant_id: str) -> None:
    larger = b"".join(generate(tenant_id, 20_500))
    for size in (1, 9_999, 10_001):
        assert larger.startswith(b"".join(generate(tenant_id, size)))


def test_another_seed_makes_another_sample() -> None:
    one, other = (b"".join(generate(READERS, 100, seed)).splitlines() for seed in (1, 2))
    assert not set(one) & set(other)


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_every_profile_has_an_id_of_its_own_spread_over_all_ids(tenant_id: str) -> None:
    ids = {UUID(row["id"]) for row in profiles(tenant_id)}
    assert len(ids) == PROFILES
    assert {one.version for one in ids} == {4}
    quarters = Counter(one.int >> 126 for one in ids)
    assert all(2_000 < number < 3_000 for number in quarters.values())


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_properties_are_those_of_the_tenant_in_the_form_of_the_store(tenant_id: str) -> None:
    known = {one.id for one in registry.tenant(tenant_id).properties}
    found = Counter(name for row in profiles(tenant_id) for name in row["properties"])
    assert set(found) == known
    assert max(found.values()) < PROFILES
    assert all(all(row["properties"].values()) for row in profiles(tenant_id))


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_profiles_change_after_they_are_made(tenant_id: str) -> None:
    assert all(row["created"] < row["modified"] for row in profiles(tenant_id))


def mail_like(pattern: str) -> Callable[[Profile], bool]:
    return lambda row: any(re.search(pattern, mail) for mail in values(row, "email"))


MESS: list[tuple[str, Callable[[Profile], bool], float, float]] = [
    ("mail in mixed case", mail_like("[A-Z].*@"), 0.2, 0.4),
    ("blanks around a mail", mail_like(r"^\s|\s$"), 0.04, 0.1),
    ("a mail without @ or a domain", mail_like(r"^[^@]*$|@$|@@|@example$"), 0.003, 0.01),
    ("two mails", lambda row: len(values(row, "email")) == 2, 0.02, 0.06),
    ("no mail", lambda row: not values(row, "email"), 0.05, 0.12),
    ("no visited channel", lambda row: not values(row, "visitedchannel"), 0.03, 0.08),
    ("several channels", lambda row: len(values(row, "visitedchannel")) > 1, 0.3, 0.6),
    ("zone GDPR", lambda row: row["zone"] == "GDPR", 0.5, 0.7),
    ("zone CCPA", lambda row: row["zone"] == "CCPA", 0.2, 0.3),
    ("zone NONE", lambda row: row["zone"] == "NONE", 0.1, 0.2),
    ("consent given", lambda row: "partner" in row["consented"], 0.6, 0.8),
    ("consent refused", lambda row: "partner" in row["refused"], 0.1, 0.2),
    (
        "consent unknown",
        lambda row: "partner" not in row["consented"] + row["refused"],
        0.1,
        0.2,
    ),
]


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
@pytest.mark.parametrize(
    ("is_so", "least", "most"), [case[1:] for case in MESS], ids=[case[0] for case in MESS]
)
def test_data_is_as_dirty_as_data_is(
    tenant_id: str, is_so: Callable[[Profile], bool], least: float, most: float
) -> None:
    assert least < share(tenant_id, is_so) < most


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_every_type_has_broken_values_and_few_of_them(tenant_id: str) -> None:
    for known in registry.tenant(tenant_id).properties:
        if known.filter_type is FilterType.SELECT:
            continue

        def is_broken(row: Profile, name: str = known.id, kind: Any = known.filter_type) -> bool:
            return any(type_problem(value, kind) for value in values(row, name))

        assert 0.003 < share(tenant_id, is_broken) < 0.02


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
@pytest.mark.parametrize("character", ['"', "\\", "\t", "é", "ü", "\U0001f388"])
def test_values_hold_what_is_hard_to_carry(tenant_id: str, character: str) -> None:
    accented = {"é": "Ééëè", "ü": "ü"}.get(character, character)
    held = "".join(
        v for row in profiles(tenant_id) for vs in row["properties"].values() for v in vs
    )
    assert set(accented) & set(held)


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_mail_domains_are_those_kept_for_examples(tenant_id: str) -> None:
    sound = (mail for row in profiles(tenant_id) for mail in mails(row) if mail.count("@") == 1)
    domains = {mail.rpartition("@")[2] for mail in sound} - {"", "example"}
    assert domains == {"example.com", "example.org", "example.net"}


def test_many_people_are_in_both_tenants_some_under_the_same_id() -> None:
    readers = {mail: row["id"] for row in profiles(READERS) for mail in mails(row)}
    customers = {mail: row["id"] for row in profiles(CUSTOMERS) for mail in mails(row)}
    shared = readers.keys() & customers.keys()
    same = sum(readers[mail] == customers[mail] for mail in shared)
    assert 0.5 < len(shared) / PROFILES < 0.8
    assert 0.02 < same / len(shared) < 0.2


def test_subscriber_numbers_keep_their_zeros_and_are_known_to_both() -> None:
    numbers = {value for row in profiles(READERS) for value in values(row, "subscriber_number")}
    told = {v.strip() for row in profiles(CUSTOMERS) for v in values(row, "newspaper_subscription")}
    assert all(len(number) == 10 and number.startswith("0") for number in numbers | told)
    assert len(numbers & told) > PROFILES / 20


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_some_profiles_share_a_mail_address(tenant_id: str) -> None:
    claims = Counter(mail for row in profiles(tenant_id) for mail in mails(row))
    shared = sum(number > 1 for number in claims.values())
    assert 0.01 < shared / PROFILES < 0.06


def ids_and_properties(url: str) -> dict[str, Any]:
    with engine_for(url).connect() as connection:
        rows = connection.execute(select(profile.c.id, profile.c.properties))
        return {row.id.hex: row.properties for row in rows}


@pytest.mark.parametrize("tenant_id", sample.SAMPLE_TENANTS)
def test_what_is_generated_is_what_is_stored(store_url: str, tenant_id: str) -> None:
    assert sample.load(tenant_id, store_url, now=NOW) == LoadCounts(created=PROFILES)
    expected = {row["id"]: row["properties"] for row in profiles(tenant_id)}
    assert ids_and_properties(store_url) == expected
    with engine_for(store_url).connect() as connection:
        found = set(connection.execute(select(profile_identifier.c.property_id)).scalars())
    assert found == {one.id for one in registry.tenant(tenant_id).properties if one.indexed}


def test_a_store_that_holds_the_sample_is_left_as_it_is(store_url: str) -> None:
    sample.load(CUSTOMERS, store_url, 300, now=NOW)
    with engine_for(store_url).begin() as connection:
        connection.execute(update(profile).values(properties={"city": ["changed by an import"]}))
    before = ids_and_properties(store_url)
    for size in (300, 1, 299):
        assert sample.load(CUSTOMERS, store_url, size, now=NOW) == LoadCounts(unchanged=size)
    assert ids_and_properties(store_url) == before


def test_a_sample_grows_around_what_imports_have_changed(store_url: str) -> None:
    sample.load(CUSTOMERS, store_url, 300, now=NOW)
    with engine_for(store_url).begin() as connection:
        connection.execute(update(profile).values(properties={"city": ["changed by an import"]}))
    before = ids_and_properties(store_url)
    counts = sample.load(CUSTOMERS, store_url, 700, now=NOW)
    assert counts == LoadCounts(created=400, unchanged=300)
    after = ids_and_properties(store_url)
    assert len(after) == 700
    assert after | before == after


@pytest.mark.parametrize("size", [0, 1, 2])
def test_tiny_samples_can_be_loaded(store_url: str, size: int) -> None:
    sample.load(READERS, store_url, size, now=NOW)
    assert len(ids_and_properties(store_url)) == size
    assert sample.is_loaded(READERS, store_url, size)
    assert not sample.is_loaded(READERS, store_url, size + 1)


def test_progress_goes_from_generating_to_stored(store_url: str) -> None:
    seen: list[tuple[str, float]] = []
    sample.load(READERS, store_url, 20_000, now=NOW, progress=lambda *what: seen.append(what))
    assert seen[:2] == [("generating", 0.5), ("generating", 1.0)]
    storing = [share for doing, share in seen[2:] if doing == "storing"]
    assert len(storing) == len(seen) - 2
    assert storing == sorted(storing)
    assert seen[-1] == ("storing", 1.0)


def test_a_tenant_without_a_sample_is_an_error_in_a_sentence(store_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no sample of tenant 'taylor'.*'taylor-times'"):
        sample.is_loaded("taylor", store_url, 10)
