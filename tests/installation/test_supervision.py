"""The installation's processes are watched, recorded, and stopped with what nobody noted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profile_exchange.installation import record
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.processes import Command, ProcessStopped
from profile_exchange.installation.supervision import NotReady, Supervisor

FOREVER = "import signal; signal.pause()"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


@pytest.fixture
def supervisor(layout: Layout) -> Iterator[Supervisor]:
    supervisor = Supervisor(layout, record.Record(launcher=os.getpid()))
    yield supervisor
    supervisor.stop_all()


def python(layout: Layout, name: str, program: str) -> Command:
    return Command(name, [sys.executable, "-c", program], dict(os.environ), layout.airflow)


def test_what_runs_is_in_the_record_until_it_is_stopped(
    layout: Layout, supervisor: Supervisor
) -> None:
    one = supervisor.start(python(layout, "one", FOREVER))
    other = supervisor.start(python(layout, "other", FOREVER))
    noted = record.read(layout)
    assert noted
    assert noted.processes == (one.started, other.started)
    supervisor.stop_all()
    noted = record.read(layout)
    assert noted
    assert noted.processes == ()
    assert not psutil.pid_exists(one.started.pid)


def test_waiting_ends_when_a_process_does(layout: Layout, supervisor: Supervisor) -> None:
    supervisor.start(python(layout, "scheduler", "raise SystemExit('no database')"))
    with pytest.raises(ProcessStopped, match=r"scheduler stopped by itself[\s\S]*no database"):
        supervisor.wait_until(lambda: False, "Never", 60)


def test_waiting_ends_after_its_time_and_says_what_did_not_happen(supervisor: Supervisor) -> None:
    with pytest.raises(NotReady, match="Airflow did not answer within 0 s"):
        supervisor.wait_until(lambda: False, "Airflow did not answer", 0)


def test_a_process_that_nobody_noted_is_stopped_too(layout: Layout, supervisor: Supervisor) -> None:
    unnoted = subprocess.Popen(
        [sys.executable, "-c", FOREVER], cwd=layout.airflow, start_new_session=True
    )
    supervisor.stop_all()
    assert unnoted.poll() is not None


def test_a_child_that_works_elsewhere_is_none_of_its_business(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    other = subprocess.Popen([sys.executable, "-c", FOREVER], cwd=tmp_path)
    try:
        supervisor.stop_all()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
