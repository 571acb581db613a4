"""Requests that a tenant goes on with after their answers were given up: no sum is added twice."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from profile_exchange.domain.errors import SourceUnavailable
from profile_exchange.pipeline.remote.asking import Asking, Endurance
from profile_exchange.pipeline.remote.upsert import upsert
from profile_exchange.pipeline.runs import Run
from tests.remote.over_api import QUICK
from tests.remote.scripted_tenant import Played
from tests.remote.summing import SummingExchange
from tests.tenants import faults
from tests.tenants.scripted_partner import Answer, Request

LATE = Played(faults.hung_up, processed=False, late=True)
#: An id in the second half of all ids, and so in the second of two packages.
HIGH = 1 << 31 | 1


@pytest.fixture
def grown(summing: SummingExchange) -> SummingExchange:
    """3 is there, 5 is due, and the request for it is going to be carried out late."""
    summing.receives({1: ("a", 3)})
    summing.run()
    summing.receives({1: ("a", 5)})
    summing.served.sums = [LATE]
    return summing


def test_a_tenant_is_left_the_time_to_finish_before_the_profile_is_read(
    grown: SummingExchange,
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if seconds > 50:
            grown.served.catch_up()

    run, admission = grown.gated()
    patient = dataclasses.replace(QUICK, sleep=sleep)
    upsert(run, admission.packages[0], grown.today, grown.tenant.target, patient)
    assert (grown.articles("a"), grown.served.added) == (["5"], 2)
    assert max(waited) <= patient.at_work
    assert grown.open_sums() == 0


def late_beyond_patience(grown: SummingExchange) -> None:
    """The first request is carried out between the read that follows it and the second request."""
    well = grown.served.respond

    def respond(request: Request) -> Answer:
        said = well(request)
        if request.method == "GET" and "/profiles/" in request.path:
            grown.served.catch_up()
        return said

    grown.served.respond = respond


def test_what_was_carried_out_twice_all_the_same_is_told(grown: SummingExchange) -> None:
    late_beyond_patience(grown)
    assert grown.counts().rejected == 1
    assert grown.articles("a") == ["7"]
    assert grown.rules_broken() == ["sum_unsettled"]
    assert grown.open_sums() == 1


def test_also_by_the_attempt_after_the_one_that_died(grown: SummingExchange) -> None:
    """It found the number from before, and sends what the other one had sent."""
    late_beyond_patience(grown)
    run, admission = grown.gated()
    impatient = dataclasses.replace(QUICK, attempts=1)
    with pytest.raises(Exception, match="does not say what became"):
        upsert(run, admission.packages[0], grown.today, grown.tenant.target, impatient)
    assert grown.open_sums() == 1
    assert grown.finish(run, admission).counts.rejected == 1
    assert grown.articles("a") == ["7"]


def die_unanswered(grown: SummingExchange) -> tuple[Run, Any]:
    """A run of which the first package asks for a sum, and hears nothing."""
    run, admission = grown.gated()
    impatient = dataclasses.replace(QUICK, attempts=1)
    with pytest.raises(SourceUnavailable, match="does not say what became"):
        upsert(run, admission.packages[0], grown.today, grown.tenant.target, impatient)
    return run, admission


def test_also_when_another_package_has_come_in_between(grown: SummingExchange) -> None:
    grown.profiles_per_part = 1
    grown.receives({1: ("a", 5), HIGH: ("b", 4)})
    run, admission = die_unanswered(grown)
    upsert(run, admission.packages[1], grown.today, grown.tenant.target, QUICK)
    late_beyond_patience(grown)
    counts = grown.finish(run, admission).counts
    assert (counts.rejected, counts.modified) == (1, 1)
    assert grown.articles("a", "b") == ["7", "4"]
    assert grown.rules_broken() == ["sum_unsettled"]


def test_what_another_package_waits_for_is_left_to_it(grown: SummingExchange) -> None:
    """It is not told of a profile that is not that package's, and not asked about for it."""
    grown.profiles_per_part = 1
    grown.receives({1: ("a", 5), HIGH: ("b", 4)})
    run, admission = die_unanswered(grown)
    before = len(grown.served.asked(f"/profiles/{grown.found('a').id}"))
    upsert(run, admission.packages[1], grown.today, grown.tenant.target, QUICK)
    assert len(grown.served.asked(f"/profiles/{grown.found('a').id}")) == before
    assert grown.finish(run, admission).counts.modified == 2
    assert (grown.articles("a", "b"), grown.open_sums()) == (["5", "4"], 0)


@pytest.mark.parametrize("visits", [5, 6])
def test_also_in_the_next_run(grown: SummingExchange, visits: int) -> None:
    """Whatever that adds: what it finds then is the number without it, or neither."""
    die_unanswered(grown)
    grown.profiles_per_part = 1
    grown.receives({1: ("a", visits), HIGH: ("b", 4)})
    run, admission = grown.gated()
    upsert(run, admission.packages[1], grown.today, grown.tenant.target, QUICK)
    late_beyond_patience(grown)
    assert grown.finish(run, admission).counts.rejected == 1
    assert grown.articles("a") == [str(visits + 2)]
    assert grown.rules_broken() == ["sum_unsettled"]


def test_what_nothing_is_to_be_added_for_any_more_is_not_waited_for(
    grown: SummingExchange,
) -> None:
    die_unanswered(grown)
    grown.receives({1: ("a", 3)})
    assert grown.counts().unchanged == 1
    assert grown.open_sums() == 0


def test_once_the_number_is_set_right_it_goes_on(grown: SummingExchange) -> None:
    late_beyond_patience(grown)
    grown.run()
    grown.found("a").properties["articles"] = ["5"]
    assert grown.counts().rejected == 0
    assert grown.articles("a") == ["5"]
    assert grown.open_sums() == 0


@pytest.mark.parametrize(("ago", "waits"), [(None, []), (0, [60]), (45, [15]), (60, []), (90, [])])
def test_only_what_is_left_of_the_time_is_waited(ago: float | None, waits: list[float]) -> None:
    waited: list[float] = []
    asking = Asking(None, (), Endurance(sleep=waited.append))  # type: ignore[arg-type]
    asking.let_finish(ago)
    assert waited == waits
