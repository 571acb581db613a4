"""A worker that dies between what it intends and what it hears: nothing is added twice, or lost."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from tests.remote import dying
from tests.remote.scripted_tenant import Played
from tests.remote.summing import SummingExchange
from tests.tenants import faults
from tests.tenants.scripted_partner import Answer


@pytest.mark.parametrize("processed", [True, False], ids=["after it was added", "before"])
@pytest.mark.parametrize("kind", ["sums", "values"])
def test_a_process_that_is_killed_while_it_waits_for_the_answer(
    summing: SummingExchange, kind: str, *, processed: bool
) -> None:
    summing.receives({1: ("a", 3), 2: ("b", 4)})
    run, admission = summing.gated()
    (package,) = admission.packages
    workers: list[subprocess.Popen[str]] = []

    def kill(_: Any) -> Answer:
        os.kill(workers[0].pid, signal.SIGKILL)
        workers[0].wait()
        return faults.hung_up(None)

    setattr(summing.served, kind, [Played(kill, processed)])
    workers.append(dying.start(summing, run, package, summing.served.base_url))
    _, said = workers[0].communicate(timeout=60)
    assert workers[0].returncode == -signal.SIGKILL, said
    assert summing.open_sums() == (2 if kind == "sums" else 0)
    assert summing.finish(run, admission).counts.modified == 2
    assert (summing.articles("a", "b"), summing.served.added) == (["3", "4"], 2)
    assert summing.open_sums() == 0


def test_a_run_that_takes_over_from_a_dead_one_settles_what_that_left_open(
    summing: SummingExchange,
) -> None:
    """Nobody cleared the task: the next run finds the intents."""
    summing.receives({1: ("a", 3)})
    run, admission = summing.gated()
    workers: list[subprocess.Popen[str]] = []

    def kill(_: Any) -> Answer:
        os.kill(workers[0].pid, signal.SIGKILL)
        workers[0].wait()
        return faults.hung_up(None)

    summing.served.sums = [Played(kill)]
    workers.append(dying.start(summing, run, admission.packages[0], summing.served.base_url))
    workers[0].communicate(timeout=60)
    summing.receives({1: ("a", 8)})
    summing.run()
    assert (summing.articles("a"), summing.served.added) == (["8"], 2)
    assert summing.open_sums() == 0
