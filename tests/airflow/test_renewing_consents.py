"""A run counts consents when it is done, and stays done if that goes wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from profile_exchange.config import registry
from profile_exchange.orchestration.consents import renew_consents_of
from profile_exchange.tenants.postgres.consents import kept_consents

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)


def test_the_objectives_of_the_connection_are_counted(store_url: str) -> None:
    renew_consents_of(registry.connection("taylor-times"), store_url, NOW)
    (kept,) = kept_consents(store_url, ["partner_data"])
    assert (kept.counted_at, kept.profiles) == (NOW, 0)


def test_a_store_that_is_away_fails_no_run(caplog: pytest.LogCaptureFixture) -> None:
    away = "postgresql://nobody@127.0.0.1:1/none"
    renew_consents_of(registry.connection("taylor-times"), away, NOW)
    assert "The consents were not counted" in caplog.text


def test_without_objectives_no_store_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    without = replace(registry.connection("taylor-times"), objectives=())
    renew_consents_of(without, "postgresql://nobody@127.0.0.1:1/none", NOW)
    assert caplog.text == ""
