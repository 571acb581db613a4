"""Whatever a tenant answers, and whenever workers die: after enough retries, the sums are right.

A model that knows neither requests nor answers says what they have to be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from profile_exchange.domain.errors import SourceUnavailable
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.remote.upsert import upsert
from profile_exchange.pipeline.report import report
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import metadata
from tests.model.interrupting import lose_worker
from tests.model.profiles import fewer
from tests.remote.over_api import QUICK
from tests.remote.scripted_tenant import Played
from tests.remote.summing import SummingExchange
from tests.tenants import faults
from tests.tenants.scripted_partner import Answer

NAMES = ("a", "b", "c")
Received = dict[int, tuple[str, int | None]]
#: Who contributed how much to each profile of the tenant, by its name.
Ledger = dict[str, tuple[int, int]]

PASSING: dict[str, Played] = {
    "no answer, nothing done": Played(faults.hung_up, processed=False),
    "no answer, all done": Played(faults.hung_up),
    "half an answer": Played(lambda results: Answer(results[: len(results) // 2])),
    "429": Played(lambda _: faults.busy(429), processed=False),
    "503, nothing done": Played(lambda _: faults.busy(503), processed=False),
    "503, all done": Played(lambda _: faults.busy(503)),
    "413, all done, one told": Played(lambda results: Answer(results[:1], status=413)),
}
#: No answer comes, and the request is carried out while the import waits.
LATE = {"late": Played(faults.hung_up, processed=False, late=True)}
#: What an entry alone is refused with waits for the next run.
REFUSED = {"400": Played(lambda _: faults.busy(400), processed=False)}


@dataclass(frozen=True)
class Chapter:
    """One run: what is received, what goes wrong, and after how many statements workers die."""

    received: Received
    values: Sequence[str]
    sums: Sequence[str]
    deaths: Sequence[int]


@st.composite
def chapters(draw: st.DrawFn, *, refused: bool = False) -> Chapter:
    passing = [*PASSING, *(REFUSED if refused else ())]
    values = st.lists(st.sampled_from(passing), max_size=5)
    sums = st.lists(st.sampled_from([*passing, *LATE]), max_size=5)
    where = draw(st.permutations([*NAMES, "nobody"]))
    amounts = st.none() | st.integers(0, 9)
    received = {number + 1: (name, draw(amounts)) for number, name in enumerate(where[:3])}
    deaths = draw(st.lists(st.integers(0, 70), max_size=3))
    return Chapter(received, draw(values), draw(sums), deaths)


stories = st.tuples(st.lists(chapters(), max_size=2), chapters(refused=True))


#: Three requests without an answer, of which the last is the first about the second alone.
MANY_UNANSWERED = Chapter(
    {1: ("a", None), 2: ("b", 1), 3: ("c", None)},
    ["no answer, nothing done", "no answer, nothing done", "half an answer"],
    (),
    (),
)
QUIET = Chapter({1: ("a", None), 2: ("b", None), 3: ("c", None)}, (), (), ())


def after(ledger: Ledger, received: Received) -> Ledger:
    """What profiles hold after a run, and by whom (SEMANTICS, Mapping and writing 2)."""
    found = {number: told for number, told in received.items() if told[0] in NAMES}
    arrives = {name for name, _ in found.values()}
    stays = {
        name: (who, amount)
        for name, (who, amount) in ledger.items()
        if who not in found or name in arrives
    }
    for number, (name, amount) in found.items():
        if amount is not None:
            stays[name] = (number, amount)
        elif name in stays and ledger[name][0] != number:
            del stays[name]
    return stays


@settings(
    fewer(12), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=stories)
@example(story=([MANY_UNANSWERED], QUIET))
def test_the_sums_are_those_of_the_model(
    summing: SummingExchange, story: tuple[list[Chapter], Chapter]
) -> None:
    begin(summing)
    before, last = story
    ledger: Ledger = {}
    for chapter in before:
        play(summing, chapter)
        ledger = after(ledger, chapter.received)
        assert held(summing) == {name: amount for name, (_, amount) in ledger.items() if amount}
    play(summing, last)
    play(summing, Chapter(last.received, (), (), ()))
    ledger = after(ledger, last.received)
    assert held(summing) == {name: amount for name, (_, amount) in ledger.items() if amount}
    assert summing.open_sums() == 0


def held(summing: SummingExchange) -> dict[str, int]:
    """What the tenant's profiles hold, but for those that hold nothing, or 0."""
    found = dict(zip(NAMES, summing.articles(*NAMES), strict=True))
    return {name: int(value) for name, value in found.items() if int(value or 0)}


def begin(summing: SummingExchange) -> None:
    """Forget the story before."""
    for name in NAMES:
        summing.found(name).properties.pop("articles", None)
    with engine_for(summing.store_url).begin() as database:
        database.execute(text("set local session_replication_role = replica"))
        for table in reversed(metadata.sorted_tables):
            database.execute(table.delete())


def play(summing: SummingExchange, chapter: Chapter) -> None:
    """One run, each package of which is tried until it is written."""
    summing.receives(chapter.received)
    run, admission = summing.gated()
    known = PASSING | LATE | REFUSED
    summing.served.values = [known[name] for name in chapter.values]
    summing.served.sums = [known[name] for name in chapter.sums]
    for package in admission.packages:
        for statements in chapter.deaths:
            lose_worker(run.engine, statements, written, summing, run, package)
            # A process that dies takes its locks along.
            run.engine.dispose()
        until_done(lambda package=package: written(summing, run, package))
    summing.served.values, summing.served.sums = [], []
    report(run, summing.now)


def written(summing: SummingExchange, run: Run, package: IdRange) -> Any:
    waiting = replace(QUICK, sleep=summing.served.catch_up)
    return upsert(run, package, summing.today, summing.tenant.target, waiting)


def until_done(task: Callable[[], Any]) -> None:
    """As Airflow tries a task again; more often than faults can be played."""
    for _ in range(10):
        try:
            return task()
        except SourceUnavailable:
            continue
    raise AssertionError("the package is never written")
