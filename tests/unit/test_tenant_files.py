"""A tenant's file: what it may say, and how each mistake is told."""

from __future__ import annotations

import pytest

from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Segment
from tests.unit.configuring import IMPORTING, Folders


def test_everything_a_file_can_say_arrives_in_the_domain(folders: Folders) -> None:
    folders.tenant(
        "name: Harbor Goods\n"
        "host: Harbor-Goods.LOCALHOST\n"
        "store: harbor-goods-store\n"
        "properties:\n"
        "  - {id: email, name: Email, type: EMAIL, unique_identifier: true, sensitivity: PII,\n"
        "     tags: [Contact], description: Where mail goes}\n"
        "segments:\n"
        "  - {id: all, name: Everybody, description: All, tags: [Base]}\n"
        "objectives:\n"
        "  - {id: ads, name: Ads, title: Better ads, needs_consent: false,\n"
        "     legislations: [GDPR, CCPA]}\n"
    )
    found = folders.read().check().tenants["harbor-goods"]
    assert (found.id, found.name, found.host, found.store_secret) == (
        "harbor-goods",
        "Harbor Goods",
        "harbor-goods.localhost",
        "harbor-goods-store",
    )
    assert found.properties == (
        ProfileProperty(
            id="email",
            name="Email",
            filter_type=FilterType.EMAIL,
            indexed=True,
            data_sensitivity=DataSensitivity.PII,
            tags=("Contact",),
            description="Where mail goes",
        ),
    )
    assert found.segments == (Segment("all", "Everybody", None, "All", ("Base",)),)
    assert found.objectives == (
        Objective("ads", "Ads", "Better ads", needs_consent=False, legislations=("GDPR", "CCPA")),
    )


@pytest.mark.parametrize("key", ["host", "store"])
def test_two_tenants_never_share_a_host_name_or_a_profile_store(folders: Folders, key: str) -> None:
    other = {"host": "other.localhost", "store": "other-store"}
    other[key] = {"host": "HARBOR-goods.localhost", "store": "harbor-goods-store"}[key]
    folders.tenant(f"name: O\nhost: {other['host']}\nstore: {other['store']}\n", "other.yaml")
    line = {"host": 2, "store": 3}[key]
    (told,) = folders.problems()
    assert told.startswith(f"other.yaml:{line}: {key}: this is the {key} of the tenant 'harbor-")


BLUECONIC = (
    "name: Harbor Goods\nhost: harbor-goods.blueconic.net\nkind: blueconic\n"
    "work: harbor-goods-work\ncredentials: harbor_goods\nvisitors: everybody\n"
)


def test_a_tenant_of_blueconics_has_a_database_for_what_the_exchange_remembers(
    folders: Folders,
) -> None:
    folders.tenant(BLUECONIC)
    found = folders.read().check().tenants["harbor-goods"]
    assert (found.is_remote, found.store_secret) == (True, "harbor-goods-work")
    assert (found.credentials, found.visitors) == ("harbor_goods", "everybody")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("work: harbor-goods-work\n", "", "a tenant of kind blueconic needs the key 'work'"),
        ("credentials: harbor_goods\n", "", "blueconic needs the key 'credentials'"),
        ("work:", "store: a-store\nwork:", "store: this is for a tenant of kind hosted; remove"),
        ("kind: blueconic", "store: a-store", "work: this is for a tenant of kind blueconic"),
        ("kind: blueconic", "kind: blueconik", "kind: 'blueconik' is not one of hosted, blue"),
        ("visitors: everybody", "visitor: everybody", "Did you mean 'visitors'?"),
    ],
)
def test_keys_of_the_other_kind_of_tenant_are_mistakes(
    folders: Folders, before: str, after: str, told: str
) -> None:
    folders.tenant(BLUECONIC.replace(before, after))
    assert any(told in problem for problem in folders.problems()), folders.problems()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("objectives: [partner_data]\n", "objectives: [partner_data]\n", "consent_or_unneeded"),
        ("  links:\n    - {theirs: email, ours: email}\n", "", "import: without a link both"),
        ("  segments:", "  limits: {max_modified_share: 0.1}\n  segments:", "remove this limit"),
        ("import:", "expose: {segments: [all]}\nimport:", "configure that there, and remove this"),
    ],
)
def test_what_a_connection_may_not_ask_of_a_tenant_of_blueconics(
    folders: Folders, before: str, after: str, told: str
) -> None:
    folders.tenant(BLUECONIC.replace("visitors: everybody\n", ""))
    folders.connection(IMPORTING.replace(before, after))
    told = told.replace("consent_or_unneeded", "write consent: consented_or_unneeded")
    assert any(told in problem for problem in folders.problems()), folders.problems()
