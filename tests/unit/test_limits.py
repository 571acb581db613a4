"""The limits of the gate: each stops a run by name, with both figures and what to do."""

from __future__ import annotations

import pytest

from profile_exchange.domain.connection import Limits
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap
from profile_exchange.pipeline.gate import Figures, exceeded

USUAL = Limits()


def modifying(received: int, modified: int) -> Figures:
    counts = FateCounts(received=received, modified=modified, unmatched=received - modified)
    planned = Forecast(counts, {}, {}, {}, Overlap(received, received, modified), {})
    return Figures(received, 0, None, planned)


@pytest.mark.parametrize(
    ("limits", "figures"),
    [
        (USUAL, Figures(0, 0, None)),
        (USUAL, Figures(100, 5, 100)),
        (USUAL, Figures(10, 5, None, last_complete=100)),
        (USUAL, Figures(100, 5, None, last_complete=10)),
        (USUAL, Figures(50, 0, 100)),
        (USUAL, Figures(500, 0, 100)),
        (USUAL, modifying(100, 100)),
        (Limits(max_rejected_share=1), Figures(10, 10, 10)),
        (Limits(max_drop_share=1), Figures(1, 0, 1000)),
        (Limits(max_modified_share=0.2), modifying(100, 20)),
        (Limits(max_modified_share=0), modifying(0, 0)),
        (Limits(allow_zero_received=True), Figures(0, 0, 1000)),
    ],
)
def test_a_run_within_its_limits_is_let_through(limits: Limits, figures: Figures) -> None:
    assert exceeded(limits, figures) == ""


@pytest.mark.parametrize(
    ("limits", "figures", "told"),
    [
        (USUAL, Figures(0, 0, 7), ["No profile was received", "had 7", "allow_zero_received"]),
        (Limits(max_drop_share=1), Figures(0, 0, 7), ["No profile was received"]),
        (USUAL, Figures(100, 6, 100), ["6 of 100", "6.0%", "max_rejected_share", "5.0%"]),
        (
            USUAL,
            Figures(10, 6, None, last_complete=100),
            ["6 of 10", "(6.0% of the 100 that the last complete pull received)", "5.0%"],
        ),
        (USUAL, Figures(100, 6, None, last_complete=10), ["6 of 100", "(6.0%)", "5.0%"]),
        (USUAL, Figures(1, 1, None, last_complete=0), ["1 of 1", "(100.0%)", "5.0%"]),
        (USUAL, Figures(49, 0, 100), ["49", "51.0% fewer", "100", "max_drop_share", "50.0%"]),
        (
            Limits(max_modified_share=0.2),
            modifying(100, 21),
            ["21 of the 100", "21.0%", "max_modified_share", "20.0%", "exchange preview"],
        ),
    ],
)
def test_a_limit_that_is_passed_says_both_figures_and_what_to_do(
    limits: Limits, figures: Figures, told: list[str]
) -> None:
    sentence = exceeded(limits, figures)
    for words in (*told, "nothing was written"):
        assert words in sentence


def test_a_preview_is_not_sent_to_a_quarantine_in_which_it_puts_nobody() -> None:
    assert "Look at the quarantine, or" in exceeded(USUAL, Figures(100, 6, 100))
    sentence = exceeded(USUAL, Figures(100, 6, 100, preview=True))
    assert "Look at what the preview says they are rejected for, or" in sentence
