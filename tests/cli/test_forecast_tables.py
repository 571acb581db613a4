"""What `exchange preview` shows a person."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from profile_exchange.cli.forecast_tables import tell_forecast
from profile_exchange.domain.forecast import Forecast
from tests.cli.test_configured_commands import FORECAST


def shown(forecast: Forecast) -> str:
    console = Console(file=io.StringIO(), width=120)
    tell_forecast("Taylor Times", forecast, console)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_preview_shows_fates_segments_properties_overlap_and_some_ids() -> None:
    text = shown(FORECAST)
    assert "Taylor Times: what a run would do; nothing was written" in text
    assert "│ readers │ 7 │ 0 │ 2 │ 1 │ 0 │ 0 │ 4 │ 0 │ 0 │" in text
    assert "│ TaylorTimes_Sports │ 2 │ 0 │ 0 │ 1 │" in text
    assert "Profiles of ours that match: 3, 42.9% of the 7 received and 10.0% of our 30." in text
    assert "Some that would be modified: 00000000-0000-0000-0000-000000000001" in text
    assert "would be stopped" not in text
    assert "│ modified │ 2 │ would be changed in our store │" in text
    assert "Would be rejected" not in text


def test_a_preview_says_what_profiles_would_be_rejected_for() -> None:
    text = shown(replace(FORECAST, reasons={"expectation": 1200, "same": 1, "value_type": 8}))
    assert "Would be rejected for: expectation 1,200, value type 8." in text


def test_what_only_our_tenant_can_decide_is_told_beside_the_fates() -> None:
    text = shown(replace(FORECAST, undecided=3))
    assert "3 more would be sent to our tenant, which alone knows who they are." in text
    assert "that match" not in text


def test_a_preview_shows_the_limit_that_would_stop_a_run() -> None:
    assert "A run would be stopped at the gate: Too many." in shown(
        replace(FORECAST, stopped_by="Too many.")
    )
