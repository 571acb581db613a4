"""How many profiles hold a property: told to who may write it, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from profile_exchange.domain.scopes import Scope
from profile_exchange.exposure import counting
from profile_exchange.store.database import connect
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation

BOTH = [Scope.READ, Scope.WRITE]


def told(writer: Writer, name: str) -> Any:
    return writer.api.ok(f"/profileProperties/{name}").get("profileCount")


def test_every_profile_with_a_value_counts_whoever_it_is(
    writer: Writer, installation: Installation
) -> None:
    """Consent and visits may come later: what is there now must not be written over then."""
    writer.accept(connection={"objectives": ["sharing"]})
    installation.add(city=["Delft"], consented=("sharing",))
    installation.add(city=["Delft", "Gouda"], refused=("sharing",))
    installation.add(city=["Leiden"], visitedchannel=[])
    installation.add(section=["Sports"])
    assert (told(writer, "city"), told(writer, "section"), told(writer, "since")) == (3, 1, 0)


def test_it_follows_what_is_written(writer: Writer, installation: Installation) -> None:
    installation.add(email=["jane@example.org"])
    assert told(writer, "articles") == 0
    writer.one(entry(rule("articles", "1")))
    assert told(writer, "articles") == 1
    writer.one(entry(rule("articles")))
    assert told(writer, "articles") == 0


def test_only_what_may_be_written_is_counted_and_only_for_who_may_write_it(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["jane@example.org"], city=["Delft"], section=["Sports"])
    writer.accept(properties={"city": ["SET"]})
    assert told(writer, "city") == 1
    assert told(writer, "email") is None  # is matched on, and not written
    writer.api.log_in(installation.issue(scopes=BOTH))
    assert told(writer, "city") == 1
    assert told(writer, "section") is None  # is exposed, and not written
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    assert writer.api.get("/profileProperties/city").status_code == 404
    writer.accept(properties={"section": ["SET"]})
    assert told(writer, "section") is None  # may be written, but not with this key


def test_the_listing_counts_nothing(writer: Writer, installation: Installation) -> None:
    installation.add(city=["Delft"])
    listed = writer.api.ok("/profileProperties")["profileProperties"]
    assert "city" in {each["id"] for each in listed}
    assert all("profileCount" not in each for each in listed)


def test_what_takes_too_long_is_not_told(
    writer: Writer,
    installation: Installation,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installation.add(city=["Delft"])
    monkeypatch.setattr(counting, "PATIENCE", "50ms")
    with connect(installation.store) as somebody:
        somebody.execute("lock table tenant.profile in access exclusive mode")
        answer = writer.api.get("/profileProperties/city")
    assert (answer.status_code, answer.json().get("profileCount")) == (200, None)
    assert "counting who holds city took longer" in caplog.text
    assert told(writer, "city") == 1
