"""A tenant's file: what it may say, and how each mistake is told."""

from __future__ import annotations

import pytest

from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Segment
from tests.unit.configuring import Folders


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
