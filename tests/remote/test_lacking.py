"""What our tenant lacks of what a connection names is told before anything is written."""

from __future__ import annotations

import logging

import pytest

from tests.remote.summing import SummingExchange


def test_an_objective_that_it_does_not_have_is_named(
    summing: SummingExchange, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts for nobody (SEMANTICS, Consent 2), which is seldom what was meant."""
    summing.settings = {"objectives": ["sharing", "mailing"]}
    summing.served.listed["objectives"] = ["sharing"]
    summing.receives({1: ("a", 3)})
    assert summing.tenant.lacking(summing.connection).missing == ("objective mailing",)
    with caplog.at_level(logging.WARNING):
        assert summing.counts().modified == 1
    assert "has no objective mailing, which connection taylor-times names" in caplog.text


def test_objectives_that_the_key_may_not_see_are_doubtful(summing: SummingExchange) -> None:
    summing.settings = {"objectives": ["sharing"]}
    summing.served.listed["objectives"] = None
    lacking = summing.tenant.lacking(summing.connection)
    assert lacking.missing == ()
    assert "unless it has sharing" in lacking.doubtful[0]


@pytest.mark.parametrize("shown", [["visitor"], [], None], ids=str)
def test_a_segment_of_visitors_that_is_not_shown_is_told(
    summing: SummingExchange, shown: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Not for certain: a key may write to a segment that it may not read."""
    summing.goal = {"mappings": summing.goal["mappings"]}
    summing.visitors, summing.served.listed["segments"] = "visitors", shown
    summing.receives({1: ("a", 3)})
    with caplog.at_level(logging.WARNING):
        summing.open()
    assert "does not show segment visitors to its key" in caplog.text


def test_nothing_is_told_of_what_is_there_or_not_needed(summing: SummingExchange) -> None:
    without_links = {"mappings": summing.goal["mappings"]}
    for goal, shown in ((without_links, ["visitors"]), (summing.goal, [])):
        summing.goal, summing.served.listed["segments"] = goal, shown
        summing.visitors = "visitors"
        lacking = summing.tenant.lacking(summing.connection)
        assert (lacking.missing, lacking.doubtful) == ((), ())
